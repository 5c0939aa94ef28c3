"""What a scan holds: two integers an event, in memory or dealt out by customer to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cxlab.evidence.errors import InputError

from .kernel import Journeys, Layout, journeys
from .semantics import Rules

__all__ = ["Store"]

_BASE = 350_000_000  # interpreter, libraries and DuckDB's own buffers
_BYTES_A_ROW = 25  # two integers, and what the customers of an average log leave behind
_PARTS = 32


class Store:
    """Two growing arrays, or files of them by customer once they outgrow the memory."""

    def __init__(self, memory: int, folder: Path, size: int | None, kind: type):
        self.limit = max((memory - _BASE) // _BYTES_A_ROW, 2_000_000)
        capacity = min(size if size is not None else 1 << 22, self.limit)
        self.c, self.p = np.empty(capacity, kind), np.empty(capacity, np.int64)
        self.held = self.rows = self.highest = 0
        self.folder, self.files = folder, []

    def add(self, c: np.ndarray, p: np.ndarray) -> None:
        if p.size == 0:
            return
        if p.min() < 0:
            raise InputError("the log holds times before 1900 or not finite; leave them out")
        self.highest = max(self.highest, int(p.max()))
        end = self.held + p.size
        if end > self.limit and self.held:
            self._spill()
            end = p.size
        if end > self.c.size:
            wider = max(end, min(2 * self.c.size, self.limit))
            self.c.resize(wider, refcheck=False)
            self.p.resize(wider, refcheck=False)
        self.c[self.held : end] = c
        self.p[self.held : end] = p
        self.held = end
        self.rows += p.size

    def _spill(self) -> None:
        if not self.files:
            self.files = [(self.folder / f"{i}.c", self.folder / f"{i}.p") for i in range(_PARTS)]
        for begin in range(0, self.held, 4_000_000):
            c = self.c[begin : min(begin + 4_000_000, self.held)]
            p = self.p[begin : min(begin + 4_000_000, self.held)]
            part = ((c.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(59)).astype(np.uint8)
            order = np.argsort(part, kind="stable")
            cuts = np.searchsorted(part[order], np.arange(_PARTS + 1))
            for i, (c_file, p_file) in enumerate(self.files):
                rows = order[cuts[i] : cuts[i + 1]]
                for file, values in ((c_file, c), (p_file, p)):
                    with file.open("ab") as target:
                        values[rows].tofile(target)
        self.held = 0

    def finish(self, layout: Layout, rules: Rules) -> Journeys:
        if not self.files:
            log = [self.c[: self.held], self.p[: self.held]]
            self.c = self.p = None
            return journeys(log, layout, rules)
        self._spill()
        kind = self.c.dtype
        self.c = self.p = None
        parts = []
        for c_file, p_file in self.files:
            log = [np.fromfile(c_file, kind), np.fromfile(p_file, np.int64)] if c_file.exists() else None
            if log is None:
                continue
            c_file.unlink()
            p_file.unlink()
            parts.append(journeys(log, layout, rules))
        return Journeys(
            np.concatenate([part.entered for part in parts]),
            np.concatenate([part.segment for part in parts]),
            [np.concatenate(column) for column in zip(*(part.durations for part in parts), strict=True)],
        )
