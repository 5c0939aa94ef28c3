"""The two passes over the visits: they equal a plain count, keep journeys whole and lose every id."""

import importlib.util
import os
import shutil

import ibis
import pandas as pd
import pytest

from cxlab.data.errors import NotEnough
from cxlab.data.table import Table
from cxlab.data.visits import COLUMNS, counted, drawn, hear
from cxlab.worlds.visits import make_visits


def table(frame) -> Table:
    return Table(frame=frame, kind="visits")


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    return make_visits(60_000, outlets=100, rng=3)


def test_the_first_pass_equals_a_plain_count(visits):
    heard = hear(table(visits))
    plain = visits.assign(month=visits["timestamp"].dt.to_period("M").dt.to_timestamp())
    plain = plain.groupby(["outlet", "organisation", "role", "month"])["score"]
    expected = pd.DataFrame({"visits": plain.size(), "rated": plain.count()}).reset_index()
    pd.testing.assert_frame_equal(
        heard.cells.drop(columns="satisfied"), expected, check_dtype=False, check_index_type=False
    )
    assert heard.cells["satisfied"].sum() == (visits["score"] >= 4).sum() == heard.sample["satisfied"].sum()
    assert heard.sample["failed"].sum() == (visits["score"] <= 2).sum()
    assert (heard.visits, heard.rated, heard.share) == (len(visits), visits["score"].notna().sum(), 1.0)


@pytest.mark.parametrize(
    ("scale", "satisfied", "failed"), [(range(11), 3, 3), (range(1, 8), 2, 2), (range(2), 1, 1)]
)
def test_satisfied_is_the_upper_quarter_of_any_scale(scale, satisfied, failed):
    heard = hear(table(pd.DataFrame({"outlet": "a", "score": list(scale)})))
    assert (heard.sample["satisfied"].sum(), heard.sample["failed"].sum()) == (satisfied, failed)


def test_the_sample_holds_whole_people_and_none_of_their_ids(visits):
    heard = hear(table(visits), sample_visits=6_000)
    assert heard.share == pytest.approx(0.1) and 0.06 < len(heard.sample) / len(visits) < 0.14
    journeys = set(visits.groupby("person")["outlet"].agg(lambda outlets: tuple(sorted(outlets))))
    seen = set(heard.sample.groupby("person")["outlet"].agg(lambda outlets: tuple(sorted(outlets))))
    assert seen <= journeys and heard.sample["person"].max() < visits["person"].nunique()


def test_a_year_written_to_files_gives_the_same_as_its_rows(tmp_path):
    made = make_visits(40_000, outlets=60, rng=2)
    for part in range(2):
        made[part::2].to_parquet(tmp_path / f"{part}.parquet", index=False)
    stored = ibis.duckdb.connect().read_parquet(str(tmp_path / "*.parquet"))
    streamed = hear(table(stored), sample_visits=20_000)
    whole = hear(table(stored.to_pandas()), sample_visits=20_000)
    pd.testing.assert_frame_equal(streamed.cells, whole.cells)
    pd.testing.assert_frame_equal(streamed.sample, whole.sample, check_dtype=False)


def test_absent_columns_are_unknown_and_rows_are_heard_once(visits):
    few = table(visits[["outlet", "score"]])
    heard = hear(few, sample_visits=6_000)
    assert hear(few.with_(bootstrap=7), sample_visits=6_000) is heard
    assert heard.sample["role"].isna().all() and heard.sample["person"].is_unique
    assert heard.cells["rated"].sum() == visits["score"].notna().sum()


def test_what_cannot_be_counted_is_said(visits):
    with pytest.raises(NotEnough, match="several organisations"):
        hear(table(visits.assign(outlet="S1")))
    with pytest.raises(NotEnough, match="no visit"):
        hear(table(visits.head(0)))


@pytest.mark.parametrize("dialect", ["duckdb", "databricks", "snowflake"])
def test_both_passes_can_be_said_in_other_engines_words(dialect):
    rows = ibis.table(COLUMNS, name="visits")
    assert "GROUP BY" in str(ibis.to_sql(counted(rows, 4), dialect=dialect)).upper()
    assert "HASH" in str(ibis.to_sql(drawn(rows, 160), dialect=dialect)).upper()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_spark_counts_what_duckdb_counts(tmp_path):
    reason = None if importlib.util.find_spec("pyspark") else "pyspark is not installed"
    reason = reason or (None if shutil.which("java") or os.environ.get("JAVA_HOME") else "there is no Java")
    if reason:
        (pytest.fail if os.environ.get("CXLAB_REQUIRE_SPARK") == "1" else pytest.skip)(reason)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    rows = make_visits(3000, outlets=20, rng=1)
    stored = rows.assign(
        score=rows["score"].astype("float64"), timestamp=rows["timestamp"].astype("datetime64[us]")
    )
    stored.to_parquet(tmp_path / "visits.parquet")
    try:
        there = hear(table(ibis.pyspark.connect(session).read_parquet(str(tmp_path / "visits.parquet"))))
        here = hear(table(rows))
        pd.testing.assert_frame_equal(there.cells, here.cells, check_dtype=False)
        assert len(there.sample) == len(here.sample)
    finally:
        session.stop()
