"""A chart as a static SVG, drawn from plotly's JSON without a browser: the same bytes every time.

Knows what ``figures.general`` uses: points and lines, bars and heat maps on one pair of axes; of
any other figure the page shows the numbers. Colours of the house are CSS variables, so that a picture follows
light and dark.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html import escape, unescape
from textwrap import wrap
from typing import Any

import numpy as np
from markupsafe import Markup

from cxlab.figures.general import SEQUENCE

FONT = 14
CLOUD = 150  # points beyond which a cloud is drawn as one shape, without intervals and words
NARROW = 500  # pixels: a narrower picture has smaller marks and thinner links
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HOUSE = {each.lower() for each in SEQUENCE}
_GRID, _INK = "rgba(128,128,128,0.3)", "#1f2933"
_DASH = {"dash": "6 4", "dot": "2 3", "dashdot": "6 3 2 3"}
_CORNERS = {
    "square": "-1 -1 1 -1 1 1 -1 1",
    "diamond": "0 -1.3 1.3 0 0 1.3 -1.3 0",
    "triangle-up": "0 -1.2 1.15 .9 -1.15 .9",
}


def svg(figure: Mapping[str, Any], *, width: int, label: str, height: int | None = None) -> Markup:
    """Return the picture of a figure, without its title; empty where it holds what is not known here.

    ``figure`` is as plotly writes it; sizes are in pixels; ``label`` is the text alternative.
    """
    for trace in figure["data"]:
        listed = all(isinstance(trace.get(key), list) for key in "xy")
        if not listed or trace["type"] not in _DRAW or {"xaxis", "yaxis"} & set(trace):
            return Markup()
    if not figure["data"]:
        return Markup()
    canvas = _Canvas(figure["data"], figure["layout"], width, height)
    drawn, high = "".join(canvas.draw()), f"{canvas.height:.0f}"
    size = f'viewBox="0 0 {width} {high}" width="{width}" height="{high}"'
    head = f'<svg {size} role="img" aria-label="{escape(label)}" font-size="{FONT}">'
    return Markup(f'{head}<g aria-hidden="true">{drawn}</g></svg>')


def height_of(layout: Mapping[str, Any]) -> int:
    """Return the height that a chart has without its title."""
    return max(300, (layout.get("height") or 420) - 14 - 22 * len(rows_of(layout.get("title"))))


class _Axis:
    """Where values lie on a stretch of pixels, and its ticks."""

    def __init__(self, facts: Mapping, letter: str, values: list, bars: bool, cells: bool) -> None:
        self.facts, self.letter, self.turned, self.start, self.end = facts, letter, 0, 0.0, 1.0
        words = [value for value in values if isinstance(value, str)]
        self.dates = bool(words) and all(map(_DATE.fullmatch, words))
        self.names = list(dict.fromkeys(words)) if not self.dates else []
        self.log = facts.get("type") == "log"
        numbers = [self.number(value) for value in values if value is not None]
        numbers = list(filter(math.isfinite, numbers)) or [0.0, 1.0]
        low, high = min(numbers), max(numbers)
        pad = 0.5 if self.names or cells else (high - low or abs(high) or 1.0) * 0.06
        auto = low - pad if not bars or low < 0 else 0.0, high + pad if not bars or high > 0 else 0.0
        self.low, self.high = facts.get("range") or auto
        if facts.get("autorange") == "reversed":
            self.low, self.high = self.high, self.low
        self.high += self.low == self.high

    def number(self, value: Any) -> float:
        """Return a value on the axis' scale: names by place, dates as days, logarithms."""
        if self.names:
            return float(self.names.index(value))
        if self.dates:
            return float(date.fromisoformat(value).toordinal())
        return (math.log10(value) if value > 0 else math.nan) if self.log else float(value)

    def at(self, value: Any, ref: str = "") -> float:
        """Return the pixel of a value, or of a part of the whole axis where ``ref`` says so."""
        whole = "domain" in ref or ref == "paper"
        part = value if whole else (self.number(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def title(self, width: float) -> list[str]:
        return [row for row in rows_of(self.facts.get("title"), int(width / 8)) if row]

    def ticks(self, wide: int, pixels: float = 0) -> list[tuple[Any, list[str]]]:
        """Return values and labels of the ticks, labels ``wide`` characters at most."""
        facts, (low, high) = self.facts, sorted((self.low, self.high))
        if "ticktext" in facts:
            return [(v, rows_of(w, wide)) for v, w in zip(facts["tickvals"], facts["ticktext"], strict=True)]
        if self.names:
            return [(name, rows_of(name, wide)) for name in self.names]
        if self.log:
            tens = [10.0**k for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
            return [(v, [self.show(v)]) for v in tens]
        pixels = pixels or abs(self.end - self.start)
        rough = (high - low) / max(3, int(pixels / (85 if self.letter == "x" else 55)))
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if first >= last:  # one tick tells no scale
            step, first, last = step / 2, math.ceil(2 * low / step - 1e-9), math.floor(2 * high / step + 1e-9)
        marks = [k * step for k in range(first, last + 1)]
        if self.dates:
            days = [date.fromordinal(round(mark)) for mark in marks]
            return [(f"{day:%Y-%m-%d}", [f"{day.day} {day:%b %Y}"]) for day in days]
        return [(mark, [self.show(mark, step)]) for mark in marks]

    def show(self, value: float, step: float = 0.0) -> str:
        if self.facts.get("tickformat"):  # per cent
            text = f"{100 * value + 0.0:.{0 if step >= 0.0099 or not step else 1}f} %"
        else:
            digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step else 0
            text = f"{round(value, digits) + 0.0:,.{digits}f}"
        return text.replace("-", "−")


class _Canvas:
    def __init__(self, traces: list[dict], layout: Mapping[str, Any], width: int, height: int | None) -> None:
        self.traces, self.layout, self.width = traces, layout, width
        self.height = float(height or height_of(layout))
        self.taken: list[tuple[float, float, float, float]] = []
        self.bars = [trace for trace in traces if trace["type"] == "bar"]
        self.along, self.across = "xy" if any(bar.get("orientation") == "h" for bar in self.bars) else "yx"
        self.stacked = layout.get("barmode") == "stack"
        self.shapes, self.notes = layout.get("shapes", []), layout.get("annotations", [])
        self.x, self.y = self._axis("x"), self._axis("y")
        self.labelled = [trace for trace in traces if "text" in trace.get("mode", "")]
        if width < NARROW and self.labelled:
            self.height *= 1.3  # room for the words beside the points
        self._margins()

    def _axis(self, letter: str) -> _Axis:
        values = [value for trace in self.traces for value in trace[letter]]
        for trace in self.traces if letter == "x" else ():
            error = _error(trace)
            whiskers = zip(trace["x"], error["array"], error["arrayminus"], strict=False)
            values += [end for x, up, down in whiskers if x is not None for end in (x - down, x + up)]
        if letter == self.along and self.stacked:
            stacks = zip(*(bar[letter] for bar in self.bars), strict=False)
            values += [sum(filter(None, stack)) for stack in stacks]
        if not any(isinstance(value, str) for value in values):
            shapes = [shape for shape in self.shapes if shape.get(f"{letter}ref", letter) == letter]
            values += [shape[letter + end] for shape in shapes for end in "01"]
        facts, cells = self.layout.get(f"{letter}axis") or {}, any("z" in trace for trace in self.traces)
        return _Axis(facts, letter, values, letter == self.along and bool(self.bars), cells)

    def _margins(self) -> None:
        """Leave room for tick labels, axis titles and the legend."""
        row, at, right = 0, 12.0, 20.0
        named = [t for t in self.traces if t.get("name") and t.get("showlegend", len(self.traces) > 1)]
        self.legend: list[tuple[dict, float, int]] = []
        for trace in named if self.layout.get("showlegend", len(named) > 1) else []:
            size = _wide(rows_of(trace["name"])) + 40
            at, row = (12.0, row + 1) if at > 12 and at + size > self.width else (at, row or 1)
            self.legend.append((trace, at, row))
            at += size
        self.foot = 24.0 * row
        rows = self.y.ticks(self.width // 20, self.height)
        left = 22 + max((_wide(label) for _, label in rows), default=0) + 22 * bool(self.y.title(400))
        room = self.width - left - right
        labels = [label for _, label in self.x.ticks(18, room)]
        crowded = max(map(_wide, labels), default=0) * len(labels) > room * 1.1
        self.x.turned = (36 if 24 * len(labels) < room else 90) if crowded else 0
        slope = math.sin(math.radians(self.x.turned))
        deep = [_wide([" ".join(w)]) * slope + 8 if slope else 17 * len(w) for w in labels]
        bottom = 18 + self.foot + max(deep, default=0) + 19 * len(self.x.title(self.width))
        above = any(note["y"] >= 1 for note in self.notes if note.get("yref") in ("paper", "y domain"))
        top = 30.0 if above else 12.0
        if (self.y.names or "ticktext" in self.y.facts) and rows:
            deep_row = 17.0 * max(len(label) for _, label in rows) + 6
            self.height = max(self.height, bottom + top + deep_row * len(rows))  # for names that wrap
        self.x.start, self.x.end = left, self.width - right
        self.y.start, self.y.end = self.height - bottom, top

    def draw(self) -> Iterable[str]:
        yield from self._grid(self.x, self.y)
        yield from self._grid(self.y, self.x)
        yield from (self._shape(shape) for shape in self.shapes if shape.get("layer") == "below")
        # Labels of points keep away from notes and from every labelled point.
        notes = [self._note(note) for note in self.notes]
        spots = [point for trace in self.labelled for point in self._points(trace) if point]
        self.taken += [(x - 5, x + 5, y - 5, y + 5) for x, y in spots]
        for number, trace in enumerate(self.traces):
            yield f'<g opacity="{trace.get("opacity", 1):g}">'
            yield from _DRAW[trace["type"]](self, trace, number)
            yield "</g>"
        yield from (self._shape(shape) for shape in self.shapes if shape.get("layer") != "below")
        yield from notes
        for trace, at, row in self.legend:
            marker, line = trace.get("marker") or {}, trace.get("line") or {}
            shade = marker.get("color") if isinstance(marker.get("color"), str) else line.get("color")
            y = self.height - self.foot + 24 * row - 14
            if "lines" in trace.get("mode", ""):
                stroke = _paint(line.get("color") or shade, "stroke")
                yield _path(f"M{at:.0f} {y:.0f}h22", stroke, 2.5, line.get("dash"))
            else:
                yield _mark(at + 11, y, 11, marker.get("symbol", "square"), _paint(shade))
            yield _text(at + 28, y, [" ".join(rows_of(trace["name"]))], "start")

    def _grid(self, axis: _Axis, other: _Axis) -> Iterable[str]:
        across, (low, high) = axis.letter == "x", sorted((axis.start, axis.end))
        for value, rows in axis.ticks(18 if across else self.width // 20):
            at = axis.at(value)
            if not low - 1 <= at <= high + 1:
                continue
            if axis.facts.get("showgrid", True):
                ends = f"M{at:.1f} {other.start:.1f}V" if across else f"M{other.start:.1f} {at:.1f}H"
                yield _path(f"{ends}{other.end:.1f}", _paint(_GRID, "stroke"))
            if not across:
                yield _text(other.start - 8, at, rows, "end")
            elif axis.turned:
                yield _text(at + 4, other.start + 12, [" ".join(rows)], "end", turn=-axis.turned)
            else:
                yield _text(at, other.start + 6 + 8.5 * len(rows), rows)
        title = axis.title(self.width if across else 400)
        if title and across:
            y = self.height - self.foot - 4 - 9.5 * len(title)
            yield _text(self._inside((low + high) / 2, title), y, title)
        elif title:
            yield _text(14, (low + high) / 2, [" ".join(title)], turn=-90)

    def _shape(self, shape: Mapping[str, Any]) -> str:
        """Return a line of reference, or a band behind the marks."""
        x0, x1 = (self.x.at(shape[f"x{end}"], shape.get("xref", "x")) for end in "01")
        y0, y1 = (self.y.at(shape[f"y{end}"], shape.get("yref", "y")) for end in "01")
        if shape["type"] == "rect":
            return _rect(x0, y0, x1, y1, f"{_paint(shape['fillcolor'])};stroke:none")
        line = shape["line"]
        style = _paint(line["color"], "stroke")
        return _path(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", style, line["width"], line.get("dash"))

    def _note(self, note: Mapping[str, Any]) -> str:
        rows = rows_of(note.get("text"), int(self.width / 9))
        if not any(rows):
            return ""
        x, y = (axis.at(note[k], note.get(f"{k}ref", k)) for axis, k in ((self.x, "x"), (self.y, "y")))
        y += {"bottom": -9, "top": 9}.get(note.get("yanchor", ""), 0) * len(rows)
        end = {"left": "start", "right": "end"}.get(note.get("xanchor", ""), "middle")
        x = self._inside(x, rows, end)
        self.taken.append(_box(x, y, rows, end))
        return _text(x, y, rows, end, _paint(note.get("font", {}).get("color", _INK)))

    def _inside(self, at: float, rows: Sequence[str], end: str = "middle") -> float:
        half = _wide(rows) / 2 + 2
        return min(max(at, half), max(self.width - half, self.width / 2)) if end == "middle" else at

    def bar(self, trace: dict, number: int) -> Iterable[str]:
        flat = self.along == "x"
        along, across = (self.x, self.y) if flat else (self.y, self.x)
        mine = next(i for i, each in enumerate(self.bars) if each is trace)
        size = (1 - self.layout.get("bargap", 0.2)) / (1 if self.stacked else len(self.bars))
        place = 0.0 if self.stacked else (mine - (len(self.bars) - 1) / 2) * size
        unit = (across.end - across.start) / (across.high - across.low)
        for i, (name, value) in enumerate(zip(trace[self.across], trace[self.along], strict=True)):
            if value is None:
                continue
            before = sum(each[self.along][i] or 0 for each in self.bars[:mine]) if self.stacked else 0
            one, two = along.at(before), along.at(before + value)
            middle = across.start + (across.number(name) + place - across.low) * unit
            a, b = middle - size * unit / 2, middle + size * unit / 2
            shade = _paint(_pick(trace.get("marker", {}).get("color"), i) or SEQUENCE[number % 8])
            if not flat:
                yield _rect(a, one, b, two, shade)
                continue
            yield _rect(one, a, two, b, shade)
            yield _whisker(trace, i, middle, along)
            words = rows_of(_pick(trace.get("text"), i))
            inside = abs(two - one) > _wide(words) + 12
            # beside its part, a word of a stack would stand on the next part
            if any(words) and trace.get("textposition") != "none" and (inside or not self.stacked):
                paint, right = "fill:var(--paper)" if inside else "", (two >= one) != inside
                yield _text(two + (6 if right else -6), middle, words, "start" if right else "end", paint)

    def scatter(self, trace: dict, number: int) -> Iterable[str]:
        mode, line, marker = trace.get("mode", "lines"), trace.get("line", {}), trace.get("marker", {})
        points = self._points(trace)
        single = marker.get("color") if isinstance(marker.get("color"), str) else SEQUENCE[number % 8]
        shade, path = line.get("color") or single, _trail(points, line.get("shape"))
        crowded = self.width < NARROW and len(points) > 12
        if trace.get("fill") == "tonexty" and path:
            back = [point for point in self._points(self.traces[number - 1]) if point][::-1]
            ground = _trail(back, "vh" if line.get("shape") == "hv" else None).replace("M", "L")
            yield _path(f"{path}{ground}Z", "stroke:none", 0, "", _paint(trace["fillcolor"]))
        if "lines" in mode and line.get("width", 2) and path:
            thick = line.get("width", 2) * (0.5 if crowded and None in points else 1)
            yield _path(path, _paint(shade, "stroke"), thick, line.get("dash"))
        if len(points) > CLOUD:  # one path for all: dots are its round line ends
            spots = "".join(f"M{p[0]:.0f} {p[1]:.0f}h0" for p in dict.fromkeys(filter(None, points)))
            style = f"{_paint(shade, 'stroke', marker.get('opacity', 1))};stroke-linecap:round"
            wide = float(_pick(marker.get("size"), 0) or 6)
            yield _path(spots, style, wide) if "markers" in mode else ""
            return
        for i, point in ((i, point) for i, point in enumerate(points) if point):
            yield _whisker(trace, i, point[1], self.x)
            size, own = float(_pick(marker.get("size"), i) or 6), _pick(marker.get("color"), i)
            if "markers" in mode:
                paint = _paint(own or shade, alpha=marker.get("opacity", 1))
                yield _mark(*point, size * (0.6 if crowded else 1), marker.get("symbol", "circle"), paint)
            words = rows_of(_pick(trace.get("text"), i)) if "text" in mode else []
            if any(words):
                x, y, end = self._free(point, size, words)
                yield _text(x, y, words, end)

    def _points(self, trace: dict) -> list[tuple[float, float] | None]:
        """Return where the values of a trace lie; None where there is a gap."""
        pairs = zip(trace["x"], trace["y"], strict=True)
        points = [None if None in pair else (self.x.at(pair[0]), self.y.at(pair[1])) for pair in pairs]
        return [point if point and all(map(math.isfinite, point)) else None for point in points]

    def _free(self, point: tuple[float, float], size: float, words: list[str]) -> tuple[float, float, str]:
        """Return where words stand beside a point: the first of four that covers least."""
        places, taken = [], self.taken
        for right, down, end in ((0, -1, "middle"), (0, 1, "middle"), (1, 0, "start"), (-1, 0, "end")):
            x = self._inside(point[0] + right * (size / 2 + 4), words, end)
            y = point[1] + down * (size / 2 + 2 + 8.5 * len(words))
            box = _box(x, y, words, end)
            over = [
                (min(box[1], b) - max(box[0], a), min(box[3], d) - max(box[2], c)) for a, b, c, d in taken
            ]
            covered = sum(a * b for a, b in over if a > 0 < b) + 1e4 * (box[0] < 0 or box[1] > self.width)
            places.append((covered, len(places), box, (x, y, end)))
        *_, box, best = min(places)
        taken.append(box)
        return best

    def heat(self, trace: dict, number: int) -> Iterable[str]:
        x, y, grid = self.x, self.y, trace["z"]
        seen = [value for row in grid for value in row if value is not None]
        low, high = trace.get("zmin", min(seen, default=0)), trace.get("zmax", max(seen, default=1))
        wide, deep = (abs((axis.end - axis.start) / (axis.high - axis.low)) / 2 - 1 for axis in (x, y))
        tight = any(_wide(rows_of(text)) > 2 * wide - 6 for row in trace["text"] for text in row)
        stops, colours = zip(*trace["colorscale"], strict=True)
        channels = [[int(colour[k : k + 2], 16) for colour in colours] for k in (1, 3, 5)]
        for i, j in ((i, j) for i, row in enumerate(grid) for j, v in enumerate(row) if v is not None):
            part = (grid[i][j] - low) / ((high - low) or 1)
            rgb = tuple(round(float(np.interp(part, stops, channel))) for channel in channels)
            at, down = x.at(trace["x"][j]), y.at(trace["y"][i])
            yield _rect(at - wide, down - deep, at + wide, down + deep, f"fill:rgb{rgb}".replace(" ", ""))
            words = rows_of(trace["text"][i][j])
            if tight:  # words are cut, numbers are not
                words = [w[: int(wide / 4)] if w[:1].isalpha() else w.removesuffix(" %") for w in words]
            if any(words) and _wide(words) <= 2 * wide + 4:
                dark = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 140
                yield _text(at, down, words, "middle", f"fill:{'#fff' if dark else '#111'}")


_DRAW = {"scatter": _Canvas.scatter, "bar": _Canvas.bar, "heatmap": _Canvas.heat}


def _box(x: float, y: float, rows: Sequence[str], end: str) -> tuple[float, float, float, float]:
    """Return what words cover: left, right, top, bottom."""
    wide, high = _wide(rows), 8.5 * len(rows)
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[end]
    return left, left + wide, y - high, y + high


def _pick(value: Any, i: int) -> Any:
    return (value[i] if i < len(value) else None) if isinstance(value, list) else value


def rows_of(text: Any, width: int = 0) -> list[str]:
    """Return a label's or a title's lines as plain text, wrapped anew where it must be narrower."""
    text = text.get("text") if isinstance(text, Mapping) else text
    rows = [unescape(re.sub(r"<[^>]+>", "", row)).strip() for row in re.split(r"<br\s*/?>", str(text or ""))]
    return (wrap(" ".join(rows), max(width, 9)) or [""]) if width and max(map(len, rows)) > width else rows


def _wide(rows: Iterable[str]) -> float:
    return max(map(len, rows), default=0) * 7.7


def _paint(colour: str | None, how: str = "fill", alpha: float = 1.0) -> str:
    """Return the style of a colour, ``#rrggbb`` or ``rgba(...)``."""
    text = str(colour or SEQUENCE[0]).lower()
    if parts := re.fullmatch(r"rgba\((.*),(.*),(.*),(.*)\)", text):
        text = "#" + "".join(f"{int(part):02x}" for part in parts.groups()[:3])
        alpha *= float(parts[4])
    value = f"var(--c{text[1:]},{text})" if text in _HOUSE else "currentColor" if text == _INK else text
    return f"{how}:{value}" + (f";{how}-opacity:{alpha:g}" if alpha < 1 else "")


def _text(
    x: float, y: float, rows: Sequence[str], end: str = "middle", style: str = "", turn: int = 0
) -> str:
    """Return lines of text, centred on ``y``."""
    tops = [(0.35 - 0.6 * (len(rows) - 1)) * FONT + i * FONT * 1.2 for i in range(len(rows))]
    lines = [f'<tspan x="0" y="{y:.0f}">{escape(row)}</tspan>' for y, row in zip(tops, rows, strict=True)]
    where = f"translate({x:.1f} {y:.1f})" + (f" rotate({turn})" if turn else "")
    style = style or "fill:currentColor"
    return f'<text transform="{where}" text-anchor="{end}" style="{style}">{"".join(lines)}</text>'


def _path(points: str, style: str, width: float = 1.0, dash: Any = "", fill: str = "fill:none") -> str:
    dashed = f' stroke-dasharray="{_DASH[dash]}"' if dash in _DASH else ""
    return f'<path d="{points}" style="{fill};{style}" stroke-width="{width:g}"{dashed}/>'


def _rect(x0: float, y0: float, x1: float, y1: float, style: str) -> str:
    at = f'x="{min(x0, x1):.1f}" y="{min(y0, y1):.1f}"'
    return f'<rect {at} width="{abs(x1 - x0):.1f}" height="{abs(y1 - y0):.1f}" style="{style}"/>'


def _mark(x: float, y: float, size: float, symbol: str, paint: str) -> str:
    corners = [float(each) * size / 2 for each in _CORNERS.get(symbol, "").split()]
    if not corners:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size / 2:.1f}" style="{paint}"/>'
    points = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in zip(corners[::2], corners[1::2], strict=True))
    return f'<polygon points="{points}" style="{paint}"/>'


def _trail(points: Sequence[tuple[float, float] | None], shape: str | None) -> str:
    """Return the path through points, with steps for the shapes ``hv`` and ``vh``; gaps part it."""
    out, last = [], None
    for point in points:
        if point is not None:
            step = {"hv": f"H{point[0]:.1f}", "vh": f"V{point[1]:.1f}"}.get(shape or "", "") if last else ""
            out.append(f"{step}{'L' if last else 'M'}{point[0]:.1f} {point[1]:.1f}")
        last = point
    return "".join(out)


def _error(trace: dict) -> dict:
    """Return a trace's intervals, with what plotly takes where a figure does not say it."""
    error = {"array": (), "width": 4, "thickness": 2, "color": "#444"} | trace.get("error_x", {})
    return {"arrayminus": error["array"]} | error


def _whisker(trace: dict, i: int, y: float, axis: _Axis) -> str:
    """Return the interval of a trace's value as a line with two caps."""
    error = _error(trace)
    if i >= len(error["array"]):
        return ""
    one, two = axis.at(trace["x"][i] - error["arrayminus"][i]), axis.at(trace["x"][i] + error["array"][i])
    caps = "".join(f"M{x:.1f} {y - error['width']:.1f}V{y + error['width']:.1f}" for x in (one, two))
    path = f"M{one:.1f} {y:.1f}L{two:.1f} {y:.1f}{caps}"
    return _path(path, _paint(error["color"], "stroke"), error["thickness"])
