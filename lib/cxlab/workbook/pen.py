"""The strokes of a picture: text, lines, boxes and marks as SVG, in the house's colours as CSS variables."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape
from itertools import pairwise
from textwrap import wrap
from typing import Any

from cxlab.figures.style import SEQUENCE

FONT = 14
_HOUSE = {each.lower() for each in SEQUENCE}
_NAMED = {"white": "var(--card)", "#fff": "var(--card)", "#ffffff": "var(--card)", "#1f2933": "currentColor"}
_DASH = {"dash": "6 4", "dot": "2 3", "dashdot": "6 3 2 3", "longdash": "9 4"}
_CORNERS = {
    "square": "-1 -1 1 -1 1 1 -1 1",
    "diamond": "0 -1.3 1.3 0 0 1.3 -1.3 0",
    "triangle-up": "0 -1.2 1.15 .9 -1.15 .9",
    "triangle-down": "0 1.2 1.15 -.9 -1.15 -.9",
    "x": "-1 -.5 -.5 -1 0 -.5 .5 -1 1 -.5 .5 0 1 .5 .5 1 0 .5 -.5 1 -1 .5 -.5 0",
    "star": "0 -1.4 .4 -.45 1.3 -.4 .6 .2 .8 1.1 0 .6 -.8 1.1 -.6 .2 -1.3 -.4 -.4 -.45",
}


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


def rows(text: Any, width: int = 0) -> list[str]:
    """Return a label's or a title's lines as plain text, wrapped anew where it must be narrower."""
    text = text.get("text") if isinstance(text, Mapping) else text
    rows = [unescape(re.sub(r"<[^>]+>", "", row)).strip() for row in re.split(r"<br\s*/?>", str(text or ""))]
    return (wrap(" ".join(rows), max(width, 9)) or [""]) if width and max(map(len, rows)) > width else rows


def wide(rows: Iterable[str]) -> float:
    return max(map(len, rows), default=0) * FONT * 0.55


def rgb(colour: Any) -> tuple[str, float]:
    text = str(colour or SEQUENCE[0]).strip().lower()
    if not (parts := re.fullmatch(r"rgba?\(([^)]*)\)", text)):
        return text, 1.0
    red, green, blue, alpha = [*(float(part) for part in parts[1].split(",")), 1.0][:4]
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}", alpha


def paint(colour: Any, how: str = "fill", alpha: float = 1.0) -> str:
    """Return a style that paints with a colour; the house's colours as variables."""
    text, own = rgb(colour)
    value = _NAMED.get(text) or (f"var(--c{text[1:]},{text})" if text in _HOUSE else text)
    return f"{how}:{value}" + (f";{how}-opacity:{alpha * own:g}" if alpha * own < 1 else "")


def text(x: float, y: float, rows: Sequence[str], end: str = "middle", style: str = "", turn: int = 0) -> str:
    """Return lines of text, centred on ``y``."""
    top = (0.35 - 0.6 * (len(rows) - 1)) * FONT
    lines = [
        f'<tspan x="0" y="{top + i * FONT * 1.2:.0f}">{escape(row)}</tspan>' for i, row in enumerate(rows)
    ]
    where = f"translate({x:.1f} {y:.1f})" + (f" rotate({turn})" if turn else "")
    style = style or "fill:currentColor"
    return f'<text transform="{where}" text-anchor="{end}" style="{style}">{"".join(lines)}</text>'


def path(points: str, style: str, width: float = 1.0, dash: Any = "", fill: str = "fill:none") -> str:
    dashed = f' stroke-dasharray="{_DASH[dash]}"' if dash in _DASH else ""
    return f'<path d="{points}" style="{fill};{style}" stroke-width="{width:g}"{dashed}/>'


def rect(x0: float, y0: float, x1: float, y1: float, style: str) -> str:
    at = f'x="{min(x0, x1):.1f}" y="{min(y0, y1):.1f}"'
    return f'<rect {at} width="{abs(x1 - x0):.1f}" height="{abs(y1 - y0):.1f}" style="{style}"/>'


def mark(x: float, y: float, size: float, symbol: str, paint: str, said: Iterable[str] = ()) -> str:
    """Return a mark, with what it says on hover."""
    corners = [float(each) * size / 2 for each in _CORNERS.get(symbol.removesuffix("-open"), "").split()]
    if symbol.endswith("-open"):
        paint = f"fill:none;{paint.replace('fill', 'stroke')};stroke-width:2"
    points = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in zip(corners[::2], corners[1::2], strict=True))
    kind, place = (
        ("polygon", f'points="{points}"')
        if corners
        else ("circle", f'cx="{x:.1f}" cy="{y:.1f}" r="{size / 2:.1f}"')
    )
    words = " ".join(said)
    title = f"><title>{escape(words)}</title></{kind}>" if words else "/>"
    return f'<{kind} {place} style="{paint}"{title}'


def trail(points: Sequence[tuple[float, float] | None], shape: str | None) -> str:
    out, last = [], None
    for point in points:
        if point is not None:
            step = {"hv": f"H{point[0]:.1f}", "vh": f"V{point[1]:.1f}"}.get(shape or "", "") if last else ""
            out.append(f"{step}{'L' if last else 'M'}{point[0]:.1f} {point[1]:.1f}")
        last = point
    return "".join(out)


def blend(scale: Sequence[Sequence[Any]], share: float) -> tuple[int, int, int]:
    """Return the colour at a part of a scale of stops."""
    stops = [(stop, rgb(colour)[0]) for stop, colour in scale]
    stops = [(stop, [int(code[k : k + 2], 16) for k in (1, 3, 5)]) for stop, code in stops]
    (a, one), (b, two) = next(pair for pair in pairwise(stops) if share <= pair[1][0] or pair[1] is stops[-1])
    part = (share - a) / (b - a or 1)
    return tuple(round(p + (q - p) * part) for p, q in zip(one, two, strict=True))
