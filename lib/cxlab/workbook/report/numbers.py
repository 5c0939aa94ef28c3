"""Numbers as a reader wants them: shares in per cent, three significant digits, a true minus sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_share", "show_interval", "show_number", "show_value"]


def is_share(unit: str) -> bool:
    """Tell whether a unit is a part of one, which reads better in per cent."""
    return unit.startswith(("share", "rate", "probability"))


def show_number(value: Any, unit: str = "") -> str:
    """Return a value as text.

    >>> show_number(0.48213, "share of R2"), show_number(-1234.5), show_number(None), show_number("supported")
    ('48.2 %', '−1,230', 'not available', 'supported')
    """
    if value is None:
        return "not available"
    if isinstance(value, str | bool):
        return str(value).lower() if isinstance(value, bool) else value
    if is_share(unit) and abs(value) <= 1.5:
        text = f"{100 * value:.3g}" if abs(value) < 0.9995 else f"{100 * value:.0f}"
        return f"{text} %".replace("-", "−")
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}".replace("-", "−")
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 1000:
        return f"{rounded:,.0f}".replace("-", "−")
    text = f"{rounded:.3g}"
    if "e" in text:
        mantissa, _, power = text.partition("e")
        text = f"{mantissa} × 10^{int(power)}"
    return text.replace("-", "−")


def show_interval(record: Mapping[str, Any]) -> str:
    """Return the interval of a record as text, empty when it has none."""
    if record.get("low") is None or record.get("high") is None:
        return ""
    return f"{show_number(record['low'], record['unit'])} to {show_number(record['high'], record['unit'])}"


def show_value(record: Mapping[str, Any]) -> str:
    """Return the value of a record as text."""
    return show_number(record["value"], record["unit"])
