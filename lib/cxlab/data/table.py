"""A table that came through the door: its rows, where they come from, and how to analyse them.

A survey is a table that also knows which items measure which side, and what is to be explained.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough, nearest


@dataclass(frozen=True, kw_only=True, repr=False)
class Table:
    """One validated table with its source and the settings of the analysis.

    ``frame`` are the rows (a DataFrame or ibis table; None when a study did not hand this table in), ``kind``
    is one of the declared tables, such as ``"visits"``. ``simulated`` says whether a simulator made them,
    ``labels`` are column or value -> the words that a page shows, ``related`` kind -> small tables that
    belong to this one, such as ``pain`` beside ``initiatives``. ``bootstrap`` resamples stand behind each
    interval of ``confidence_level``; the same ``seed`` gives the same numbers. Cells that count fewer than
    ``min_cell`` customers or respondents are not shown.
    """

    frame: Any
    kind: str
    name: str = ""
    title: str = ""
    licence: str = ""
    citation: str = ""
    sha256: str = ""
    notes: str = ""
    simulated: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    related: dict[str, Any] = field(default_factory=dict)
    bootstrap: int = 400
    confidence_level: float = 0.95
    seed: int = 1
    min_cell: int = 5

    def __repr__(self) -> str:
        if self.missing:
            return f"no table of {self.kind}"
        rows = f"{len(self.frame):,} rows" if hasattr(self.frame, "iloc") else "rows"
        made_up = ", simulated" if self.simulated else ""
        return f"{self.kind}: {self.title or self.name or 'own data'}, {rows}{made_up}"

    @property
    def missing(self) -> bool:
        """Whether this table was not handed in."""
        return self.frame is None

    @property
    def rng(self) -> np.random.Generator:
        """A fresh generator with the table's seed."""
        return np.random.default_rng(self.seed)

    def with_(self, **changes: Any) -> Self:
        """Return the table with other settings, rows or roles."""
        return replace(self, **changes)

    def label(self, name: object) -> str:
        """Return the words for a column or value."""
        bare = str(name).replace("_", " ")
        bare = f"activity {bare}" if self.kind == "events" and bare.isdigit() else bare
        return self.labels.get(str(name)) or bare

    def to_pandas(self):
        """Return the rows as a DataFrame."""
        return self.frame.to_pandas() if hasattr(self.frame, "to_pandas") else self.frame


_KEPT: dict[tuple, tuple[Any, Any]] = {}


def kept(frame: Any, key: tuple, make: Callable[[], Any]) -> Any:
    """Return what was made of this very frame before: a slider and the questions of a page ask again."""
    place = (id(frame), *key)
    if place not in _KEPT:
        while len(_KEPT) > 15:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[place] = frame, make()  # the frame stays too: its id is not given again
    return _KEPT[place][1]


SIDES = ("product", "experience")


@dataclass(frozen=True, kw_only=True, repr=False)
class Survey(Table):
    """Answers of respondents, one row each, with what every item is for.

    ``blocks`` are side -> items, such as ``{"product": [...], "experience": [...], "price": [...]}``; no item
    stands twice. ``outcomes`` are outcome -> its items; each is also a column, their mean where all were
    answered; ``outcome`` is the one to explain. ``weights``, ``clusters`` (who gave several rows) and
    ``date`` are columns, ``segments`` those to split by. ``scale`` are the lowest and highest answer,
    ``ranges`` the same of single items. ``roles`` are other readings of single items: ``disputed``,
    ``trust``, ``emotion``, ``in_use``, ``switching`` and the like. ``categorical`` items are indicators of
    categories, not scales: no averages, no reliability.
    """

    kind: str = "survey"
    blocks: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    outcome: str = ""
    weights: str | None = None
    clusters: str | None = None
    date: str | None = None
    segments: list[str] = field(default_factory=list)
    scale: tuple[float, float] | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    categorical: bool = False

    def __post_init__(self) -> None:
        if self.missing:
            return
        object.__setattr__(self, "outcome", self.outcome or next(iter(self.outcomes), ""))
        for outcome, items in self.outcomes.items():
            if outcome not in self.frame and set(items) <= set(self.frame):
                mean = self.frame[items].mean(axis=1, skipna=False)
                object.__setattr__(self, "frame", self.frame.assign(**{outcome: mean}))
        items = self.items
        for item in filter(None, [*items, self.outcome]):
            if item not in self.frame:
                hint = f"{nearest(item, self.frame)}there are {', '.join(map(str, self.frame))}"
                raise InputError(f"{self.name or 'survey'}: no column {item!r}; {hint}")
            if items.count(item) > 1:
                raise InputError(f"survey: {item} stands on two sides; an item counts once")

    @property
    def sides(self) -> dict[str, list[str]]:
        """Product and experience where both are asked, else every block."""
        both = {side: self.blocks[side] for side in SIDES if self.blocks.get(side)}
        return both if len(both) == 2 else {side: items for side, items in self.blocks.items() if items}

    @property
    def items(self) -> list[str]:
        """The items of all blocks."""
        return [item for items in self.blocks.values() for item in items]

    @property
    def outcome_items(self) -> list[str]:
        """The items whose mean is explained."""
        return self.outcomes.get(self.outcome, [self.outcome])

    def only(self, *sides: str) -> Self:
        """Return the survey with these blocks alone."""
        return self.with_(blocks={side: self.blocks[side] for side in sides if self.blocks.get(side)})

    def move(self, *items: str, to: str | None) -> Self:
        """Return the survey with items moved to another side, or left out (None)."""
        blocks = {side: [item for item in own if item not in items] for side, own in self.blocks.items()}
        if to:
            blocks[to] = [*blocks.get(to, []), *items]
        return self.with_(blocks={side: own for side, own in blocks.items() if own})

    def complete(self, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows without a gap in ``columns`` (default: all items and the outcome), as numbers.

        Weights and clusters come with them. Raises NotEnough for fewer than three complete rows a column, or
        a column that never varies.
        """
        columns = list(dict.fromkeys(columns or [*self.items, self.outcome]))
        filled = [*columns, *([self.weights] if self.weights else [])]
        kept = dict.fromkeys([*filled, *([self.clusters] if self.clusters else [])])
        table = self.frame[list(kept)].dropna(subset=filled).astype(dict.fromkeys(columns, float))
        if len(table) < 3 * len(columns):
            raise NotEnough(
                f"only {len(table)} of {len(self.frame)} respondents answered all {len(columns)} items that "
                f"this needs; at least {3 * len(columns)} are needed"
            )
        flat = [column for column in columns if np.ptp(table[column].to_numpy()) == 0]
        if flat:
            raise NotEnough(f"everybody answered {self.label(flat[0])!r} alike: nothing can be compared")
        return table

    def groups(self) -> list[list[int]]:
        """Return the column numbers of each side's items in ``[*items, outcome]``."""
        ends = np.cumsum([len(items) for items in self.blocks.values()])
        return [list(range(end - len(own), end)) for end, own in zip(ends, self.blocks.values(), strict=True)]
