"""A chart as a static SVG, drawn from plotly's JSON without a browser: the same bytes every time.

Knows what the workbook's charts use: scatter (lines, markers, text, areas), bars, heat maps, flows, error bars,
shapes, annotations, several axes. Colours of the house are CSS variables, so that a page's dark mode reaches them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

from cxlab.figures.style import SEQUENCE
from cxlab.workbook import pen

_DATE = re.compile(r"\d{4}-\d\d(-\d\d)?([T ].*)?")
_CLOUD = 150  # points beyond which a cloud is drawn as one shape, without intervals and words
_END = {"left": "start", "right": "end"}


def svg(figure: Mapping[str, Any], *, width: int, label: str, height: int | None = None) -> str:
    """Return the picture of a figure, without its title; empty where it holds a kind of trace not known here.

    ``figure`` has ``data`` and ``layout`` as plotly writes them; sizes are in pixels; ``label`` is the text
    alternative.
    """
    traces = [trace for trace in figure["data"] if trace.get("visible", True) is True]
    if not traces or any(trace.get("type", "scatter") not in _DRAW for trace in traces):
        return ""
    canvas = _Canvas(traces, figure.get("layout", {}), width, height)
    drawn, high = "".join(canvas.draw()), f"{canvas.height:.0f}"
    size = f'viewBox="0 0 {width} {high}" width="{width}" height="{high}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}" font-size="{pen.FONT}">{drawn}</svg>'


def height_of(layout: Mapping[str, Any]) -> int:
    """Return the height that a chart has without its title."""
    return max(300, (layout.get("height") or 420) - 14 - 22 * len(pen.rows(layout.get("title"))))


def _title(axis: _Axis, width: float) -> list[str]:
    return [row for row in pen.rows(axis.facts.get("title"), int(width / 8)) if row]


def _pick(value: Any, i: int) -> Any:
    return (value[i] if i < len(value) else None) if isinstance(value, list) else value


def _known(*lists: Sequence[Any]) -> list[tuple]:
    return [pair for pair in zip(*lists, strict=False) if None not in pair]


class _Axis:
    """Where values lie on a stretch of pixels, and its ticks."""

    def __init__(
        self, facts: Mapping[str, Any], values: list[Any], letter: str, bars: bool, cells: bool
    ) -> None:
        self.facts, self.letter, self.turned, self.start, self.end = facts, letter, False, 0.0, 1.0
        values = [value for value in values if value is not None]
        words = [value for value in values if isinstance(value, str)]
        self.dates = bool(words) and facts.get("type") != "category" and all(map(_DATE.fullmatch, words))
        self.names = list(dict.fromkeys(map(str, values))) if words and not self.dates else []
        self.log = facts.get("type") == "log"
        numbers = sorted(filter(math.isfinite, map(self.number, values))) or [0.0, 1.0]
        low, high = numbers[0], numbers[-1]
        pad = 0.5 if self.names or cells else (high - low or abs(high) or 1.0) * 0.06
        auto = low - pad if not bars or low < 0 else 0.0, high + pad if not bars or high > 0 else 0.0
        own = [v if v is None or self.log else self.number(v) for v in facts.get("range") or [None, None]]
        self.low, self.high = (a if v is None else v for v, a in zip(own, auto, strict=True))
        if facts.get("autorange") == "reversed":
            self.low, self.high = self.high, self.low
        self.high += self.low == self.high

    def number(self, value: Any) -> float:
        """Return a value on the axis' scale: categories by place, dates as days, logarithms."""
        if self.names:
            return float(self.names.index(str(value)) if str(value) in self.names else value)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value if len(value) > 7 else f"{value}-01")
            return moment.toordinal() + moment.hour / 24 + moment.minute / 1440
        return (math.log10(value) if value > 0 else math.nan) if self.log else float(value)

    def at(self, value: Any) -> float:
        """Return the pixel of a value."""
        return self.part((self.number(value) - self.low) / (self.high - self.low))

    def part(self, share: float) -> float:
        return self.start + share * (self.end - self.start)

    def ticks(self, pixels: float, wide: int) -> list[tuple[Any, list[str]]]:
        """Return values and labels of the ticks for so many pixels, labels ``wide`` characters at most."""
        facts, (low, high) = self.facts, sorted((self.low, self.high))
        if facts.get("showticklabels") is False or facts.get("visible") is False:
            return []
        if facts.get("tickvals") is not None:
            words = facts.get("ticktext") or map(self.show, facts["tickvals"])
            return [(v, pen.rows(w, wide)) for v, w in zip(facts["tickvals"], words, strict=False)]
        if self.names:
            return [(name, pen.rows(name, wide)) for name in self.names]
        if self.log:
            tens = [10.0**k for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
            return [(v, [self.show(v)]) for v in tens]
        rough = (high - low) / max(2, int(pixels / (95 if self.letter == "x" else 55)))
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
        marks = [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
        if self.dates:
            days = [date.fromordinal(round(mark)) for mark in marks]
            return [(f"{day:%Y-%m-%d}", [f"{day.day} {day:%b %Y}"]) for day in days]
        return [(mark, [self.show(mark, step)]) for mark in marks]

    def show(self, value: Any, step: float = 0.0) -> str:
        if (self.facts.get("tickformat") or "").endswith("%"):
            text = f"{100 * value + 0.0:.{0 if step >= 0.0099 or not step else 1}f} %"
        else:
            digits = 0 if value == round(value) and step >= 1 or not step else 2
            digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step else digits
            text = f"{round(value, digits) + 0.0:,.{digits}f}"
        return f"{self.facts.get('tickprefix') or ''}{text}{self.facts.get('ticksuffix') or ''}".replace(
            "-", "−"
        )


class _Canvas:
    def __init__(self, traces: list[dict], layout: Mapping[str, Any], width: int, height: int | None) -> None:
        self.traces, self.layout, self.width = traces, layout, width
        self.height = float(height or height_of(layout))
        placed = [trace for trace in traces if trace.get("type") != "sankey"]
        self.pairs = dict.fromkeys((t.get("xaxis", "x"), t.get("yaxis", "y")) for t in placed)
        self.axes = {
            name: self._axis(name) for name in dict.fromkeys(name for pair in self.pairs for name in pair)
        }
        self.stacked = layout.get("barmode") in ("stack", "relative")
        self._margins()

    def _axis(self, name: str) -> _Axis:
        letter, values, bars = name[0], [], False
        mine = [t for t in self.traces if t.get(f"{letter}axis", letter) == name]
        sums: dict[Any, float] = {}
        for trace in mine:
            other = trace.get("xy"[letter == "x"]) or []
            own = trace.get(letter) or list(range(len(trace.get("z") or other)))
            if trace.get("type") == "bar" and (trace.get("orientation") == "h") == (letter == "x"):
                bars = True
                for key, value in (
                    _known(other, own) if self.layout.get("barmode") in ("stack", "relative") else []
                ):
                    sums[key] = sums.get(key, 0.0) + value
            error = trace.get(f"error_{letter}") or {}
            up = error.get("array") or []
            values += [*own, *(a + b for a, b in _known(own, up))]
            values += [a - b for a, b in _known(own, error.get("arrayminus") or up)]
        if not any(isinstance(value, str) for value in values):
            shapes = [s for s in self.layout.get("shapes", []) if s.get(f"{letter}ref", letter) == name]
            values += [shape[letter + end] for shape in shapes for end in "01"]
        facts = self.layout.get(f"{letter}axis{name[1:]}") or {}
        return _Axis(facts, [*values, *sums.values()], letter, bars, any("z" in trace for trace in mine))

    def _margins(self) -> None:
        """Leave room for tick labels, axis titles and the legend."""
        layout, row, x = self.layout, 0, 12.0
        named = [t for t in self.traces if t.get("name") and t.get("showlegend", len(self.traces) > 1)]
        self.legend: list[tuple[dict, float, int]] = []
        for trace in named if layout.get("showlegend", len(named) > 1) else []:
            size = pen.wide(pen.rows(trace["name"])) + 40
            x, row = (12.0, row + 1) if x > 12 and x + size > self.width else (x, row or 1)
            self.legend.append((trace, x, row))
            x += size
        self.foot = 24.0 * row
        notes = layout.get("annotations", [])
        left, right, bottom, top = 12.0, 20.0, 14 + self.foot, 12.0
        top += 18 * any(n.get("yref") in ("paper", "y domain") and n.get("y", 0) >= 1 for n in notes)
        for axis in sorted(self.axes.values(), key=lambda axis: axis.letter, reverse=True):
            low, high = axis.facts.get("domain") or (0, 1)
            room = (high - low) * (self.width - left - right)
            if axis.letter == "y":
                words = max(
                    (pen.wide(label) for _, label in axis.ticks(self.height, self.width // 20)), default=0
                )
                left = max(left, 16 + words + 22 * bool(_title(axis, 400)))
                continue
            labels = [label for _, label in axis.ticks(room, 18)]
            axis.turned = max(map(pen.wide, labels), default=0) * len(labels) > room * 1.1
            deep = [
                pen.wide([" ".join(words)]) * 0.62 if axis.turned else 17 * len(words) for words in labels
            ]
            bottom = max(
                bottom,
                18 + self.foot + max(deep, default=0) + 8 * axis.turned + 19 * len(_title(axis, self.width)),
            )
        self.box = left, top, self.width - right, self.height - bottom
        for axis in self.axes.values():
            low, high = axis.facts.get("domain") or (0, 1)
            start, size = (
                (left, self.box[2] - left) if axis.letter == "x" else (self.box[3], top - self.box[3])
            )
            axis.start, axis.end = start + low * size, start + high * size

    def draw(self) -> Iterable[str]:
        for names in self.pairs:
            x, y = (self.axes[name] for name in names)
            yield from self._grid(x, y)
            yield from self._grid(y, x)
        yield from self._shapes(True)
        for number, trace in enumerate(self.traces):
            faint = trace.get("opacity", 1)
            if faint != 1:
                yield f'<g opacity="{faint:g}">'
            x, y = (self.axes.get(trace.get(f"{letter}axis", letter)) for letter in "xy")
            yield from _DRAW[trace.get("type", "scatter")](self, trace, number, x, y)
            yield "</g>" if faint != 1 else ""
        yield from self._shapes(False)
        yield from self._notes()
        for trace, at, row in self.legend:
            marker, line = trace.get("marker") or {}, trace.get("line") or {}
            shade = marker.get("color") if isinstance(marker.get("color"), str) else line.get("color")
            y = self.height - self.foot + 24 * row - 14
            if "lines" in trace.get("mode", "" if trace.get("type") == "bar" else "lines"):
                yield pen.path(
                    f"M{at:.0f} {y:.0f}h22",
                    pen.paint(line.get("color") or shade, "stroke"),
                    2.5,
                    line.get("dash"),
                )
            else:
                yield pen.mark(at + 11, y, 11, marker.get("symbol", "square"), pen.paint(shade))
            yield pen.text(at + 28, y, [" ".join(pen.rows(trace["name"]))], "start")

    def _grid(self, axis: _Axis, other: _Axis) -> Iterable[str]:
        across, (low, high) = axis.letter == "x", sorted((axis.start, axis.end))
        for value, rows in axis.ticks(high - low, 18 if across else self.width // 20):
            at = axis.at(value)
            if not low - 1 <= at <= high + 1:
                continue
            if axis.facts.get("showgrid", True):
                ends = f"M{at:.1f} {other.start:.1f}V" if across else f"M{other.start:.1f} {at:.1f}H"
                yield pen.path(f"{ends}{other.end:.1f}", pen.paint("rgba(128,128,128,0.3)", "stroke"))
            if not across:
                yield pen.text(other.start - 8, at, rows, "end")
            elif axis.turned:
                yield pen.text(at + 4, other.start + 12, [" ".join(rows)], "end", turn=-36)
            else:
                yield pen.text(at, other.start + 6 + 8.5 * len(rows), rows)
        title = _title(axis, self.width if across else 400) if axis.facts.get("visible", True) else []
        if title and across:
            half = pen.wide(title) / 2 + 4
            middle = min(max((low + high) / 2, half), max(self.width - half, self.width / 2))
            yield pen.text(middle, self.height - self.foot - 4 - 9.5 * len(title), title)
        elif title:
            yield pen.text(14, (low + high) / 2, [" ".join(title)], turn=-90)

    def _place(self, value: Any, ref: str, letter: str) -> float:
        """Return the pixel of a shape's or annotation's coordinate: on an axis, or as a part of the plot."""
        axis = self.axes.get(ref.split(" ")[0])
        if axis is None:
            left, top, right, bottom = self.box
            return left + value * (right - left) if letter == "x" else bottom - value * (bottom - top)
        return axis.part(value) if "domain" in ref else axis.at(value)

    def _shapes(self, below: bool) -> Iterable[str]:
        for shape in self.layout.get("shapes", []):
            if (shape.get("layer") == "below") != below:
                continue
            ends = [(letter + end, letter) for end in "01" for letter in "xy"]
            x0, y0, x1, y1 = (self._place(shape[key], shape.get(f"{k}ref", k), k) for key, k in ends)
            line = shape.get("line") or {}
            style = (
                pen.paint(line.get("color", "#6b6b6b"), "stroke") if line.get("width", 2) else "stroke:none"
            )
            if shape.get("type") == "line":
                yield pen.path(
                    f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", style, line.get("width", 2), line.get("dash")
                )
            elif shape.get("type", "rect") == "rect":
                fill = pen.paint(shape.get("fillcolor") or "none", alpha=shape.get("opacity", 1))
                yield pen.rect(x0, y0, x1, y1, f"{fill};{style}")

    def _notes(self) -> Iterable[str]:
        for note in self.layout.get("annotations", []):
            x, y = (self._place(note.get(k, 0.5), note.get(f"{k}ref", k), k) for k in "xy")
            shade, (left, top) = note.get("arrowcolor") or "#6b6b6b", (x, y)
            if note.get("showarrow", True):
                away = {"x": note.get("ax", 0), "y": note.get("ay", -30)}
                refs = {k: note.get(f"a{k}ref", "pixel") for k in "xy"}
                left, top = (
                    at + away[k] if refs[k] == "pixel" else self._place(away[k], refs[k], k)
                    for k, at in (("x", x), ("y", y))
                )  # fmt: skip
                yield pen.path(
                    f"M{left:.1f} {top:.1f}L{x:.1f} {y:.1f}",
                    pen.paint(shade, "stroke"),
                    note.get("arrowwidth") or 1.2,
                )
                turn = math.atan2(y - top, x - left)
                wings = [(x - 8 * math.cos(turn + w), y - 8 * math.sin(turn + w)) for w in (0.45, -0.45)]
                points = " ".join(f"{a:.1f},{b:.1f}" for a, b in [(x, y), *wings])
                yield (
                    f'<polygon points="{points}" style="{pen.paint(shade)}"/>'
                    if note.get("arrowhead") != 0
                    else ""
                )
            rows = pen.rows(note.get("text"), int(self.width / 9))
            if any(rows):
                top += {"bottom": -9, "top": 9}.get(note.get("yanchor", ""), 0) * len(rows)
                end = _END.get(note.get("xanchor") or "", "middle")
                paint = pen.paint((note.get("font") or {}).get("color") or "#1f2933")
                yield pen.text(self._inside(left, rows, end), top, rows, end, paint)

    def _inside(self, at: float, rows: Sequence[str], end: str = "middle") -> float:
        half = pen.wide(rows) / 2
        return min(max(at, half), self.width - half) if end == "middle" else at

    def bar(self, trace: dict, number: int, x: _Axis, y: _Axis) -> Iterable[str]:
        flat = trace.get("orientation") == "h"
        key, along, across = ("x", x, y) if flat else ("y", y, x)
        bars = [
            t
            for t in self.traces
            if t.get("type") == "bar" and t.get("xaxis", "x") == trace.get("xaxis", "x")
        ]
        mine = next(i for i, each in enumerate(bars) if each is trace)
        size = (1 - self.layout.get("bargap", 0.2)) / (1 if self.stacked else len(bars))
        place = 0.0 if self.stacked else (mine - (len(bars) - 1) / 2) * size
        for i, (name, value) in enumerate(zip(trace["y" if flat else "x"], trace[key], strict=False)):
            if value is None:
                continue
            start = _pick(trace.get("base"), i) or 0
            start += sum(t[key][i] or 0 for t in bars[:mine] if i < len(t[key])) if self.stacked else 0
            one, two = along.at(start), along.at(start + value)
            unit = (across.end - across.start) / (across.high - across.low)
            middle = across.start + (across.number(name) + place - across.low) * unit
            a, b = middle - size * unit / 2, middle + size * unit / 2
            shade = pen.paint(_pick((trace.get("marker") or {}).get("color"), i) or SEQUENCE[number % 8])
            yield pen.rect(one, a, two, b, shade) if flat else pen.rect(a, one, b, two, shade)
            yield from _whisker(trace, key, i, start + value, middle, along)
            words = pen.rows(_pick(trace.get("text"), i))
            if any(words) and trace.get("textposition", "auto") != "none":
                inside = abs(two - one) > (pen.wide(words) + 12 if flat else 20)
                paint, side = "fill:var(--paper)" if inside else "", (two >= one) != inside
                if flat:
                    yield pen.text(
                        two + (6 if side else -6), middle, words, "start" if side else "end", paint
                    )
                else:
                    yield pen.text(middle, two + (12 if inside else -10), words, "middle", paint)

    def scatter(self, trace: dict, number: int, x: _Axis, y: _Axis) -> Iterable[str]:
        mode, line, marker = trace.get("mode", "lines"), trace.get("line") or {}, trace.get("marker") or {}
        ys = trace.get("y") or []
        xs = trace.get("x") or list(range(len(ys)))
        points = [
            None if None in pair else (x.at(pair[0]), y.at(pair[1])) for pair in zip(xs, ys, strict=False)
        ]
        points = [p if p and all(map(math.isfinite, p)) else None for p in points]
        single = marker.get("color") if isinstance(marker.get("color"), str) else SEQUENCE[number % 8]
        shade, path = line.get("color") or single, pen.trail(points, line.get("shape"))
        if trace.get("fill", "none") != "none" and path:
            ground = ""
            if trace["fill"] == "tonexty" and number:
                last = self.traces[number - 1]
                back = [(x.at(a), y.at(b)) for a, b in _known(last["x"], last["y"])][::-1]
                ground = pen.trail(back, "vh" if line.get("shape") == "hv" else None).replace("M", "L")
            elif trace["fill"] == "tozeroy":
                ends = [p[0] for p in points if p]
                ground = f"L{ends[-1]:.1f} {y.at(0):.1f}L{ends[0]:.1f} {y.at(0):.1f}"
            fill = pen.paint(trace.get("fillcolor") or shade, alpha=1 if trace.get("fillcolor") else 0.3)
            yield pen.path(f"{path}{ground}Z", "stroke:none", 0, "", fill)
        if "lines" in mode and line.get("width", 2) and path:
            yield pen.path(path, pen.paint(shade, "stroke"), line.get("width", 2), line.get("dash"))
        if len(points) > _CLOUD:  # one path for all: dots are its round line ends
            wide = float(_pick(marker.get("size"), 0) or 6)
            spots = "".join(f"M{p[0]:.0f} {p[1]:.0f}h0" for p in dict.fromkeys(filter(None, points)))
            style = pen.paint(shade, "stroke", marker.get("opacity", 1))
            yield pen.path(spots, f"{style};stroke-linecap:round", wide) if "markers" in mode else ""
            points = []
        for i, point in enumerate(points):
            if point is None:
                continue
            yield from _whisker(trace, "x", i, xs[i], point[1], x)
            yield from _whisker(trace, "y", i, ys[i], point[0], y)
            size, own = float(_pick(marker.get("size"), i) or 6), _pick(marker.get("color"), i)
            if "markers" in mode:
                paint = pen.paint(own if isinstance(own, str) else shade, alpha=marker.get("opacity", 1))
                said = [] if "text" in mode else pen.rows(_pick(trace.get("text"), i))
                yield pen.mark(*point, size, _pick(marker.get("symbol"), i) or "circle", paint, said)
            if "text" in mode and any(words := pen.rows(_pick(trace.get("text"), i))):
                where = str(_pick(trace.get("textposition"), i) or "top center").split()
                up = {"top": -1, "bottom": 1}.get(where[0], 0) * (size / 2 + 2 + 8.5 * len(words))
                end = {"left": "end", "right": "start"}.get(where[-1], "middle")
                over = {"start": size / 2 + 4, "end": -size / 2 - 4}.get(end, 0)
                yield pen.text(self._inside(point[0] + over, words, end), point[1] + up, words, end)

    def heat(self, trace: dict, number: int, x: _Axis, y: _Axis) -> Iterable[str]:
        grid = trace["z"]
        seen = [v for row in grid for v in row if v is not None]
        low, high = trace.get("zmin", min(seen, default=0)), trace.get("zmax", max(seen, default=1))
        scale = trace.get("colorscale")
        scale = scale if isinstance(scale, list) else [[0, "#e8f1f8"], [1, "#0072b2"]]
        xs, ys = trace.get("x") or list(range(len(grid[0]))), trace.get("y") or list(range(len(grid)))
        wide, deep = (abs((axis.end - axis.start) / (axis.high - axis.low)) / 2 - 1 for axis in (x, y))
        for i, j in (
            (i, j) for i, row in enumerate(grid) for j, value in enumerate(row) if value is not None
        ):
            rgb = pen.blend(scale, min(max((grid[i][j] - low) / ((high - low) or 1), 0), 1))
            at, down = x.at(xs[j]), y.at(ys[i])
            yield pen.rect(at - wide, down - deep, at + wide, down + deep, f"fill:rgb{rgb}".replace(" ", ""))
            words = pen.rows(_pick(_pick(trace.get("text"), i), j)) if trace.get("texttemplate") else []
            dark = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 140
            yield (
                pen.text(at, down, words, "middle", f"fill:{'#fff' if dark else '#111'}")
                if any(words)
                else ""
            )

    def flow(self, trace: dict, number: int, _x: Any, _y: Any) -> Iterable[str]:
        node, link, height = trace["node"], trace["link"], self.height
        bands, places = _known(link["source"], link["target"], link["value"]), range(len(node["label"]))
        depth = [0 for _ in places]
        for source, target, _ in bands * len(depth):
            depth[target] = max(depth[target], min(depth[source] + 1, len(depth)))
        size = [max(sum(band[2] for band in bands if band[end] == k) for end in (0, 1)) for k in places]
        columns = [[k for k in places if depth[k] == d] for d in range(max(depth) + 1)]
        room = min((height - 30 - 18 * (len(c) - 1)) / (sum(size[k] for k in c) or 1) for c in columns if c)
        spot: dict[int, tuple[float, float]] = {}
        for d, column in enumerate(columns):
            y = (height - sum(size[k] * room for k in column) - 18 * (len(column) - 1)) / 2
            for k in column:
                spot[k], y = (
                    (8 + d * (self.width - 32) / max(len(columns) - 1, 1), y),
                    y + size[k] * room + 18,
                )
        out, into = {k: y for k, (_, y) in spot.items()}, {k: y for k, (_, y) in spot.items()}
        for i, (source, target, value) in enumerate(bands):
            (x0, a), (x1, b), high = (
                (spot[source][0] + 16, out[source]),
                (spot[target][0], into[target]),
                value * room,
            )
            out[source], into[target], m = a + high, b + high, (x0 + x1) / 2
            there = f"M{x0:.1f} {a:.1f}C{m:.1f} {a:.1f} {m:.1f} {b:.1f} {x1:.1f} {b:.1f}v{high:.1f}"
            back = f"C{m:.1f} {b + high:.1f} {m:.1f} {a + high:.1f} {x0:.1f} {a + high:.1f}Z"
            shade = pen.paint(_pick(link.get("color"), i) or "rgba(128,128,128,0.3)")
            yield pen.path(there + back, "stroke:none", 0, "", shade)
        for k, (x, y) in spot.items():
            yield pen.rect(
                x, y, x + 16, y + size[k] * room, pen.paint(_pick(node.get("color"), k) or SEQUENCE[k % 8])
            )
            at, end = (x - 6, "end") if depth[k] and depth[k] == max(depth) else (x + 22, "start")
            yield pen.text(at, y + size[k] * room / 2, pen.rows(node["label"][k]), end)


_DRAW = {
    "scatter": _Canvas.scatter, "scattergl": _Canvas.scatter, "bar": _Canvas.bar, "heatmap": _Canvas.heat,
    "sankey": _Canvas.flow,
}  # fmt: skip


def _whisker(trace: dict, letter: str, i: int, value: Any, at: float, axis: _Axis) -> Iterable[str]:
    error = trace.get(f"error_{letter}") or {}
    up, down = _pick(error.get("array"), i), _pick(error.get("arrayminus"), i)
    if up is None or value is None or error.get("visible") is False:
        return
    one, two, half = (
        axis.at(value - (up if down is None else down)),
        axis.at(value + up),
        error.get("width", 4),
    )
    if letter == "x":
        path = f"M{one:.1f} {at:.1f}H{two:.1f}" + "".join(
            f"M{e:.1f} {at - half:.1f}v{2 * half}" for e in (one, two)
        )
    else:
        path = f"M{at:.1f} {one:.1f}V{two:.1f}" + "".join(
            f"M{at - half:.1f} {e:.1f}h{2 * half}" for e in (one, two)
        )
    yield pen.path(path, pen.paint(error.get("color") or "#6b6b6b", "stroke"), error.get("thickness", 2))
