"""What a funnel answers: one scan, then any window, segment and quantile without the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxlab.data.errors import InputError
from cxlab.stats.funnel.scan import NEVER, SIZES, Rules, Scan, in_words, microseconds
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
    ``events`` rows were used, ``no_customer`` and ``no_time`` dropped; ``until`` is the latest time in them;
    ``unknown`` says for each step that is no event of the log what may have been meant.
    """

    def __init__(self, asked: Rules, scan: Scan):
        self.asked, self.steps, self.rules = asked, asked.steps, asked.describe()
        self.found, self.segments, self.segmented = scan.found, scan.labels or [], scan.labels is not None
        self.events, self.no_customer, self.no_time, self.until = scan[2:]
        self.unknown: list[str] = []
        self._columns = ["segment"] * self.segmented + _COLUMNS

    def __repr__(self) -> str:
        counts = self._counts(self.asked.window).sum(axis=0)
        way = " > ".join(f"{step} {n:,}" for step, n in zip(self.steps, counts, strict=True))
        return f"Funnel({way}; {self.rules})"

    def unreached(self) -> list[str]:
        """Return the steps that nobody reached at all: only those can be misspelt."""
        reached = self._counts(NEVER).sum(axis=0)
        return [step for step, n in zip(self.steps, reached, strict=True) if n == 0]

    def _window(self, window: object) -> int:
        same = isinstance(window, str) and window == "same"
        return self.asked.window if same else microseconds(window, argument="window")

    def _counts(self, window: int, until: int = NEVER) -> np.ndarray:
        """Return customers per segment (rows) and step (columns), of those who entered until a time."""
        shape = max(len(self.segments), 1), len(self.steps)
        furthest = np.zeros(shape, np.int64)  # whoever reached a step in time reached those before it in time
        for part in self.found:
            last = np.zeros(part.entered.size, np.uint8)
            for column in part.durations:
                last += (column <= min(window, NEVER - 1)).view(np.uint8)
            place = part.segment * np.int64(shape[1]) + last
            place = place if until == NEVER else place[part.entered <= until]
            furthest += np.bincount(place, minlength=furthest.size).reshape(shape)
        return furthest[: len(self.segments) if self.segmented else 1, ::-1].cumsum(axis=1)[:, ::-1]

    def _times(self, step: int, span: int = NEVER - 1, code: int | None = None) -> np.ndarray:
        """Return how long those took who reached a later step (0 is the second) in time, of one segment."""
        chosen = [np.empty(0, np.int64)]
        for part in self.found:
            inside = part.durations[step] <= span
            chosen.append(part.durations[step][inside if code is None else inside & (part.segment == code)])
        return np.concatenate(chosen)

    def rows(self, window: object = "same") -> list[dict]:
        """Return :meth:`at` as plain dictionaries (no pandas)."""
        return self._rows(self._counts(self._window(window)))

    def settled(self, window: object = "same") -> list[dict]:
        """Return the rows of the customers whose window has closed, and ``open``: how many were left out.

        Customers who first entered less than one window before the latest event may still convert: counting
        them as lost understates conversion, counting only those of them who have converted overstates it.
        """
        span = self._window(window)
        counts = self._counts(span, self.until - (0 if span == NEVER else span))
        left_out = np.repeat(self._counts(span)[:, 0] - counts[:, 0], len(self.steps)).tolist()
        return [row | {"open": n} for row, n in zip(self._rows(counts), left_out, strict=True)]

    def _rows(self, counts: np.ndarray) -> list[dict]:
        rows = []
        for name, line in zip(self.segments if self.segmented else [""], counts, strict=True):
            low, high = wilson(line, np.full(line.size, line[0]))
            for k, step in enumerate(self.steps):
                shares = [line[k] / n if n else math.nan for n in (line[max(k - 1, 0)], line[0])]
                values = [step, int(line[k]), *map(float, (*shares, low[k], high[k]))]
                rows.append(dict(zip(self._columns, [name] * self.segmented + values, strict=True)))
        return rows

    def quantiles(self, shares: Sequence[float], window: object = "same") -> list[dict]:
        """Return :meth:`time_to_convert` as plain dictionaries, ``time`` in microseconds (no pandas)."""
        if any(not 0 <= share <= 1 for share in shares):
            raise InputError(f"quantiles={list(shares)!r} must lie between 0 and 1")
        span, rows = min(self._window(window), NEVER - 1), []
        for code, name in enumerate(self.segments if self.segmented else [""]):
            for k, step in enumerate(self.steps[1:]):
                inside = self._times(k, span, code)
                row = {"segment": name} if self.segmented else {}
                row |= {"step": step, "customers": inside.size}
                times = [None] * len(shares)
                if inside.size:
                    times = np.quantile(inside, shares, method="inverted_cdf").tolist()
                pairs = zip(shares, times, strict=True)
                rows += [row | {"quantile": share, "time": time} for share, time in pairs]
        return rows

    def notes(self) -> list[str]:
        """Return what a reader must know beside the numbers, as sentences."""
        notes = [f"Rules: {self.rules}."]
        for count, what in ((self.no_customer, "a customer"), (self.no_time, "a time")):
            if count:
                notes.append(f"{count:,} events without {what} were left out.")
        still = sum(row["open"] for row in self.settled()[:: len(self.steps)])
        if still:
            late = f"{still:,} customers entered less than {in_words(self.asked.window)} before the end"
            notes.append(f"{late}: they may still convert.")
        return notes

    # ------------------------------------------------------------ tables

    @property
    def table(self) -> pd.DataFrame:
        """One row a step (and segment): ``step customers step_conversion overall_conversion low high``."""
        return self.at("same")

    def at(self, window: object) -> pd.DataFrame:
        """Return the table for another window, without the events."""
        import pandas as pd

        return pd.DataFrame(self.rows(window), columns=self._columns)

    def curve(self, windows: Iterable[object] | None = None) -> pd.DataFrame:
        """Return ``[segment] step customers overall_conversion low high window``, ``window`` a Timedelta.

        ``windows`` are time spans; by default 60 quantiles of the times to the last step.
        """
        import pandas as pd

        spans = self._quantile_windows() if windows is None else map(self._window, windows)
        rows = [
            row | {"window": np.timedelta64(span if span < NEVER else "NaT", "us")}
            for span in spans
            for row in self._rows(self._counts(span))
        ]
        table = pd.DataFrame(rows, columns=[*self._columns, "window"]).drop(columns="step_conversion")
        return table.astype({"window": "timedelta64[us]"})

    def ladder(self, count: int = 10) -> list[int]:
        """Return rising round windows for a slider, in microseconds."""
        spans = self._quantile_windows() or [3_600_000_000]
        return rounded_up([spans[round(i * (len(spans) - 1) / max(count - 1, 1))] for i in range(count)])

    def _quantile_windows(self) -> list[int]:
        """Return 60 quantiles of the times to the last step that anybody reached."""
        reached = map(self._times, reversed(range(len(self.steps) - 1)))
        times = next((column for column in reached if column.size), np.empty(0, np.int64))
        found = np.quantile(times, np.linspace(0, 1, 60), method="inverted_cdf") if times.size else times
        return np.unique(np.maximum(found, 1)).tolist()

    def time_to_convert(
        self, quantiles: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9), *, window: object = "same"
    ) -> pd.DataFrame:
        """Return how long those who reached a step took from their first step, by their shortest chain.

        Columns: ``[segment] step customers quantile time``, ``time`` a Timedelta: the smallest observed one
        with at least that share at or below it; NaT when nobody reached the step.
        """
        import pandas as pd

        names = ["segment"] * self.segmented + ["step", "customers", "quantile", "time"]
        table = pd.DataFrame(self.quantiles(quantiles, window), columns=names)
        return table.assign(time=pd.to_timedelta(table["time"], unit="us").astype("timedelta64[us]"))


def rounded_up(spans: Sequence[int]) -> list[int]:
    """Return rising spans, each rounded up to two digits of a unit that suits them.

    >>> rounded_up([60_000_000, 187_000_000, 600_000_000])
    [60000000, 192000000, 600000000]
    """
    middle = spans[len(spans) // 2]
    size = next((SIZES[unit] for unit in "dhm" if middle >= 2 * SIZES[unit]), SIZES["s"])
    values = set()
    for value in (max(span / size, 1e-3) for span in spans):
        scale = 10.0 ** (1 - math.floor(math.log10(value)))
        values.add(round(math.ceil(round(value * scale, 6)) / scale * size))
    return sorted(values)
