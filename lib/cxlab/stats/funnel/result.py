"""What a funnel answers: one scan, then any window, segment and quantile without the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxlab.data.errors import InputError
from cxlab.stats.funnel.kernel import Journeys, count_within
from cxlab.stats.funnel.rules import NEVER, Rules, in_words, microseconds, rounded_up
from cxlab.stats.funnel.scan import Scan
from cxlab.stats.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["step", "customers", "step_conversion", "overall_conversion", "low", "high"]


class Funnel:
    """Customers, step by step; made by ``cx.funnel.ordered_funnel``.

    ``step_conversion`` is the share of the customers of the step before, ``overall_conversion`` of the first
    step; ``low`` and ``high`` are Wilson's 95 % interval of ``overall_conversion``. A customer belongs to the
    segment that was recorded with the first of the first-step events. A ``window`` is a time span such as
    "7d", None for no limit, or "same" for the one that was asked. ``rules`` says in a sentence what counts;
    ``events`` rows were used, ``no_customer`` and ``no_time`` dropped; ``until`` is the latest time in them.
    """

    def __init__(self, asked: Rules, scan: Scan):
        self.asked, self.steps, self.rules = asked, asked.steps, asked.describe()
        self.found, self.segments, self.segmented = scan.found, scan.labels or [], scan.labels is not None
        self.events, self.no_customer, self.no_time, self.until = scan[2:]
        self._codes = max(len(self.segments), 1)
        self.entered = np.bincount(self.found.segment, minlength=self._codes)

    def ready(self, most: int = 3_000_000) -> Funnel:
        """Make every window a look-up, now rather than at the first other one (up to ``most`` customers)."""
        _ = self._sorted if self.found.entered.size <= most else None
        return self

    def __repr__(self) -> str:
        counts = self._counts(self.asked.window).sum(axis=0)
        way = " > ".join(f"{step} {n:,}" for step, n in zip(self.steps, counts, strict=True))
        return f"Funnel({way}; {self.rules})"

    def ladder(self, count: int = 10) -> list[int]:
        """Return rising round windows for a slider, in microseconds."""
        spans = self._quantile_windows() or [3_600_000_000]
        return rounded_up([spans[round(i * (len(spans) - 1) / max(count - 1, 1))] for i in range(count)])

    def _quantile_windows(self) -> list[int]:
        """Return 60 quantiles of the times to the last step that anybody reached."""
        times = [every for groups in self._sorted if (every := np.concatenate(groups)).size]
        if not times:
            return []
        found = np.quantile(times[-1], np.linspace(0, 1, 60), method="inverted_cdf")
        return [int(span) for span in np.unique(np.maximum(found, 1))]

    def unreached(self) -> list[str]:
        """Return the steps that nobody reached at all: only those can be misspelt."""
        reached = [self.found.entered.size, *((column < NEVER).any() for column in self.found.durations)]
        return [step for step, some in zip(self.steps, reached, strict=True) if not some]

    # ------------------------------------------------------------ counts

    @cached_property
    def _sorted(self) -> list[list[NDArray[np.int64]]]:
        """Per later step and segment the sorted durations of those who reached it: a window is a search."""
        groups = [slice(None)]
        if self._codes > 1:
            order = np.argsort(self.found.segment.astype(np.uint16), kind="stable")  # 16 bits: a radix sort
            groups = np.split(order, np.cumsum(self.entered)[:-1])
        parts = ([column[group] for group in groups] for column in self.found.durations)
        return [[np.sort(part[part < NEVER]) for part in step] for step in parts]

    def _counts(self, window: int) -> NDArray[np.int64]:
        """Return customers per segment (rows) and step (columns)."""
        window = min(window, NEVER - 1)
        if "_sorted" in self.__dict__ or self.found.entered.size < 200_000:
            later = [[np.searchsorted(part, window, "right") for part in step] for step in self._sorted]
        else:
            later = count_within(self.found, window, self._codes)
        return np.column_stack([self.entered, *later])

    def _window(self, window: object) -> int:
        same = isinstance(window, str) and window == "same"
        return self.asked.window if same else microseconds(window, argument="window")

    @property
    def _names(self) -> list[str | None]:
        return self.segments if self.segmented else [None]

    def _rows(self, counts: NDArray[np.int64]) -> list[dict]:
        rows = []
        for name, line in zip(self._names, counts, strict=False):
            low, high = wilson(line, np.full(line.size, line[0]))
            before = np.concatenate((line[:1], line[:-1]))
            for k, step in enumerate(self.steps):
                share = (line[k] / total if total else math.nan for total in (before[k], line[0]))
                values = (step, int(line[k]), *map(float, share), float(low[k]), float(high[k]))
                own = {"segment": name} if self.segmented else {}
                rows.append(own | dict(zip(_COLUMNS, values, strict=True)))
        return rows

    def rows(self, window: object = "same") -> list[dict]:
        """Return :meth:`at` as plain dictionaries (no pandas)."""
        return self._rows(self._counts(self._window(window)))

    def medians(self) -> list[float | None]:
        """Return the median time to each of :meth:`rows`, in seconds (no pandas); None at the first step."""
        times: list[float | None] = []
        for code in range(len(self._names)):
            own = self.found.segment == code if self.segmented else slice(None)
            times.append(None)
            for column in self.found.durations:
                inside = column[own]
                inside = inside[inside <= min(self.asked.window, NEVER - 1)]
                middle = max(math.ceil(inside.size / 2) - 1, 0)
                times.append(float(np.partition(inside, middle)[middle]) / 1e6 if inside.size else None)
        return times

    def settled(self, window: object = "same") -> list[dict]:
        """Return the rows of the customers whose window has closed, and ``open``: how many were left out.

        Customers who first entered less than one window before the latest event may still convert: counting
        them as lost understates conversion, counting only those of them who have converted overstates it.
        """
        span, found = self._window(window), self.found
        closed = slice(None) if span == NEVER else found.entered <= self.until - span
        durations = [column[closed] for column in found.durations]
        own = Journeys(found.entered[closed], found.segment[closed], durations)
        first = np.bincount(own.segment, minlength=self._codes)
        later = count_within(own, min(span, NEVER - 1), self._codes)
        still = np.repeat(self.entered - first, len(self.steps)).tolist()
        rows = self._rows(np.column_stack([first, *later]))
        return [row | {"open": count} for row, count in zip(rows, still, strict=False)]

    # ------------------------------------------------------------ tables

    @property
    def table(self) -> pd.DataFrame:
        """One row a step (and segment): ``step customers step_conversion overall_conversion low high``."""
        return self.at("same")

    def at(self, window: object) -> pd.DataFrame:
        """Return the table for another window, without the events."""
        import pandas as pd

        return pd.DataFrame(self.rows(window), columns=["segment"] * self.segmented + _COLUMNS)

    def curve(self, windows: Iterable[object] | None = None) -> pd.DataFrame:
        """Return ``[segment] window step customers overall_conversion low high``, ``window`` a Timedelta.

        ``windows`` are time spans; by default 60 quantiles of the times to the last step.
        """
        import pandas as pd

        spans = self._quantile_windows() if windows is None else map(self._window, windows)
        rows = []
        for span in spans:
            stamp = pd.Timedelta(microseconds=span) if span < NEVER else pd.NaT
            rows += [row | {"window": stamp} for row in self._rows(self._counts(span))]
        names = ["segment"] * self.segmented + ["window", "step", "customers", *_COLUMNS[3:]]
        return pd.DataFrame(rows, columns=names).astype({"window": "timedelta64[us]"})

    def time_to_convert(
        self, quantiles: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9), *, window: object = "same"
    ) -> pd.DataFrame:
        """Return how long those who reached a step took from their first step, by their shortest chain.

        Columns: ``[segment] step customers quantile time``, ``time`` a Timedelta: the smallest observed one
        with at least that share at or below it; NaT when nobody reached the step.
        """
        import pandas as pd

        wrong = [q for q in quantiles if not 0 <= q <= 1]
        if wrong:
            raise InputError(f"quantiles holds {wrong[0]!r}; each must lie between 0 and 1")
        span, rows = self._window(window), []
        for code, name in enumerate(self._names):
            for step, groups in zip(self.steps[1:], self._sorted, strict=True):
                inside = groups[code][: np.searchsorted(groups[code], span, "right")]
                for q in quantiles:
                    time = inside[max(math.ceil(q * inside.size) - 1, 0)] if inside.size else "NaT"
                    rows.append((name, step, inside.size, q, np.timedelta64(time, "us")))
        made = pd.DataFrame(rows, columns=["segment", "step", "customers", "quantile", "time"])
        made = made.assign(time=made["time"].to_numpy("timedelta64[us]"))
        return made if self.segmented else made.drop(columns="segment")

    def notes(self) -> list[str]:
        """Return what a reader must know beside the numbers, as sentences."""
        notes = [f"Rules: {self.rules}."]
        for count, what in ((self.no_customer, "a customer"), (self.no_time, "a time")):
            if count:
                notes.append(f"{count:,} events without {what} were left out.")
        if self.asked.window < NEVER:
            still = int(np.count_nonzero(self.found.entered > self.until - self.asked.window))
            span = in_words(self.asked.window)
            if still:
                notes.append(
                    f"{still:,} customers entered less than {span} before the end: they may still convert."
                )
        return notes
