"""What a page states as a finding: numbers and sentences that the report, the verdict and the tests read."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from IPython.display import display

from cxlab.evidence.errors import InputError

__all__ = ["CONCLUSION", "RECORD", "conclude", "record", "round_significant", "rounded"]

RECORD = "application/vnd.cxlab.record+json"
CONCLUSION = "application/vnd.cxlab.conclusion+json"


def round_significant(value: float, digits: int = 10) -> float:
    """Round to significant digits: parallel sums of floats differ in their last bits from run to run."""
    return float(f"{value:.{digits}g}")


def rounded(value: Any, digits: int = 6) -> Any:
    """Round every float in nested lists and dicts to significant digits; what is not finite becomes None, as in JSON."""
    if isinstance(value, float):
        return round_significant(value, digits) if math.isfinite(value) else None
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    return value


def record(
    name: str,
    value: float | str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str,
    n: int | None = None,
    headline: bool = False,
) -> None:
    """Record a number that the page states as a finding; shown quietly in the page, collected into results.json.

    Parameters
    ----------
    name : str
        Unique in its notebook and stable over time; lower case with hyphens.
    value : float or str
        The estimate, or a verdict's word. Not-a-number and infinite values are recorded as missing.
    low, high : float, optional
        Limits of its interval, both or neither.
    unit : str
        What is counted or measured, such as ``"share of R2"``; ``"verdict"`` for a verdict.
    n : int, optional
        Respondents, customers or whatever the estimate rests on.
    headline : bool
        Shown on the report's index.

    Raises
    ------
    InputError
        For an empty name or unit, one limit without the other, or limits in the wrong order.
    """
    if not name or not unit:
        raise InputError(f"record: name and unit must not be empty (name {name!r}, unit {unit!r})")
    if (low is None) != (high is None):
        raise InputError(f"record {name!r}: give both limits of the interval or neither")
    limits = [_plain(limit) for limit in (low, high)]
    if None not in limits and limits[0] > limits[1]:
        raise InputError(f"record {name!r}: low {limits[0]} is above high {limits[1]}")
    content = {
        "name": name,
        "value": value if isinstance(value, str) else _plain(value),
        "low": limits[0],
        "high": limits[1],
        "unit": unit,
        "n": None if n is None else int(n),
        "headline": bool(headline),
    }
    display({RECORD: content, "text/plain": _sentence(content)}, raw=True)


def conclude(sentence: str) -> None:
    """State a computed sentence of 'What we found'; the first of a notebook is its answer on the report's index.

    Parameters
    ----------
    sentence : str
        Plain English, Markdown allowed, with its interval where it states a number.
    """
    if not sentence.strip():
        raise InputError("conclude: the sentence is empty")
    display({CONCLUSION: {"sentence": sentence}, "text/markdown": sentence, "text/plain": sentence}, raw=True)


def _plain(value: Real | None) -> float | int | bool | None:
    if value is None:
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    number = float(value)
    return round_significant(number) if math.isfinite(number) else None


def _sentence(content: dict) -> str:
    def show(number):
        return f"{number:.4g}" if isinstance(number, float) else str(number)

    text = f"{content['name']}: {show(content['value'])} {content['unit']}"
    if content["low"] is not None:
        text += f" [{show(content['low'])}, {show(content['high'])}]"
    return text + (f", n = {content['n']}" if content["n"] is not None else "")
