"""A chart as a static SVG, drawn from plotly's JSON without a browser: the same bytes every time.

Knows what the workbook's charts use: scatter (lines, markers, text, areas), bars, heat maps, flows, error bars, shapes,
annotations, several axes. Colours of the house are CSS variables, so that a page's dark mode reaches them.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from html import escape, unescape
from textwrap import wrap
from typing import Any

from cxlab.figures.style import SEQUENCE

FONT = 14
_KNOWN = {"scatter", "scattergl", "bar", "heatmap", "contour", "sankey"}
_DATE = re.compile(r"\d{4}-\d\d(-\d\d)?([T ].*)?")
_GREY = "rgba(128,128,128,0.3)"
_NAMED = {"white": "var(--card)", "#fff": "var(--card)", "#ffffff": "var(--card)", "#1f2933": "currentColor"}
_DASH = {"dash": "6 4", "dot": "2 3", "dashdot": "6 3 2 3", "longdash": "9 4"}
_END = {"left": "start", "center": "middle", "right": "end", "auto": "middle"}


def svg(figure: Mapping[str, Any], *, width: int, label: str, height: int | None = None) -> str:
    """Return the picture of a figure, without its title; empty where it holds a kind of trace that is not known here.

    ``figure`` has ``data`` and ``layout`` as plotly writes them; sizes are in pixels; ``label`` is the text alternative.
    """
    traces = [trace for trace in figure["data"] if trace.get("visible", True) is True]
    if not traces or any(trace.get("type", "scatter") not in _KNOWN for trace in traces):
        return ""
    canvas = _Canvas(traces, figure.get("layout", {}), width, height)
    drawn = "".join(canvas.draw())
    size = f'viewBox="0 0 {width} {canvas.height:.0f}" width="{width}" height="{canvas.height:.0f}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}" font-size="{FONT}">{drawn}</svg>'


def plain_arrays(value: Any) -> Any:
    """Return plotly's base64 arrays as lists."""
    if isinstance(value, list):
        return [plain_arrays(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not {"bdata", "dtype"} <= set(value):
        return {key: plain_arrays(item) for key, item in value.items()}
    import numpy as np

    array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
    return array.reshape([int(size) for size in str(value.get("shape", -1)).split(",")]).tolist()


def _lines(text: Any, width: int = 0) -> list[str]:
    """Return a label's lines as plain text, wrapped anew where it must be narrower."""
    rows = [unescape(re.sub(r"<[^>]+>", "", row)).strip() for row in re.split(r"<br\s*/?>", str(text or ""))]
    return (wrap(" ".join(rows), max(width, 9)) or [""]) if width and max(map(len, rows)) > width else rows


def _wide(rows: Iterable[str]) -> float:
    return max(map(len, rows), default=0) * FONT * 0.55


def _title(facts: Mapping[str, Any], width: float) -> list[str]:
    title = facts.get("title") or ""
    return [
        row for row in _lines(title.get("text") if isinstance(title, dict) else title, int(width / 8)) if row
    ]


def _rgb(colour: Any) -> tuple[str, float]:
    text = str(colour or SEQUENCE[0]).strip().lower()
    if parts := re.fullmatch(r"rgba?\(([^)]*)\)", text):
        *rgb, alpha = [float(part) for part in parts[1].split(",")] + (
            [1.0] if parts[1].count(",") == 2 else []
        )
        return "#" + "".join(f"{int(part):02x}" for part in rgb), alpha
    return text, 1.0


def _paint(colour: Any, how: str = "fill", alpha: float = 1.0) -> str:
    """Return a style that paints with a colour; the house's colours as variables."""
    text, own = _rgb(colour)
    known = {each.lower() for each in SEQUENCE}
    value = _NAMED.get(text) or (f"var(--c{text[1:]},{text})" if text in known else text)
    return f"{how}:{value}" + (f";{how}-opacity:{alpha * own:g}" if alpha * own < 1 else "")


def _text(
    x: float, y: float, rows: Sequence[str], anchor: str = "middle", style: str = "", turn: int = 0
) -> str:
    """Return lines of text, centred on ``y``."""
    top = (0.35 - 0.6 * (len(rows) - 1)) * FONT
    spans = "".join(
        f'<tspan x="0" y="{top + i * FONT * 1.2:.0f}">{escape(row)}</tspan>' for i, row in enumerate(rows)
    )
    turned = f" rotate({turn})" if turn else ""
    return (
        f'<text transform="translate({x:.1f} {y:.1f}){turned}" text-anchor="{anchor}" '
        f'style="{style or "fill:currentColor"}">{spans}</text>'
    )


def _path(points: str, style: str, width: float = 1.0, dash: str | None = "", fill: str = "fill:none") -> str:
    dashed = f' stroke-dasharray="{_DASH[dash]}"' if dash in _DASH else ""
    return f'<path d="{points}" style="{fill};{style}" stroke-width="{width:g}"{dashed}/>'


def _rect(x0: float, y0: float, x1: float, y1: float, style: str) -> str:
    x, y, wide, high = min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" style="{style}"/>'


class _Axis:
    """Where values lie on a stretch of pixels, and its ticks."""

    def __init__(
        self, facts: Mapping[str, Any], values: list[Any], letter: str, bars: bool, cells: bool
    ) -> None:
        self.facts, self.letter, self.turned = facts, letter, False
        values = [value for value in values if value is not None]
        words = [value for value in values if isinstance(value, str)]
        self.dates = bool(words) and facts.get("type") != "category" and all(map(_DATE.fullmatch, words))
        self.names = list(dict.fromkeys(map(str, values))) if words and not self.dates else []
        self.log = facts.get("type") == "log"
        numbers = sorted(filter(math.isfinite, map(self.number, values))) or [0.0, 1.0]
        low, high = numbers[0], numbers[-1]
        pad = 0.5 if self.names or cells else (high - low or abs(high) or 1.0) * 0.06
        if bars:
            low, high = (low - pad if low < 0 else 0.0), (high + pad if high > 0 else 0.0)
        else:
            low, high = low - pad, high + pad
        given = facts.get("range") or [None, None]
        ends = [v if v is None or self.log else self.number(v) for v in given]
        self.low, self.high = (
            auto if own is None else own for own, auto in zip(ends, (low, high), strict=True)
        )
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
        return self.start + (self.number(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, pixels: float, wide: int) -> list[tuple[Any, list[str]]]:
        """Return values and labels of the ticks for a stretch of about ``pixels``, labels ``wide`` characters at most."""
        facts, (low, high) = self.facts, sorted((self.low, self.high))
        if facts.get("showticklabels") is False or facts.get("visible") is False:
            return []
        if facts.get("tickvals") is not None:
            words = facts.get("ticktext") or map(self.show, facts["tickvals"])
            return [(v, _lines(w, wide)) for v, w in zip(facts["tickvals"], words, strict=False)]
        if self.names:
            return [(name, _lines(name, wide)) for name in self.names]
        if self.log:
            tens = [10.0**k * f for k in range(math.floor(low), math.ceil(high) + 1) for f in (1, 2, 5)]
            shown = [v for v in tens if low - 1e-9 <= math.log10(v) <= high + 1e-9]
            return [
                (v, [self.show(v)])
                for v in (shown if len(shown) < 7 else [v for v in shown if f"{v:e}"[0] == "1"])
            ]
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
            digits = (
                max(0, -math.floor(math.log10(step) + 1e-9)) if step else 0 if value == round(value) else 2
            )
            text = f"{round(value, digits) + 0.0:,.{digits}f}"
        return f"{self.facts.get('tickprefix') or ''}{text}{self.facts.get('ticksuffix') or ''}".replace(
            "-", "−"
        )


class _Canvas:
    def __init__(self, traces: list[dict], layout: Mapping[str, Any], width: int, height: int | None) -> None:
        self.traces, self.layout, self.width = traces, layout, width
        title = layout.get("title") or {}
        rows = len(_lines(title.get("text") if isinstance(title, dict) else title))
        self.height = float(height or max(300, (layout.get("height") or 420) - 14 - 22 * rows))
        self.pairs = dict.fromkeys(
            (t.get("xaxis", "x"), t.get("yaxis", "y")) for t in traces if t.get("type") != "sankey"
        )
        self.axes = {
            name: self._axis(name) for name in dict.fromkeys(name for pair in self.pairs for name in pair)
        }
        self._margins()

    def _axis(self, name: str) -> _Axis:
        letter, values, bars = name[0], [], False
        mine = [
            t for t in self.traces if t.get(f"{letter}axis", letter) == name and t.get("type") != "sankey"
        ]
        stacked: dict[Any, float] = {}
        for trace in mine:
            other = trace.get("xy"[letter == "x"]) or []
            own = trace.get(letter) or list(range(len(trace.get("z") or other)))
            if trace.get("type") == "bar" and (trace.get("orientation") == "h") == (letter == "x"):
                bars = True
                if self.layout.get("barmode") in ("stack", "relative"):
                    for key, value in zip(other, own, strict=False):
                        stacked[key] = stacked.get(key, 0.0) + (value or 0)
            error = trace.get(f"error_{letter}") or {}
            up = error.get("array") or []
            values += own
            values += [a + b for a, b in zip(own, up, strict=False) if None not in (a, b)]
            values += [
                a - b for a, b in zip(own, error.get("arrayminus") or up, strict=False) if None not in (a, b)
            ]
        if not any(isinstance(value, str) for value in values):
            shapes = [s for s in self.layout.get("shapes", []) if s.get(f"{letter}ref", letter) == name]
            values += [shape[letter + end] for shape in shapes for end in "01"]
        cells = any("z" in trace for trace in mine)
        facts = self.layout.get(f"{letter}axis{name[1:]}") or {}
        return _Axis(facts, values + list(stacked.values()), letter, bars, cells)

    def _margins(self) -> None:
        """Leave room for tick labels, axis titles and the legend."""
        layout, rows, x = self.layout, 0, 12.0
        named = [t for t in self.traces if t.get("name") and t.get("showlegend", len(self.traces) > 1)]
        self.legend: list[tuple[dict, float, int]] = []
        for trace in named if layout.get("showlegend", len(named) > 1) else []:
            size = _wide(_lines(trace["name"])) + 40
            x, rows = (12.0, rows + 1) if x > 12 and x + size > self.width else (x, rows or 1)
            self.legend.append((trace, x, rows))
            x += size
        self.foot = 24 * rows
        high = any(
            a.get("yref") in ("paper", "y domain") and a.get("y", 0) >= 1
            for a in layout.get("annotations", [])
        )
        left, right, bottom, top = 12.0, 18.0, 14.0 + self.foot, 30.0 if high else 12.0
        for axis in (axis for axis in self.axes.values() if axis.letter == "y"):
            words = max((_wide(label) for _, label in axis.ticks(self.height, self.width // 20)), default=0)
            left = (
                max(left, 16 + words + (22 if _title(axis.facts, 400) else 0))
                if not axis.facts.get("overlaying")
                else left
            )
        for axis in (axis for axis in self.axes.values() if axis.letter == "x"):
            low, high = axis.facts.get("domain") or (0, 1)
            labels = [label for _, label in axis.ticks((high - low) * (self.width - left), 18)]
            axis.turned = max(map(_wide, labels), default=0) * len(labels) > (high - low) * (
                self.width - left - right
            )
            deep = max(
                (_wide([" ".join(w)]) * 0.62 if axis.turned else 17 * len(w) for w in labels), default=0
            )
            bottom = max(bottom, 18 + self.foot + deep + 19 * len(_title(axis.facts, self.width)))
        right += 60 * any("z" in t and t.get("showscale", True) for t in self.traces)
        self.box = left, top, self.width - right, self.height - bottom
        for axis in self.axes.values():
            low, high = axis.facts.get("domain") or (0, 1)
            start, size = (
                (left, self.width - right - left)
                if axis.letter == "x"
                else (self.height - bottom, top + bottom - self.height)
            )
            axis.start, axis.end = start + low * size, start + high * size

    def draw(self) -> Iterable[str]:
        for x, y in self.pairs:
            yield from self._grid(self.axes[x], self.axes[y])
        yield from self._shapes(True)
        for number, trace in enumerate(self.traces):
            if trace.get("type") == "sankey":
                yield from _sankey(trace, self.width, self.height)
                continue
            x, y = self.axes[trace.get("xaxis", "x")], self.axes[trace.get("yaxis", "y")]
            draw = _heat if "z" in trace else self._bar if trace.get("type") == "bar" else self._scatter
            yield from draw(trace, number, x, y)
        yield from self._shapes(False)
        yield from self._notes()
        for trace, at, row in self.legend:
            marker, line = trace.get("marker") or {}, trace.get("line") or {}
            shade = marker.get("color") if isinstance(marker.get("color"), str) else line.get("color")
            y = self.height - self.foot + 24 * row - 14
            if "lines" in trace.get("mode", "lines" if trace.get("type", "scatter") == "scatter" else ""):
                yield _path(
                    f"M{at:.0f} {y:.0f}h22",
                    _paint(line.get("color") or shade, "stroke"),
                    2.5,
                    line.get("dash"),
                )
            else:
                yield _mark(at + 11, y, 11, marker.get("symbol", "square"), _paint(shade))
            yield _text(at + 28, y, [" ".join(_lines(trace["name"]))], "start")

    def _grid(self, x: _Axis, y: _Axis) -> Iterable[str]:
        for axis, other in ((x, y), (y, x)):
            across = axis.letter == "x"
            facts, low, high = axis.facts, *sorted((axis.start, axis.end))
            for value, rows in axis.ticks(high - low, 18 if across else self.width // 20):
                at = axis.at(value)
                if not low - 1 <= at <= high + 1:
                    continue
                if facts.get("showgrid", True):
                    where = (
                        f"M{at:.1f} {y.start:.1f}V{y.end:.1f}"
                        if across
                        else f"M{x.start:.1f} {at:.1f}H{x.end:.1f}"
                    )
                    yield _path(where, _paint(_GREY, "stroke"))
                if across and axis.turned:
                    yield _text(at + 4, other.start + 12, [" ".join(rows)], "end", turn=-36)
                elif across:
                    yield _text(at, other.start + 6 + 8.5 * len(rows), rows)
                else:
                    yield _text(x.start - 8, at, rows, "end")
            title = (
                _title(facts, high - low if not across else self.width) if facts.get("visible", True) else []
            )
            if title and across:
                yield _text((low + high) / 2, self.height - self.foot - 4 - 9.5 * len(title), title)
            elif title:
                yield _text(14, (low + high) / 2, title[:1], turn=-90)

    def _place(self, value: Any, ref: str | None, letter: str) -> float:
        """Return the pixel of a shape's or annotation's coordinate: on an axis, or as a part of the plot."""
        left, top, right, bottom = self.box
        axis = self.axes.get((ref or letter).split(" ")[0])
        if ref == "paper" or axis is None:
            return left + value * (right - left) if letter == "x" else bottom - value * (bottom - top)
        return axis.start + value * (axis.end - axis.start) if "domain" in ref else axis.at(value)

    def _shapes(self, below: bool) -> Iterable[str]:
        for shape in self.layout.get("shapes", []):
            if (shape.get("layer") == "below") != below or shape.get("type", "rect") == "path":
                continue
            x0, x1 = (self._place(shape[f"x{end}"], shape.get("xref", "x"), "x") for end in "01")
            y0, y1 = (self._place(shape[f"y{end}"], shape.get("yref", "y"), "y") for end in "01")
            line = shape.get("line") or {}
            width = line.get("width", 2)
            style = _paint(line.get("color", "#6b6b6b"), "stroke") if width else "stroke:none"
            if shape.get("type") == "line":
                yield _path(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", style, width, line.get("dash"))
            elif shape.get("type") == "circle":
                fill = _paint(shape.get("fillcolor") or "none", alpha=shape.get("opacity", 1))
                middle = f'cx="{(x0 + x1) / 2:.1f}" cy="{(y0 + y1) / 2:.1f}"'
                yield f'<ellipse {middle} rx="{abs(x1 - x0) / 2:.1f}" ry="{abs(y1 - y0) / 2:.1f}" style="{fill};{style}"/>'
            else:
                fill = _paint(shape.get("fillcolor") or "none", alpha=shape.get("opacity", 1))
                yield _rect(x0, y0, x1, y1, f"{fill};{style}")

    def _notes(self) -> Iterable[str]:
        for note in self.layout.get("annotations", []):
            x, y = (self._place(note.get(k, 0.5), note.get(f"{k}ref", k), k) for k in "xy")
            tail = x, y
            if note.get("showarrow", True):
                ends = [
                    (k, note.get(f"a{k}", -30 if k == "y" else 0), note.get(f"a{k}ref", "pixel"))
                    for k in "xy"
                ]
                tail = tuple(
                    at + end if ref == "pixel" else self._place(end, ref, k)
                    for (k, end, ref), at in zip(ends, (x, y), strict=True)
                )
                shade = _paint(note.get("arrowcolor") or "#6b6b6b", "stroke")
                yield _path(
                    f"M{tail[0]:.1f} {tail[1]:.1f}L{x:.1f} {y:.1f}", shade, note.get("arrowwidth") or 1.2
                )
                turn = math.atan2(y - tail[1], x - tail[0])
                if note.get("arrowhead") != 0:
                    wings = [(x - 8 * math.cos(turn + w), y - 8 * math.sin(turn + w)) for w in (0.45, -0.45)]
                    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in [(x, y), *wings])
                    yield f'<polygon points="{points}" style="{_paint(note.get("arrowcolor") or "#6b6b6b")}"/>'
            rows = _lines(note.get("text"), int(self.width / 9))
            if not any(rows):
                continue
            up = {"bottom": -9 * len(rows), "top": 9 * len(rows)}.get(note.get("yanchor", ""), 0)
            where = note.get("xanchor") or "auto"
            left = (
                min(max(tail[0], 4 + _wide(rows) / 2), self.width - 4 - _wide(rows) / 2)
                if _END[where] == "middle"
                else tail[0]
            )
            yield _text(
                left,
                tail[1] + up,
                rows,
                _END[where],
                _paint((note.get("font") or {}).get("color") or "#1f2933"),
            )

    def _bar(self, trace: dict, number: int, x: _Axis, y: _Axis) -> Iterable[str]:
        flat = trace.get("orientation") == "h"
        names, values = (trace["y"], trace["x"]) if flat else (trace["x"], trace["y"])
        along, across = (x, y) if flat else (y, x)
        bars = [
            t
            for t in self.traces
            if t.get("type") == "bar" and t.get("xaxis", "x") == trace.get("xaxis", "x")
        ]
        piled = self.layout.get("barmode") in ("stack", "relative", "overlay")
        size = (1 - self.layout.get("bargap", 0.2)) / (1 if piled else len(bars))
        place = (
            0.0 if piled else (next(i for i, t in enumerate(bars) if t is trace) - (len(bars) - 1) / 2) * size
        )
        base = trace.get("base") or 0
        for i, (name, value) in enumerate(zip(names, values, strict=False)):
            if value is None:
                continue
            start = base[i] if isinstance(base, list) else base
            if self.layout.get("barmode") in ("stack", "relative"):
                before = bars[: next(j for j, t in enumerate(bars) if t is trace)]
                start += sum(
                    t["x" if flat else "y"][i] or 0 for t in before if i < len(t["x" if flat else "y"])
                )
            middle, one, two = across.number(name) + place, along.at(start), along.at(start + value)
            unit = (across.end - across.start) / (across.high - across.low)
            a, b = (across.start + (middle + s * size / 2 - across.low) * unit for s in (-1, 1))
            shade = _paint(_pick((trace.get("marker") or {}).get("color"), i) or SEQUENCE[number % 8])
            yield _rect(one, a, two, b, shade) if flat else _rect(a, one, b, two, shade)
            yield from _whisker(trace, i, start + value, (a + b) / 2, along, flat)
            words = _lines(_pick(trace.get("text"), i))
            if any(words) and trace.get("textposition", "auto") != "none":
                inside = abs(two - one) > _wide(words) + 12 if flat else abs(two - one) > 20
                paint = "fill:var(--paper)" if inside else ""
                if flat:
                    right = (two >= one) != inside
                    yield _text(
                        two + (6 if right else -6), (a + b) / 2, words, "start" if right else "end", paint
                    )
                else:
                    yield _text((a + b) / 2, two + (12 if inside else -10), words, "middle", paint)

    def _scatter(self, trace: dict, number: int, x: _Axis, y: _Axis) -> Iterable[str]:
        mode = trace.get("mode", "lines")
        xs = trace.get("x") or list(range(len(trace.get("y") or [])))
        pairs = [
            (x.at(a), y.at(b)) if None not in (a, b) else None
            for a, b in zip(xs, trace.get("y") or [], strict=False)
        ]
        points = [p if p and all(map(math.isfinite, p)) else None for p in pairs]
        line, marker = trace.get("line") or {}, trace.get("marker") or {}
        shade = line.get("color") or (
            marker.get("color") if isinstance(marker.get("color"), str) else SEQUENCE[number % 8]
        )
        path = _trail(points, line.get("shape"))
        if trace.get("fill", "none") != "none" and path:
            ground = ""
            if trace["fill"] == "tonexty" and number:
                last = self.traces[number - 1]
                back = [
                    (x.at(a), y.at(b))
                    for a, b in zip(last["x"], last["y"], strict=False)
                    if None not in (a, b)
                ]
                ground = _trail(back[::-1], "vh" if line.get("shape") == "hv" else None).replace("M", "L")
            elif trace["fill"] == "tozeroy":
                ends = [p for p in points if p]
                ground = f"L{ends[-1][0]:.1f} {y.at(0):.1f}L{ends[0][0]:.1f} {y.at(0):.1f}"
            fill = _paint(trace.get("fillcolor") or shade, alpha=1 if trace.get("fillcolor") else 0.3)
            yield _path(f"{path}{ground}Z", "stroke:none", 0, "", fill)
        if "lines" in mode and line.get("width", 2) and path:
            yield _path(path, _paint(shade, "stroke"), line.get("width", 2), line.get("dash"))
        for i, point in enumerate(points):
            if point is None:
                continue
            yield from _whisker(trace, i, trace.get("x", xs)[i], point[1], x, True, "x")
            yield from _whisker(trace, i, trace["y"][i], point[0], y, False, "y")
            size = float(_pick(marker.get("size"), i) or 6)
            if "markers" in mode:
                own = _pick(marker.get("color"), i)
                paint = _paint(own if isinstance(own, str) else shade, alpha=marker.get("opacity", 1))
                yield _mark(*point, size, _pick(marker.get("symbol"), i) or "circle", paint)
            if "text" in mode and any(words := _lines(_pick(trace.get("text"), i))):
                where = str(_pick(trace.get("textposition"), i) or "top center")
                up = {"top": -1, "bottom": 1}.get(where.split()[0], 0) * (size / 2 + 2 + 8.5 * len(words))
                anchor = {"left": "end", "right": "start"}.get(where.split()[-1], "middle")
                over = size / 2 + 4 if anchor == "start" else -size / 2 - 4 if anchor == "end" else 0
                half = _wide(words) / 2 if anchor == "middle" else 0
                at = min(max(point[0] + over, half), self.width - half) if half else point[0] + over
                yield _text(at, point[1] + up, words, anchor)


def _pick(value: Any, i: int) -> Any:
    return (value[i] if i < len(value) else None) if isinstance(value, list) else value


def _trail(points: Sequence[tuple[float, float] | None], shape: str | None) -> str:
    out, last = [], None
    for point in points:
        if point is not None:
            step = (
                ""
                if last is None
                else {"hv": f"H{point[0]:.1f}", "vh": f"V{point[1]:.1f}"}.get(shape or "", "")
            )
            out.append(f"{step}{'M' if last is None else 'L'}{point[0]:.1f} {point[1]:.1f}")
        last = point
    return "".join(out)


def _mark(x: float, y: float, size: float, symbol: str, paint: str) -> str:
    r = size / 2
    corners = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        "triangle-up": [(0, -1.2), (1.15, 0.9), (-1.15, 0.9)],
        "triangle-down": [(0, 1.2), (1.15, -0.9), (-1.15, -0.9)],
        "star": [(math.sin(k * math.pi / 5) * (1.3, 0.6)[k % 2], -math.cos(k * math.pi / 5) * (1.3, 0.6)[k % 2]) for k in range(10)],
        "x": [(-1, -0.4), (-0.4, -1), (0, -0.5), (0.4, -1), (1, -0.4), (0.5, 0), (1, 0.4), (0.4, 1), (0, 0.5), (-0.4, 1), (-1, 0.4), (-0.5, 0)],
    }.get(symbol.removesuffix("-open"))  # fmt: skip
    if symbol.endswith("-open"):
        paint = f"fill:none;{paint.replace('fill', 'stroke')};stroke-width:2"
    if corners is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" style="{paint}"/>'
    return f'<polygon points="{" ".join(f"{x + a * r:.1f},{y + b * r:.1f}" for a, b in corners)}" style="{paint}"/>'


def _whisker(
    trace: dict, i: int, value: Any, at: float, axis: _Axis, flat: bool, letter: str = ""
) -> Iterable[str]:
    error = trace.get(f"error_{letter or ('x' if flat else 'y')}") or {}
    up = _pick(error.get("array"), i)
    if up is None or value is None or error.get("visible") is False:
        return
    down = _pick(error.get("arrayminus"), i)
    one, two = axis.at(value - (up if down is None else down)), axis.at(value + up)
    half = error.get("width", 4)
    ends = "".join(
        f"M{end:.1f} {at - half:.1f}v{2 * half}" if flat else f"M{at - half:.1f} {end:.1f}h{2 * half}"
        for end in (one, two)
    )
    stroke = _paint(error.get("color") or (trace.get("marker") or {}).get("color") or "#6b6b6b", "stroke")
    yield _path(
        (f"M{one:.1f} {at:.1f}H{two:.1f}" if flat else f"M{at:.1f} {one:.1f}V{two:.1f}") + ends,
        stroke,
        error.get("thickness", 2),
    )


def _blend(scale: Sequence[Sequence[Any]], share: float) -> list[int]:
    stops = [
        (stop, [int(_rgb(colour)[0].replace("#fff", "#ffffff")[:7][k : k + 2], 16) for k in (1, 3, 5)])
        for stop, colour in scale
    ]
    for (a, one), (b, two) in zip(stops, stops[1:], strict=False):
        if share <= b:
            part = (share - a) / (b - a or 1)
            return [round(p + (q - p) * part) for p, q in zip(one, two, strict=True)]
    return stops[-1][1]


def _heat(trace: dict, number: int, x: _Axis, y: _Axis) -> Iterable[str]:
    if (trace.get("contours") or {}).get("type") == "constraint":
        return
    grid = trace["z"]
    seen = [v for row in grid for v in row if v is not None]
    low, high = trace.get("zmin", min(seen, default=0)), trace.get("zmax", max(seen, default=1))
    scale = (
        trace.get("colorscale")
        if isinstance(trace.get("colorscale"), list)
        else [[0, "#e8f1f8"], [1, "#0072b2"]]
    )
    xs, ys = (
        trace.get(k) or list(range(n)) for k, n in (("x", len(grid[0]) if grid else 0), ("y", len(grid)))
    )
    half = [
        abs(axis.end - axis.start) / abs(axis.high - axis.low) / 2 * _gap(axis, at) - 1
        for axis, at in ((x, xs), (y, ys))
    ]
    for i, row in enumerate(grid):
        for j, value in enumerate(row):
            if value is None:
                continue
            rgb = _blend(scale, min(max((value - low) / ((high - low) or 1), 0), 1))
            at, down = x.at(xs[j]), y.at(ys[i])
            yield _rect(
                at - half[0],
                down - half[1],
                at + half[0],
                down + half[1],
                f"fill:rgb({','.join(map(str, rgb))})",
            )
            words = _lines(_pick(_pick(trace.get("text"), i), j)) if trace.get("texttemplate") else []
            if any(words):
                dark = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 140
                yield _text(at, down, words, "middle", "fill:#fff" if dark else "fill:#111")
    if trace.get("showscale", True):
        for k in range(5):
            top, value = y.end + k * 24, high - (high - low) * k / 4
            yield _rect(
                x.end + 12,
                top,
                x.end + 28,
                top + 24,
                f"fill:rgb({','.join(map(str, _blend(scale, 1 - k / 4)))})",
            )
            shown = (
                f"{100 * value:.0f} %"
                if "%" in str((trace.get("colorbar") or {}).get("tickformat"))
                else f"{value:.3g}"
            )
            yield _text(x.end + 32, top + 12, [shown.replace("-", "−")], "start")


def _gap(axis: _Axis, values: Sequence[Any]) -> float:
    numbers = sorted({axis.number(value) for value in values})
    return min((b - a for a, b in zip(numbers, numbers[1:], strict=False)), default=1.0)


def _sankey(trace: dict, width: float, height: float) -> Iterable[str]:
    node, link = trace["node"], trace["link"]
    bands = list(zip(link["source"], link["target"], link["value"], strict=True))
    count = len(node["label"])
    depth = [0] * count
    for _ in range(count):
        for source, target, _value in bands:
            depth[target] = max(depth[target], min(depth[source] + 1, count))
    size = [
        max(sum(v for s, _, v in bands if s == k), sum(v for _, t, v in bands if t == k))
        for k in range(count)
    ]
    columns = [[k for k in range(count) if depth[k] == d] for d in range(max(depth) + 1)]
    room = min((height - 30 - 18 * (len(c) - 1)) / (sum(size[k] for k in c) or 1) for c in columns if c)
    spot: dict[int, tuple[float, float]] = {}
    for d, column in enumerate(columns):
        y = (height - sum(size[k] * room for k in column) - 18 * (len(column) - 1)) / 2
        for k in column:
            spot[k] = (8 + d * (width - 32) / max(len(columns) - 1, 1), y)
            y += size[k] * room + 18
    out, into = {k: y for k, (_, y) in spot.items()}, {k: y for k, (_, y) in spot.items()}
    for i, (s, t, value) in enumerate(bands):
        high = value * room
        x0, x1, middle = spot[s][0] + 16, spot[t][0], (spot[s][0] + 16 + spot[t][0]) / 2
        a, b = out[s], into[t]
        out[s], into[t] = a + high, b + high
        curve = (
            f"M{x0:.1f} {a:.1f}C{middle:.1f} {a:.1f} {middle:.1f} {b:.1f} {x1:.1f} {b:.1f}v{high:.1f}"
            f"C{middle:.1f} {b + high:.1f} {middle:.1f} {a + high:.1f} {x0:.1f} {a + high:.1f}Z"
        )
        yield _path(curve, "stroke:none", 0, "", _paint(_pick(link.get("color"), i) or _GREY))
    for k, (x, y) in spot.items():
        yield _rect(x, y, x + 16, y + size[k] * room, _paint(_pick(node.get("color"), k) or SEQUENCE[k % 8]))
        last = depth[k] and depth[k] == max(depth)
        yield _text(
            x - 6 if last else x + 22,
            y + size[k] * room / 2,
            _lines(node["label"][k]),
            "end" if last else "start",
        )
