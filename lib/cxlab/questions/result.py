"""What a question returns: finding, numbers, table and picture; and numbers in words, as people say them."""

from __future__ import annotations

import functools
import html
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures.general import titled
from cxlab.stats.intervals import newcombe, wilson

if TYPE_CHECKING:
    import plotly.graph_objects as go
MADE_UP = "In made-up data, "
PARTS = ("share", "rate", "probability", "part")


def is_share(unit: str) -> bool:
    """Tell whether a unit is a part of one, which people read in per cent."""
    return unit.split(" ")[0] in PARTS


def number(value: Any, unit: str = "") -> str:
    """Return a value as people read it: shares in whole per cent, else three significant digits.

    >>> number(0.7083, "share of R2"), number(0.0042, "share"), number(-1234.56), number(0.856), number(None)
    ('71 %', '0.4 %', '−1,235', '0.86', 'not known')
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "not known"
    if is_share(unit):
        size = abs(100 * value)
        digits = 0 if size >= 1.95 or size == 0 else 1 if size >= 0.095 else 2
        return f"{round(100 * value, digits) + 0:.{digits}f} %".replace("-", "−")
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1 if abs(value) >= 10 else 2
    return f"{round(value, digits) + 0:,.{digits}f}".replace("-", "−")


def spread(low: Any, high: Any, unit: str = "") -> str:
    """Return two limits, such as ``62 to 79 %``."""
    first, last = number(low, unit), number(high, unit)
    return f"{first.removesuffix(' %')} to {last}" if last.endswith(" %") else f"{first} to {last}"


def with_interval(value: Any, low: Any = None, high: Any = None, unit: str = "") -> str:
    """Return an estimate with its interval, such as ``71 % (62 to 79 %)``.

    >>> with_interval(0.7083, 0.62, 0.79, "share of R2"), with_interval(3, unit="outlets")
    ('71 % (62 to 79 %)', '3')
    """
    known = None not in (low, high) and math.isfinite(low + high)
    known = known and not low == value == high  # a count of everything has no interval
    return f"{number(value, unit)} ({spread(low, high, unit)})" if known else number(value, unit)


def listed(words: Iterable[str], last: str = "and") -> str:
    """Join words as in a sentence: ``a, b and c``."""
    words = [str(word) for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else "none"


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 outlet``, ``1,500 outlets``, ``no outlets``."""
    noun = one if n == 1 else many or f"{one}s"
    return f"{n:,} {noun}" if n else f"no {noun}"


def capital(sentence: str) -> str:
    """Return the sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def headline(finding: str) -> str:
    """Return a finding as the title of its chart: its first clause, without intervals.

    >>> headline("product carries 71 % (62 to 79 %) of it; the rest is open.")
    'Product carries 71 % of it'
    """
    said = re.sub(r" \([−\d][^()]* to [^()]*\)", "", finding.removeprefix(MADE_UP))
    return capital(re.split(r"; |\. ", said)[0].removesuffix("."))


def stated(sentence: str, simulated: bool = False) -> str:
    """Return a finding with a capital letter, or, once, as one about made-up data.

    >>> stated("courtesy wins", True), stated("courtesy wins")
    ('In made-up data, courtesy wins', 'Courtesy wins')
    """
    if not simulated or sentence.startswith(MADE_UP):
        return capital(sentence)
    name = sentence[:2].isupper()  # such as NPS
    return MADE_UP + (sentence if name else sentence[:1].lower() + sentence[1:])


RESULT = "application/vnd.cxlab.result+json"  # what the report and the verdict read
PART = "application/vnd.cxlab.part+json"  # marks an output that only a live notebook shows
PLOTLY = "application/vnd.plotly.v1+json"
SHARES = {"label": "group", "reference": None, "percent": True}  # how ``dots`` draws a table of ``shares``

_SHOWN: dict[str, Number] = {}


class Number(NamedTuple):
    """A number that a page states, with its interval, unit and the cases that it rests on.

    ``unit`` is in words ("share of R2", "standardised slope"); units that start with share, rate or
    probability are shown in per cent. ``label`` says in words what it is; empty, the name with spaces.
    """

    value: float | int | str | bool
    low: float | None = None
    high: float | None = None
    unit: str = ""
    n: int | None = None
    label: str = ""

    def __str__(self) -> str:
        return with_interval(self.value, self.low, self.high, self.unit)

    @classmethod
    def share(cls, hits: float, n: int, unit: str, label: str, level: float = 0.95) -> Number:
        """Return a share of ``n`` cases with Wilson's interval."""
        return cls(float(hits / n), *map(float, wilson(hits, n, level)), unit, int(n), label)

    @classmethod
    def difference(cls, one: pd.Series, other: pd.Series, unit: str, label: str, level: float) -> Number:
        """Return the share of yes in one group less that in another one, with Newcombe's interval."""
        ends = newcombe(one.sum(), len(one), other.sum(), len(other), level)
        return cls(*map(float, ends), unit, len(one) + len(other), label)

    def direction(self, below: str, above: str) -> str:
        """Return the word for an interval that lies on one side of zero, else nothing."""
        return above if self.low > 0 else below if self.high < 0 else ""

    def points(self) -> str:
        """Return the size of a difference of shares in points, such as ``20 points (5 to 33)``."""
        near, far = sorted(abs(100 * end) for end in (self.low, self.high))
        return f"{abs(100 * self.value):.0f} points ({near:.0f} to {far:.0f})"


def shares(parts: Mapping[str, pd.Series], level: float) -> pd.DataFrame:
    """Return ``group count n estimate low high`` of yes-or-no answers (Wilson), without empty groups."""
    rows = [(name, int(part.sum()), len(part)) for name, part in parts.items() if len(part)]
    table = pd.DataFrame(rows, columns=["group", "count", "n"])
    low, high = wilson(table["count"], table["n"], level)
    return table.assign(estimate=table["count"] / table["n"], low=low, high=high)


@dataclass(frozen=True, eq=False)
class Result:
    """An answer to one question; shows and records itself."""

    finding: str  # one plain sentence made from the numbers: what these data show, how sure, or that nothing
    numbers: dict[str, Number] = field(default_factory=dict)  # recorded; rules and exercises read them
    table: pd.DataFrame | None = None  # tidy; the question's docstring lists its columns
    draw: Callable[[], go.Figure] | None = None  # untitled, the picture gets the finding's first clause
    cautions: Sequence[str] = ()  # what a careful reader should know; the first two are shown
    data: Table | None = None  # what was asked; gives source and whether it is simulated
    missing: bool = False  # whether the data cannot answer
    leading: Mapping[str, Any] | None = None  # see ``lead``
    open: bool = False  # whether the table itself is the answer, shown on the page and not in a fold
    id: str = ""  # what other pages find it by; a question gives its own name

    def __post_init__(self) -> None:
        object.__setattr__(self, "finding", stated(self.finding, self.simulated and not self.missing))

    def __getitem__(self, name: str) -> Number:
        if name not in self.numbers:
            raise KeyError(f"there is no number {name!r} here; there are {', '.join(self.numbers) or 'none'}")
        return self.numbers[name]

    def __repr__(self) -> str:
        return self.finding

    @property
    def simulated(self) -> bool:
        """Whether the data were made by a simulator."""
        return bool(self.data is not None and self.data.simulated)

    @property
    def source(self) -> str:
        """The name of the data."""
        return self.data.name if self.data is not None else ""

    def figure(self) -> go.Figure | None:
        """Return the picture, with the finding as its text alternative; None where a sentence does."""
        if self.draw is None:
            return None
        figure = self.draw()
        if not figure.layout.title.text:
            titled(figure, headline(self.finding))
        if self.simulated and "simulated" not in (figure.layout.title.text or ""):
            figure.update_layout(title_text=f"{figure.layout.title.text}<br><sup>simulated data</sup>")
        return figure.update_layout(meta={"description": self.finding, "simulated": self.simulated})

    def lead(self, *names: str, limits: str) -> Result:
        """Return the result as the answer of a page, with the first three of ``names`` that it has as key
        numbers, and one sentence on what the data cannot show.
        """
        shown = [name for name in names if name in self.numbers]
        return replace(self, leading={"names": shown[:3], "limits": limits})

    def with_numbers(self, *others: Result) -> Result:
        """Return the result with the numbers of other results as well, for the key numbers of a page."""
        more = {name: value for other in others for name, value in other.numbers.items()}
        return replace(self, numbers=more | self.numbers)

    def content(self) -> dict[str, Any]:
        """Return what is recorded, in plain values."""
        known = {"simulated": self.simulated, "source": self.source}
        numbers = [
            {"name": name} | {key: plain(value) for key, value in number._asdict().items()} | known
            | {"label": number.label or name.replace("-", " "), "n": number.n and int(number.n)}
            for name, number in self.numbers.items()
        ]  # fmt: skip
        lead = dict(self.leading) if self.leading else None
        return known | {
            "id": self.id, "finding": self.finding, "numbers": numbers, "cautions": list(self.cautions),
            "missing": self.missing, "lead": lead, "table": _rows(self.table), "open": self.open,
        }  # fmt: skip

    def _ipython_display_(self) -> None:
        from IPython.display import display

        _SHOWN.update(self.numbers)
        words = f"<p class='cx-finding'><strong>{html.escape(self.finding)}</strong></p>"
        display({RESULT: self.content(), "text/html": words, "text/plain": self.finding}, raw=True)
        figure = self.figure()
        if figure is not None:
            display({PLOTLY: plotly_json(figure), "text/plain": "chart"}, raw=True)
        texts = [*self.cautions[:2]]
        texts += [f"What this does not show: {self.leading['limits']}"] if self.leading else []
        below = "".join(f"<p>{html.escape(text)}</p>" for text in texts)
        if self.numbers:
            rows = "".join(
                f"<tr><td>{html.escape(number.label or name)}</td><td>{html.escape(str(number))}</td></tr>"
                for name, number in self.numbers.items()
            )
            below += f"<details><summary>Numbers</summary><table>{rows}</table></details>"
        if below:
            display({PART: {}, "text/html": below, "text/plain": "details"}, raw=True)


def shown_numbers() -> dict[str, Number]:
    """Return the numbers of every result that this kernel has shown, by name; exercises read them."""
    return dict(_SHOWN)


def question(kind: str, *sides: str, needs: str = "") -> Callable:
    """Mark a function as a question, so that it answers also where its data are missing.

    ``kind`` is the declared table that its first argument must be, ``sides`` the blocks of a survey (columns
    of another table) that must be there, ``needs`` what it needs in words where these do not say it. Where
    rows or a side are missing, or it raises ``NotEnough``, the finding says so and the page goes on.
    """

    def wrap(function: Callable[..., Result]) -> Callable[..., Result]:
        @functools.wraps(function)
        def ask(data: Table, *args: Any, **kwargs: Any) -> Result:
            if not isinstance(data, Table):
                raise InputError(
                    f"{function.__name__} takes a table such as cx.{kind}(...), not {type(data).__name__}"
                )
            try:
                blocks = getattr(data, "blocks", None)
                there = getattr(data.frame, "columns", ()) if blocks is None else filter(blocks.get, blocks)
                if data.missing or not set(sides) <= set(there):
                    table = "a survey" if kind == "survey" else f"a table of {kind}"
                    listed = f" with {' and '.join(sides)}" if sides else ""
                    raise NotEnough(f"this needs {needs or table + listed}")
                result = function(data, *args, **kwargs)
            except NotEnough as fault:
                result = Result(f"Not answered here: {fault}.", data=data, missing=True)
            return result if result.id else replace(result, id=function.__name__)

        return ask

    return wrap


def record(
    name: str, value: float | str, *, low: float = None, high: float = None, unit: str, n: int = None
) -> None:
    """Record a number that no result carries; shown quietly, collected into results.json.

    ``name`` is unique in its notebook (lower case, hyphens), ``unit`` what is counted or measured, such as
    ``"share of R2"``, ``low`` and ``high`` its limits, both or neither, ``n`` the cases that it rests on.
    """
    from IPython.display import display

    if not name or not unit:
        raise InputError(f"record: name and unit must not be empty (name {name!r}, unit {unit!r})")
    if (low is None) != (high is None) or (low is not None and low > high):
        raise InputError(f"record {name!r}: give low and a high above it, or neither; got {low} and {high}")
    number = Number(value, low, high, unit, n)
    content = Result("", {name: number}).content()
    display({RESULT: content, "text/plain": f"{name}: {number} {unit}"}, raw=True)


def plain(value: Any, digits: int = 10) -> Any:
    """Return a value, or nested lists and dicts of values, as plain ones: floats rounded, since parallel sums
    differ in their last bits from run to run; what is not finite as None.
    """
    if isinstance(value, list | tuple):
        return [plain(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, digits) for key, item in value.items()}
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def plotly_json(figure: go.Figure) -> dict[str, Any]:
    """Return the figure in plotly's own form, numbers rounded so that two builds are identical."""
    content = plain(json.loads(figure.to_json()), 6)
    content["layout"].pop("template", None)
    return {"data": content["data"], "layout": content["layout"], "config": {"responsive": True}}


def _rows(table: pd.DataFrame | None, most: int = 500) -> dict[str, Any] | None:
    if table is None:
        return None
    if table.index.name is not None or table.index.inferred_type != "integer":
        table = table.reset_index()
    rows = plain([list(row) for row in table.head(most).itertuples(index=False)], 6)
    return {"columns": [str(column).replace("_", " ") for column in table], "rows": rows}
