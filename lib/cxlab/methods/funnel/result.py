"""What a funnel answers: one scan, then any window, segment and quantile without the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxlab.evidence.errors import InputError

from ..intervals import wilson
from .kernel import Journeys, count_within
from .semantics import NEVER, Rules, duration_text, microseconds, nearest, round_spans

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Funnel"]


class Funnel:
    """Customers, step by step; made by :func:`ordered_funnel`.

    Attributes
    ----------
    steps : tuple of str
    rules : str
        One sentence: what counts as reaching a step. Print it beside the numbers.
    segmented : bool
        Whether ``segment=`` was given.
    segments : list of str
        Their names, sorted.
    events : int
        Rows that were used.
    no_customer, no_time : int
        Rows that were dropped because they name no customer, or no time.
    until : int
        The latest time in those rows, in microseconds since 1970.

    Notes
    -----
    ``step_conversion`` is the share of the customers of the step before, ``overall_conversion`` of the first step;
    ``low`` and ``high`` are Wilson's 95 % interval of ``overall_conversion``. A customer belongs to the segment that
    was recorded with the first of the first-step events.
    """

    def __init__(
        self,
        rules: Rules,
        found: Journeys,
        labels: Sequence[str] | None = None,
        *,
        events: int,
        no_customer: int = 0,
        no_time: int = 0,
        until: int = 0,
    ):
        self._rules, self._found = rules, found
        self.steps, self.segments, self.segmented = rules.steps, list(labels or []), labels is not None
        self.events, self.no_customer, self.no_time, self.until = events, no_customer, no_time, until

    @property
    def rules(self) -> str:
        return self._rules.describe()

    def rules_at(self, window: object) -> str:
        """Return the rules with another window, to print beside :meth:`at`."""
        return self._rules.describe(self._window(window))

    def ladder(self, count: int = 12) -> tuple[str, list[float]]:
        """Return a unit and rising round numbers of it, for a slider: ``funnel.at(f"{values[0]}{unit}")``."""
        spans = self._quantile_windows() or [3_600_000_000]
        picked = [spans[round(i * (len(spans) - 1) / max(count - 1, 1))] for i in range(count)]
        return round_spans(picked)

    def __repr__(self) -> str:
        counts = self._counts(self._rules.window).sum(axis=0)
        return f"Funnel({' > '.join(f'{s} {c:,}' for s, c in zip(self.steps, counts, strict=True))}; {self.rules})"

    # ------------------------------------------------------------ counts

    @property
    def _codes(self) -> int:
        return max(len(self.segments), 1)

    @cached_property
    def _entered(self) -> NDArray[np.int64]:
        return np.bincount(self._found.segment, minlength=self._codes)

    @cached_property
    def _sorted(self) -> list[list[NDArray[np.int64]]]:
        """Per segment and later step the sorted durations of those who reached it: any window is a binary search."""
        if self._codes == 1:
            groups = [slice(None)]
        else:
            order = np.argsort(self._found.segment.astype(np.uint16), kind="stable")  # 16 bits: a radix sort
            cuts = np.concatenate(([0], np.cumsum(self._entered)))
            groups = [order[cuts[i] : cuts[i + 1]] for i in range(self._codes)]
        made = []
        for group in groups:
            columns = [column[group] for column in self._found.durations]
            made.append([np.sort(column[column < NEVER]) for column in columns])
        return made

    def _counts(self, window: int) -> NDArray[np.int64]:
        """Return customers per segment (rows) and step (columns)."""
        if "_sorted" in self.__dict__ or self._found.entered.size < 200_000:
            later = [[np.searchsorted(column, window, "right") for column in group] for group in self._sorted]
            if window == NEVER:
                later = [[column.size for column in group] for group in self._sorted]
            return np.column_stack([self._entered, np.array(later, dtype=np.int64).reshape(self._codes, -1)])
        reached = count_within(self._found, NEVER - 1 if window == NEVER else window, self._codes)
        return np.column_stack([self._entered, *reached])

    def _window(self, window: object) -> int:
        if isinstance(window, str) and window == "same":
            return self._rules.window
        return microseconds(window, argument="window")

    def rows(self, window: object = "same", *, by_segment: bool = True) -> list[dict]:
        """Return :meth:`at` as plain dictionaries (no pandas)."""
        span = self._window(window)
        counts = self._counts(span)
        return self._rows(counts, by_segment)

    def _rows(self, counts: NDArray[np.int64], by_segment: bool) -> list[dict]:
        split = self.segmented and by_segment
        names = self.segments if split else [None]
        if split and not names:
            return []
        counts = counts if split or counts.shape[0] == 1 else counts.sum(axis=0, keepdims=True)
        rows = []
        for name, line in zip(names, counts, strict=True):
            low, high = wilson(line, np.full(line.size, line[0]))
            for k, step in enumerate(self.steps):
                before = line[max(k - 1, 0)]
                rows.append(
                    ({"segment": name} if split else {})
                    | {
                        "step": step,
                        "customers": int(line[k]),
                        "step_conversion": line[k] / before if before else math.nan,
                        "overall_conversion": line[k] / line[0] if line[0] else math.nan,
                        "low": float(low[k]),
                        "high": float(high[k]),
                    }
                )
        return rows

    # ------------------------------------------------------------ tables

    @property
    def table(self) -> pd.DataFrame:
        """One row a step (and segment): ``step customers step_conversion overall_conversion low high``."""
        return self.at("same")

    def at(self, window: object, *, by_segment: bool = True) -> pd.DataFrame:
        """Return the table for another window, without the events.

        Parameters
        ----------
        window : time span or None
            Longest time from the first step to the step in question, inclusive.
        by_segment : bool
            False adds the segments up.

        Returns
        -------
        DataFrame
            ``[segment] step customers step_conversion overall_conversion low high``.
        """
        import pandas as pd

        columns = ["step", "customers", "step_conversion", "overall_conversion", "low", "high"]
        split = self.segmented and by_segment
        return pd.DataFrame(self.rows(window, by_segment=by_segment), columns=["segment"] * split + columns)

    def drop_off(self, window: object = "same", *, by_segment: bool = True) -> pd.DataFrame:
        """Return who was lost before each later step.

        Returns
        -------
        DataFrame
            ``[segment] step came reached lost drop_off low high``: of ``came`` customers of the step before, the share
            ``drop_off`` did not reach ``step``; Wilson's interval of that share.
        """
        table = self.at(window, by_segment=by_segment)
        grouped = table.groupby("segment", sort=False) if "segment" in table else table
        came = grouped["customers"].shift()
        table = table.assign(came=came).dropna(subset="came")
        lost = (table["came"] - table["customers"]).astype(int)
        low, high = wilson(lost, table["came"])
        table = table.assign(
            came=table["came"].astype(int),
            reached=table["customers"],
            lost=lost,
            drop_off=lost / table["came"],
        ).assign(low=low, high=high)
        keep = ["step", "came", "reached", "lost", "drop_off", "low", "high"]
        return table[["segment"] * ("segment" in table) + keep].reset_index(drop=True)

    def curve(self, windows: Iterable[object] | None = None, *, by_segment: bool = True) -> pd.DataFrame:
        """Return conversion against the window.

        Parameters
        ----------
        windows : time spans, optional
            Default: 60 quantiles of the times to all later steps.

        Returns
        -------
        DataFrame
            ``[segment] window step customers overall_conversion low high``; ``window`` is a Timedelta.
        """
        import pandas as pd

        spans = (
            self._quantile_windows(every=True)
            if windows is None
            else [self._window(window) for window in windows]
        )
        parts = []
        _ = self._sorted
        for span in spans:
            rows = self._rows(self._counts(span), by_segment)
            parts.append(
                pd.DataFrame(rows).assign(window=pd.Timedelta(microseconds=span) if span < NEVER else pd.NaT)
            )
        names = ["window", "step", "customers", "overall_conversion", "low", "high"]
        if not parts:
            none = pd.DataFrame(columns=["segment"] * (self.segmented and by_segment) + names)
            return none.assign(window=pd.to_timedelta([]))
        made = pd.concat(parts, ignore_index=True)
        return made[["segment"] * ("segment" in made) + names]

    def _quantile_windows(self, every: bool = False) -> list[int]:
        reached = [np.concatenate([group[k] for group in self._sorted]) for k in range(len(self.steps) - 1)]
        reached = [column for column in reached if column.size]
        if not reached:
            return []
        found = np.quantile(
            np.concatenate(reached) if every else reached[-1], np.linspace(0, 1, 60), method="inverted_cdf"
        )
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
            ``[segment] step customers quantile time``, ``time`` a Timedelta (the smallest observed time with at least
            that share at or below it; NaT when nobody reached the step). The shortest chain of each customer counts.
        """
        import pandas as pd

        wrong = [q for q in quantiles if not 0 <= q <= 1]
        if wrong:
            raise InputError(f"quantiles holds {wrong[0]!r}; each must lie between 0 and 1")
        span = self._window(window)
        split = self.segmented and by_segment
        groups = self._sorted
        if not split:
            groups = [[np.sort(np.concatenate(columns)) for columns in zip(*self._sorted, strict=True)]]
        rows = []
        for name, group in zip(self.segments if split else [None], groups, strict=True):
            for step, column in zip(self.steps[1:], group, strict=True):
                inside = column[: np.searchsorted(column, span, "right")]
                for q in quantiles:
                    time = np.timedelta64("NaT", "us")
                    if inside.size:
                        time = np.timedelta64(int(inside[max(math.ceil(q * inside.size) - 1, 0)]), "us")
                    rows.append((*([name] if split else []), step, inside.size, q, time))
        made = pd.DataFrame(rows, columns=["segment"] * split + ["step", "customers", "quantile", "time"])
        return made.assign(time=made["time"].to_numpy("timedelta64[us]"))

    def medians(self) -> list[float | None]:
        """Return the median time to each row of :meth:`rows`, in seconds (no pandas); None at the first step."""
        times: list[float | None] = []
        for code in range(len(self.segments) if self.segmented else 1):
            own = self._found.segment == code if self.segmented else slice(None)
            times.append(None)
            for column in self._found.durations:
                inside = column[own]
                inside = inside[(inside <= self._rules.window) & (inside < NEVER)]
                middle = max(math.ceil(inside.size / 2) - 1, 0)
                times.append(float(np.partition(inside, middle)[middle]) / 1e6 if inside.size else None)
        return times

    # ------------------------------------------------------------ right-censoring, segments

    def open_rows(self, window: object = "same", *, observed_until: object = None) -> list[dict]:
        """Return :meth:`settled` as plain dictionaries (no pandas)."""
        span = self._window(window)
        until = self._moment(observed_until)
        closed = (
            np.ones(self._found.entered.size, bool) if span == NEVER else self._found.entered <= until - span
        )
        segment = self._found.segment[closed]
        counts = [np.bincount(segment, minlength=self._codes)]
        for column in self._found.durations:
            inside = column[closed] < NEVER if span == NEVER else column[closed] <= span
            counts.append(np.bincount(segment[inside], minlength=self._codes))
        rows = self._rows(np.column_stack(counts), True)
        still_open = self._entered - counts[0]
        for i, row in enumerate(rows):
            row["open"] = int(still_open[i // len(self.steps)])
        return rows

    def settled(self, window: object = "same", *, observed_until: object = None) -> pd.DataFrame:
        """Return the funnel of the customers whose window has closed.

        Customers who first entered less than one window before the end of observation may still convert: counting them
        as lost understates conversion, counting only those of them who have converted overstates it. Both are left out.

        Parameters
        ----------
        window : time span
        observed_until : timestamp, optional
            End of observation; default the latest event of the scan.

        Returns
        -------
        DataFrame
            The columns of :attr:`table` and ``open``: how many customers were left out.
        """
        import pandas as pd

        return pd.DataFrame(self.open_rows(window, observed_until=observed_until))

    def _moment(self, moment: object) -> int:
        if moment is None:
            return self.until
        import pandas as pd

        try:
            stamp = pd.Timestamp(moment)
        except (ValueError, TypeError) as fault:
            raise InputError(f"observed_until={moment!r} is no time; write for example 2024-05-31") from fault
        if stamp.tzinfo is not None:
            stamp = stamp.tz_convert("UTC").tz_localize(None)
        return int(np.datetime64(stamp.to_datetime64(), "us").astype(np.int64))

    def differences(
        self,
        step: str | None = None,
        *,
        window: object = "same",
        confidence_level: float = 0.95,
        level: float = 0.05,
    ) -> pd.DataFrame:
        """Return every pair of segments compared at one step; see :func:`compare.pairs` for the columns.

        Parameters
        ----------
        step : str, optional
            Default: the last step.
        level : float
            False-discovery rate (Benjamini-Hochberg) over all the pairs.
        """
        from .compare import pairs

        step = self.steps[-1] if step is None else step
        if step not in self.steps:
            close = nearest(step, self.steps) or self.steps
            raise InputError(f"step={step!r} is not a step of this funnel; did you mean {', '.join(close)}?")
        counts = self._counts(self._window(window))
        return pairs(self.segments, counts[:, self.steps.index(step)], counts[:, 0], confidence_level, level)

    def notes(self) -> list[str]:
        """Return what a reader must know beside the numbers, as sentences."""
        notes = [f"Rules: {self.rules}."]
        if self.no_customer:
            notes.append(f"{self.no_customer:,} events without a customer were left out.")
        if self.no_time:
            notes.append(f"{self.no_time:,} events without a time were left out.")
        if self._rules.window < NEVER and self._found.entered.size:
            still = int(np.count_nonzero(self._found.entered > self.until - self._rules.window))
            if still:
                notes.append(
                    f"{still:,} customers entered less than {duration_text(self._rules.window)} before the last event: "
                    "they may still convert (see settled)."
                )
        return notes
