"""Visits that live in Spark give the same counts as visits in DuckDB."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pandas as pd
import pytest

from cxlab.evidence.simulators.visits import make_visits
from cxlab.methods import ecosystem

pytestmark = pytest.mark.spark


@pytest.fixture
def spark():
    reason = None
    if importlib.util.find_spec("pyspark") is None:
        reason = "pyspark is not installed"
    elif not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        reason = "there is no Java"
    if reason and os.environ.get("CXLAB_REQUIRE_SPARK") == "1":
        pytest.fail(f"CXLAB_REQUIRE_SPARK=1, but {reason}")
    if reason:
        pytest.skip(reason)
    import ibis
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    yield ibis.pyspark.connect(session)
    session.stop()


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_spark_counts_what_duckdb_counts(spark, tmp_path):
    visits = make_visits(3000, outlets=20, rng=1)
    stored = visits.assign(
        score=visits["score"].astype("float64"), timestamp=visits["timestamp"].astype("datetime64[us]")
    )
    stored.to_parquet(tmp_path / "visits.parquet")
    there = ecosystem.aggregate(spark.read_parquet(str(tmp_path / "visits.parquet"), table_name="visits"))
    here = ecosystem.aggregate(visits)
    pd.testing.assert_frame_equal(there.cells, here.cells, check_dtype=False)
    assert len(there.sample) == len(here.sample)
