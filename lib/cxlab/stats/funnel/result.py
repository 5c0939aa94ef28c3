"""What a funnel answers: one scan, then any window, segment and quantile without the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxlab.data.errors import InputError
from cxlab.stats.funnel.kernel import count_within
from cxlab.stats.funnel.rules import NEVER, Rules, in_words, microseconds, rounded_up
from cxlab.stats.funnel.scan import Scan
from cxlab.stats.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["step", "customers", "step_conversion", "overall_conversion", "low", "high"]


class Funnel:
    """Customers, step by step; made by ``cx.funnel.ordered_funnel``.

    Attributes
    ----------
    steps : tuple of str
    rules : str
        One sentence: what counts as reaching a step. Print it beside the numbers.
    segmented : bool
        Whether a segment was asked for.
    segments : list of str
        Their names, sorted.
    events, no_customer, no_time : int
        Rows that were used, and that were dropped because they name no customer, or no time.
    until : int
        The latest time in those rows, in microseconds since 1970.

    Notes
    -----
    ``step_conversion`` is the share of the customers of the step before, ``overall_conversion`` of the first
    step; ``low`` and ``high`` are Wilson's 95 % interval of ``overall_conversion``. A customer belongs to the
    segment that was recorded with the first of the first-step events. A ``window`` is a time span such as
    "7d", None for no limit, or "same" for the one that was asked.
    """

    def __init__(self, asked: Rules, scan: Scan):
        self.asked, self.found = asked, scan.found
        self.steps, self.segments, self.segmented = (
            asked.steps,
            list(scan.labels or []),
            scan.labels is not None,
        )
        self.events, self.no_customer, self.no_time, self.until = scan[2:]

    @property
    def rules(self) -> str:
        return self.asked.describe()

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

    def unreached(self) -> list[str]:
        """Return the steps that nobody reached at all: only those can be misspelt."""
        reached = [self.found.entered.size, *(int((column < NEVER).any()) for column in self.found.durations)]
        return [step for step, count in zip(self.steps, reached, strict=True) if not count]

    # ------------------------------------------------------------ counts

    @property
    def _codes(self) -> int:
        return max(len(self.segments), 1)

    @cached_property
    def entered(self) -> NDArray[np.int64]:
        """Customers of the first step, by segment."""
        return np.bincount(self.found.segment, minlength=self._codes)

    @cached_property
    def _sorted(self) -> list[list[NDArray[np.int64]]]:
        """Per segment and later step the sorted durations of those who reached it: a window is a search."""
        groups = [slice(None)]
        if self._codes > 1:
            order = np.argsort(self.found.segment.astype(np.uint16), kind="stable")  # 16 bits: a radix sort
            cuts = np.concatenate(([0], np.cumsum(self.entered)))
            groups = [order[cuts[i] : cuts[i + 1]] for i in range(self._codes)]
        columns = self.found.durations
        return [
            [np.sort(part[part < NEVER]) for part in (column[group] for column in columns)]
            for group in groups
        ]

    def _counts(self, window: int) -> NDArray[np.int64]:
        """Return customers per segment (rows) and step (columns)."""
        window = min(window, NEVER - 1)
        if "_sorted" in self.__dict__ or self.found.entered.size < 200_000:
            later = [[np.searchsorted(column, window, "right") for column in group] for group in self._sorted]
            return np.column_stack([self.entered, np.array(later, dtype=np.int64).reshape(self._codes, -1)])
        return np.column_stack([self.entered, *count_within(self.found, window, self._codes)])

    def _window(self, window: object) -> int:
        same = isinstance(window, str) and window == "same"
        return self.asked.window if same else microseconds(window, argument="window")

    def rows(self, window: object = "same", *, by_segment: bool = True) -> list[dict]:
        """Return :meth:`at` as plain dictionaries (no pandas)."""
        return self._rows(self._counts(self._window(window)), by_segment)

    def _rows(self, counts: NDArray[np.int64], by_segment: bool = True) -> list[dict]:
        split = self.segmented and by_segment
        counts = counts if split else counts.sum(axis=0, keepdims=True)
        rows = []
        for name, line in zip(self.segments if split else [None], counts, strict=False):
            low, high = wilson(line, np.full(line.size, line[0]))
            before = np.concatenate((line[:1], line[:-1]))
            for k, step in enumerate(self.steps):
                share = (line[k] / total if total else math.nan for total in (before[k], line[0]))
                values = (step, int(line[k]), *map(float, share), float(low[k]), float(high[k]))
                rows.append(({"segment": name} if split else {}) | dict(zip(_COLUMNS, values, strict=True)))
        return rows

    # ------------------------------------------------------------ tables

    @property
    def table(self) -> pd.DataFrame:
        """One row a step (and segment): ``step customers step_conversion overall_conversion low high``."""
        return self.at("same")

    def at(self, window: object, *, by_segment: bool = True) -> pd.DataFrame:
        """Return the table for another window without the events; ``by_segment=False`` adds segments up."""
        import pandas as pd

        names = ["segment"] * (self.segmented and by_segment) + _COLUMNS
        return pd.DataFrame(self.rows(window, by_segment=by_segment), columns=names)

    def curve(self, windows: Iterable[object] | None = None, *, by_segment: bool = True) -> pd.DataFrame:
        """Return ``[segment] window step customers overall_conversion low high``, ``window`` a Timedelta.

        ``windows`` are time spans; by default 60 quantiles of the times to all later steps.
        """
        import pandas as pd

        spans = (
            self._quantile_windows(every=True) if windows is None else [self._window(one) for one in windows]
        )
        rows = []
        for span in spans:
            stamp = pd.Timedelta(microseconds=span) if span < NEVER else pd.NaT
            rows += [row | {"window": stamp} for row in self._rows(self._counts(span), by_segment)]
        names = ["segment"] * (self.segmented and by_segment)
        names += ["window", "step", "customers", "overall_conversion", "low", "high"]
        return pd.DataFrame(rows, columns=names).astype({"window": "timedelta64[us]"})

    def _quantile_windows(self, every: bool = False) -> list[int]:
        reached = [np.concatenate([group[k] for group in self._sorted]) for k in range(len(self.steps) - 1)]
        reached = [column for column in reached if column.size]
        if not reached:
            return []
        chosen = np.concatenate(reached) if every else reached[-1]
        found = np.quantile(chosen, np.linspace(0, 1, 60), method="inverted_cdf")
        return [int(span) for span in np.unique(np.maximum(found, 1))]

    def time_to_convert(
        self,
        quantiles: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9),
        *,
        window: object = "same",
        by_segment: bool = True,
    ) -> pd.DataFrame:
        """Return how long those who reached a step took from their first step.

        Returns
        -------
        DataFrame
            ``[segment] step customers quantile time``, ``time`` a Timedelta (the smallest observed time with
            at least that share at or below it; NaT when nobody reached the step). The shortest chain of each
            customer counts.
        """
        import pandas as pd

        wrong = [q for q in quantiles if not 0 <= q <= 1]
        if wrong:
            raise InputError(f"quantiles holds {wrong[0]!r}; each must lie between 0 and 1")
        span, split, groups = self._window(window), self.segmented and by_segment, self._sorted
        if not split:
            groups = [[np.sort(np.concatenate(columns)) for columns in zip(*self._sorted, strict=True)]]
        rows = []
        for name, group in zip(self.segments if split else [None], groups, strict=False):
            for step, column in zip(self.steps[1:], group, strict=True):
                inside = column[: np.searchsorted(column, span, "right")]
                for q in quantiles:
                    time = inside[max(math.ceil(q * inside.size) - 1, 0)] if inside.size else "NaT"
                    time = np.timedelta64(time, "us")
                    rows.append((*([name] if split else []), step, inside.size, q, time))
        made = pd.DataFrame(rows, columns=["segment"] * split + ["step", "customers", "quantile", "time"])
        return made.assign(time=made["time"].to_numpy("timedelta64[us]"))

    def medians(self) -> list[float | None]:
        """Return the median time to each of :meth:`rows`, in seconds (no pandas); None at the first step."""
        times: list[float | None] = []
        for code in range(len(self.segments) if self.segmented else 1):
            own = self.found.segment == code if self.segmented else slice(None)
            times.append(None)
            for column in self.found.durations:
                inside = column[own]
                inside = inside[(inside <= self.asked.window) & (inside < NEVER)]
                middle = max(math.ceil(inside.size / 2) - 1, 0)
                times.append(float(np.partition(inside, middle)[middle]) / 1e6 if inside.size else None)
        return times

    def settled(self, window: object = "same", *, by_segment: bool = True) -> list[dict]:
        """Return the rows of the customers whose window has closed, and ``open``: how many were left out.

        Customers who first entered less than one window before the latest event may still convert: counting
        them as lost understates conversion, counting only those of them who have converted overstates it.
        """
        span, found = self._window(window), self.found
        closed = np.ones(found.entered.size, bool) if span == NEVER else found.entered <= self.until - span
        segment = found.segment[closed]
        inside = [column[closed] <= min(span, NEVER - 1) for column in found.durations]
        counts = [
            np.bincount(own, minlength=self._codes) for own in (segment, *(segment[one] for one in inside))
        ]
        rows = self._rows(np.column_stack(counts), by_segment)
        still = self.entered - counts[0]
        still = still if self.segmented and by_segment else still.sum(keepdims=True)
        return [row | {"open": int(still[i // len(self.steps)])} for i, row in enumerate(rows)]

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
