"""A table that came through the door: its rows, where they come from, and how to analyse them."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np


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
