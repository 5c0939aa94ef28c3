"""The funnel on a real local Spark against the fast path."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from common import lines

import cxlab as cx
from cxlab.data.read import read_raw
from cxlab.stats.funnel.files import funnel_of_files, scan_table, spark_connection
from cxlab.stats.funnel.scan import DAY, Columns, rules_of, scan_sql

pytestmark = pytest.mark.spark
STEPS = ("a", "b", "c", "d")
SPLIT = Columns(segment="segment")


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
    connection = spark_connection(1_000_000_000)
    yield connection
    connection.disconnect()


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(8)
    n = 20_000
    # steps of a minute, so that many events share a time
    ticks = 1_700_000_000_654_321 + 60_000_000 * rng.integers(0, 20 * DAY // 60_000_000, n)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 2_000, n).astype(str),
            "event": rng.choice([*STEPS, "x"], n),
            "timestamp": pd.to_datetime(ticks, unit="us"),
            "segment": rng.choice(["north", "south", None], n),
        }
    )
    frame.loc[rng.random(n) < 0.001, "timestamp"] = pd.NaT
    frame.loc[rng.random(n) < 0.001, "customer_id"] = "N/A"
    return frame.astype({"timestamp": "datetime64[us]"})


@pytest.mark.parametrize("steps", [STEPS, ("a", "b", "b")], ids=["plain", "repeated step"])
def test_spark_equals_fast_path_to_the_last_customer(spark, log, steps, tmp_path_factory):
    path = tmp_path_factory.mktemp("spark") / "log.parquet"
    log.to_parquet(path)
    rules = rules_of(steps, "5d")
    far = scan_table(spark.read_parquet(str(path)), SPLIT, rules)
    near = scan_sql(read_raw(log, large=True), SPLIT, rules)
    assert far[2:] == near[2:] and near.no_customer and near.no_time
    assert lines(far) == lines(near)


def test_spark_tables_and_files_give_the_same(spark, log, tmp_path):
    log.to_parquet(tmp_path / "log.parquet")
    log.to_csv(tmp_path / "log.csv", index=False)
    table = spark.read_parquet(str(tmp_path / "log.parquet"))
    options = {"steps": STEPS, "conversion_window": "5d", "segment": "segment"}
    want = cx.funnel.ordered_funnel(log, **options)
    got = cx.funnel.ordered_funnel(table, **options)
    pd.testing.assert_frame_equal(got.at("2d"), want.at("2d"))
    for name in ("log.parquet", "log.csv"):
        made = funnel_of_files(tmp_path / name, rules=rules_of(STEPS, "5d"), columns=SPLIT, engine="spark")
        pd.testing.assert_frame_equal(made.table, want.table)
