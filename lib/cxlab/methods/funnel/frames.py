"""A DataFrame as the two integers a row that the kernel reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxlab.evidence.errors import InputError

from .kernel import Layout, journeys
from .local import NO_SEGMENT, Columns, Scan
from .semantics import Rules, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["scan_frame", "times"]

_ZONE = r"\d\d:\d\d.*(?:Z|UTC|[+-]\d\d(?::?\d\d)?)\s*$"


def scan_frame(events: pd.DataFrame, columns: Columns, rules: Rules) -> Scan:
    """Scan a DataFrame for a funnel; see ``local.scan_sql``."""
    import pandas as pd

    for role, name in columns._asdict().items():
        if name is not None and name not in events.columns:
            close = nearest(name, map(str, events.columns))
            hint = (
                f"did you mean {', '.join(close)}?"
                if close
                else f"there are {', '.join(map(str, events.columns))}"
            )
            raise InputError(f"events has no column {name!r} for {role}; {hint}")
    names = pd.Index([*rules.steps, *rules.exclude])
    event = events[columns.event]
    if not (pd.api.types.is_string_dtype(event.dtype) or isinstance(event.dtype, pd.CategoricalDtype)):
        event = event.astype(str)
    code = names.get_indexer(pd.Index(event))
    k_steps = len(rules.steps)
    code = np.where(code >= k_steps, k_steps, code)
    if rules.strict:
        code[code < 0] = k_steps
        kept = np.ones(len(events), bool)
    else:
        kept = code >= 0
    stamp = times(events[columns.timestamp], columns.timestamp)[kept]
    person = events[columns.customer][kept]
    has_customer, has_time = person.notna().to_numpy(), stamp != np.iinfo(np.int64).min
    good = has_customer & has_time
    customer = _integers(person[good])
    stamp, code = stamp[good], code[kept][good]
    labels, segment = None, 0
    if columns.segment is not None:
        text = events[columns.segment].astype("str").where(events[columns.segment].notna(), NO_SEGMENT)
        numbers, found = pd.factorize(text, sort=True)
        labels, segment = [str(label) for label in found], numbers[kept][good]
    origin = int(stamp.min()) if stamp.size else 0
    layout = Layout(origin, k_steps.bit_length(), max(len(labels or []) - 1, 0).bit_length())
    until = int(stamp.max()) if stamp.size else 0
    if (until - origin).bit_length() + layout.shift > 62:
        raise InputError(
            "the times and segments of this log are too many to hold together; take fewer segments"
        )
    payload = ((stamp - origin) << layout.shift) | (code.astype(np.int64) << layout.segment_bits) | segment
    lost = int(np.count_nonzero(~has_customer)), int(np.count_nonzero(has_customer & ~has_time))
    return Scan(journeys([customer, payload], layout, rules), labels, int(stamp.size), *lost, until)


def _integers(person: pd.Series) -> np.ndarray:
    import pandas as pd

    if isinstance(person.dtype, np.dtype) and person.dtype.kind == "i":
        return person.to_numpy().astype(np.int64)
    return pd.factorize(person)[0].astype(np.int64)


def times(stamp: pd.Series, name: str = "timestamp") -> np.ndarray:
    """Return times as microseconds since 1970 in UTC; a missing time is the least int64.

    Raises
    ------
    InputError
        Numbers, text that is no time, or a mixture of times with and without a time zone.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(stamp.dtype) and len(stamp):
        raise InputError(
            f'the column {name!r} holds numbers, not times; convert it first, for example pd.to_datetime(x, unit="s")'
        )
    if not pd.api.types.is_datetime64_any_dtype(stamp.dtype):
        present = stamp.dropna()
        if pd.api.types.is_string_dtype(stamp.dtype):
            zoned = present.astype("str").str.contains(_ZONE, regex=True)
        else:
            zoned = present.map(lambda value: getattr(value, "tzinfo", None) is not None)
        if len(present) and 0 < int(zoned.sum()) < len(present):
            raise InputError(
                f"the column {name!r} mixes {int(zoned.sum()):,} times with a time zone and "
                f"{int((~zoned.astype(bool)).sum()):,} without; write all of them with their zone, or all in one zone"
            )
        is_text = pd.api.types.is_string_dtype(stamp.dtype)
        parsed = pd.to_datetime(
            stamp, utc=True, errors="coerce", **({"format": "ISO8601"} if is_text else {})
        )
        unread = stamp[parsed.isna() & stamp.notna()]
        if len(unread):
            raise InputError(
                f"the column {name!r} holds {len(unread):,} of {len(present):,} values that are no time, such as "
                f"{str(unread.iloc[0])!r}; write ISO times such as 2024-05-31 14:02:00"
            )
        stamp = parsed
    if stamp.dt.tz is not None:
        stamp = stamp.dt.tz_convert("UTC").dt.tz_localize(None)
    return stamp.astype("datetime64[us]").to_numpy().astype(np.int64)
