"""What a build is made of: what was asked for, its parts, and the versions that it names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cxlab import __version__
from cxlab.workbook.executed import collect
from cxlab.workbook.plan import Page

_PACKAGES = ("pandas", "numpy", "scipy", "statsmodels", "plotly", "papermill")


@dataclass
class Options:
    """What the command line asked for."""

    out: Path
    params: Path | None = None
    only: Sequence[str] = ()
    given: Sequence[str] = ()
    by: str | None = None
    min_cell: int | None = None
    against: Path | None = None
    fresh: bool = False
    jobs: int = 0
    timeout: float = 600.0
    strict: bool = False
    cluster: str = ""


@dataclass
class Part:
    """One report of the build: the main one, or that of a segment.

    ``paths`` are this machine's paths and the words for them; ``executed`` names the kept notebooks,
    ``stated`` is what each page states, ``failed`` why a page is not there.
    """

    folder: str
    label: str
    pages: list[Page]
    paths: dict[str, str]
    files: dict[str, Any] = field(default_factory=dict)
    executed: dict[str, str] = field(default_factory=dict)
    stated: dict[str, dict] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> list[Page]:
        return [page for page in self.pages if not page.missing]

    @property
    def there(self) -> list[Page]:
        """The pages that answer something; of the others the opening page says what they would need."""
        answered = {
            stem
            for stem, said in self.stated.items()
            if not said["results"] or any(not result["missing"] for result in said["results"])
        }
        return [page for page in self.pages if page.stem in answered]

    @property
    def unasked(self) -> dict[str, list[str]]:
        """The pages whose questions these data cannot answer, by stem, and the tables that they lack."""
        there = {*self.failed, *(page.stem for page in self.there)}
        given = {kind for page in self.pages for name, kind in page.tables.items() if page.given.get(name)}
        return {p.stem: sorted(set(p.tables.values()) - given) for p in self.pages if p.stem not in there}

    @property
    def missed(self) -> list[tuple[Page, str]]:
        """The pages that could not be made, in their order, and why."""
        return [(page, self.failed[page.stem]) for page in self.pages if page.stem in self.failed]

    def keep(self, stem: str, name: str, executed: str) -> None:
        """Remember an executed notebook by its name in the store, and what it states."""
        self.executed[stem] = name
        self.stated[stem] = collect(json.loads(executed))

    def shown(self, value: Any) -> Any:
        """Return a value without this machine's paths."""
        for path, words in sorted(self.paths.items(), key=lambda item: (-len(item[0]), item[0])):
            value = value.replace(path, words) if isinstance(value, str) else value
        return value


@dataclass
class Build:
    """What all parts share."""

    options: Options
    study: Any
    min_cell: int
    parts: list[Part]
    hidden: int = 0

    @property
    def jobs(self) -> int:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
        return max(1, min(self.options.jobs or count, sum(len(part.asked) for part in self.parts)))


def versions() -> list[tuple[str, str]]:
    """Return the versions that a page names at its foot."""
    python = ".".join(map(str, sys.version_info[:3]))
    return [("CX Lab", __version__), ("Python", python), *((name, version(name)) for name in _PACKAGES)]
