"""The funnel on a real local Spark against the fast path."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.methods.funnel import Columns, expression, frames, rules_of
from cxlab.methods.funnel.semantics import DAY

pytestmark = pytest.mark.spark
STEPS = ("a", "b", "c", "d")


def missing() -> str | None:
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "Java is not installed"
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed (the extra cxlab[spark])"
    return None


@pytest.fixture(scope="module")
def spark():
    reason = missing()
    if reason and os.environ.get("CXLAB_REQUIRE_SPARK") == "1":
        pytest.fail(f"CXLAB_REQUIRE_SPARK=1, but {reason}")
    if reason:
        pytest.skip(reason)
    from cxlab.methods.funnel.engine import _spark

    connection = _spark(1_000_000_000)
    yield connection
    connection.disconnect()


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(8)
    n = 20_000
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 2_000, n),
            "event": rng.choice([*STEPS, "x"], n),
            # steps of a minute, so that many events share a time
            "timestamp": pd.to_datetime(
                1_700_000_000_654_321 + 60_000_000 * rng.integers(0, 20 * DAY // 60_000_000, n), unit="us"
            ),
            "segment": rng.choice(["north", "south", None], n),
        }
    )
    frame.loc[rng.random(n) < 0.001, "timestamp"] = pd.NaT
    frame["timestamp"] = frame.timestamp.astype("datetime64[us]")
    return frame


@pytest.mark.parametrize(
    "options",
    [{}, {"step_windows": ["1d", None, "2d"]}, {"strict": True}, {"exclude": ["x"]}],
    ids=["plain", "step windows", "strict", "exclude"],
)
def test_spark_equals_fast_path_to_the_last_customer(spark, log, options, tmp_path_factory):
    path = tmp_path_factory.mktemp("spark") / "log.parquet"
    log.to_parquet(path)
    rules = rules_of(STEPS, "5d", **options)
    columns = Columns(segment="segment")
    far = expression.scan_table(spark.read_parquet(str(path)), columns, rules)
    near = frames.scan_frame(log, columns, rules)
    assert (far.events, far.no_customer, far.no_time, far.until) == (
        near.events,
        near.no_customer,
        near.no_time,
        near.until,
    )
    label = lambda scan: [scan.labels[code] for code in scan.found.segment]  # noqa: E731
    rows_of = lambda scan: sorted(zip(scan.found.entered, label(scan), *scan.found.durations, strict=True))  # noqa: E731
    assert rows_of(far) == rows_of(near)


def test_ordered_funnel_takes_a_spark_table(spark, log, tmp_path):
    log.to_parquet(tmp_path / "log.parquet")
    table = spark.read_parquet(str(tmp_path / "log.parquet"))
    got = cx.funnel.ordered_funnel(table, steps=STEPS, conversion_window="5d", segment="segment")
    want = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d", segment="segment")
    pd.testing.assert_frame_equal(got.table, want.table)
    pd.testing.assert_frame_equal(got.at("2d"), want.at("2d"))
