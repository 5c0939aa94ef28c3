"""The ecosystem: two passes equal a plain count, planted issues are found and routed, governance by hand."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators.governance import make_findings, make_kpis, make_practices, make_rights
from cxlab.evidence.simulators.phrases import PHRASES
from cxlab.evidence.simulators.visits import make_visits, write_visits
from cxlab.methods import ecosystem

PERSON = re.compile(r"7\d{9}")


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    return make_visits(150_000, outlets=400, commented=0.4, rng=3)


@pytest.fixture(scope="module")
def heard(visits) -> ecosystem.Aggregates:
    return ecosystem.aggregate(visits)


@pytest.fixture(scope="module")
def complaints(heard) -> pd.DataFrame:
    said = heard.sample.query("satisfied == 0 and comment.notna()").copy()
    model = ecosystem.fit_themes(said["comment"], rng=1)
    said["issue"] = [model.names[theme] for theme in model.assign(said["comment"])]
    said["severity"] = (5 - said["score"]) / 4
    return said


def base(heard: ecosystem.Aggregates) -> pd.DataFrame:
    rated = heard.sample[heard.sample["score"].notna()]
    rated = rated.assign(after=rated["timestamp"] >= "2025-07-01")
    return (
        rated.groupby(["outlet", "organisation", "after"], as_index=False)
        .size()
        .rename(columns={"size": "n"})
    )


# the two passes


def test_the_first_pass_equals_a_plain_count(visits, heard):
    plain = visits.assign(month=visits["timestamp"].dt.to_period("M").dt.to_timestamp())
    plain = plain.groupby(["outlet", "organisation", "role", "month"])["score"]
    expected = pd.DataFrame({"visits": plain.size(), "rated": plain.count()}).reset_index()
    pd.testing.assert_frame_equal(
        heard.cells.drop(columns="satisfied"), expected, check_dtype=False, check_index_type=False
    )
    assert heard.cells["satisfied"].sum() == (visits["score"] >= 4).sum()
    assert (heard.visits, heard.rated, heard.share) == (len(visits), visits["score"].notna().sum(), 1.0)


def test_the_sample_holds_whole_people_and_none_of_their_ids(visits):
    drawn = ecosystem.aggregate(visits, sample_visits=15_000)
    assert drawn.share == pytest.approx(0.1)
    assert 0.07 < len(drawn.sample) / len(visits) < 0.13
    journeys = set(visits.groupby("person")["outlet"].agg(lambda outlets: tuple(sorted(outlets))))
    assert (
        set(drawn.sample.groupby("person")["outlet"].agg(lambda outlets: tuple(sorted(outlets)))) <= journeys
    )
    assert drawn.sample["person"].max() < visits["person"].nunique()


def test_a_year_written_to_parquet_gives_the_same_page_of_numbers_as_its_rows(tmp_path):
    folder = write_visits(tmp_path / "year", visits=60_000, outlets=60, rng=2)
    assert sorted(path.parent.name for path in folder.rglob("visits.parquet")) == [
        f"month={m:02d}" for m in range(1, 13)
    ]
    table = ecosystem.open_visits(str(folder))
    assert table.count().to_pandas() == 60_000
    streamed = ecosystem.aggregate(table)
    whole = ecosystem.aggregate(table.to_pandas().drop(columns="month", errors="ignore"))
    pd.testing.assert_frame_equal(streamed.cells, whole.cells)
    pd.testing.assert_frame_equal(streamed.sample, whole.sample, check_dtype=False)
    assert ecosystem.visits_name(str(folder), table) == "simulated-visits"
    with pytest.raises(ValueError, match="not an empty folder"):
        write_visits(folder, visits=10)


def test_visits_recover_the_outlets_true_rates_and_the_roles_gap():
    from cxlab.evidence.simulators.outlets import make_outlets

    outlets = make_outlets(40, size_spread=0.2, changed=0, rng=5)
    visits = make_visits(400_000, outlets=outlets, rated=1, person_spread=0, thin_drop=0, rng=5)
    off_peak = visits[~visits["timestamp"].dt.hour.between(17, 19) & (visits["role"] == "visitor")]
    seen = (off_peak["score"] >= 4).groupby(off_peak["outlet"]).agg(["mean", "size"])
    truth = outlets.set_index("outlet")["rate"].reindex(seen.index)
    z = (seen["mean"] - truth) / np.sqrt(truth * (1 - truth) / seen["size"])
    assert abs(z.mean()) < 0.5 and 0.7 < z.std() < 1.35
    by_role = (visits["score"] >= 4).groupby(visits["role"]).mean()
    assert by_role["guest"] > by_role["visitor"] > by_role["resident"]


def test_an_outlet_of_two_organisations_is_refused(visits):
    other = visits.head(3000).assign(organisation="Other", timestamp=visits["timestamp"].head(3000))
    with pytest.raises(InputError, match="more than one organisation"):
        ecosystem.aggregate(pd.concat([visits.tail(3000).assign(outlet="S1"), other.assign(outlet="S1")]))
    with pytest.raises(InputError, match="lack the column"):
        ecosystem.aggregate(visits.drop(columns="role"))


def test_open_visits_names_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="neither"):
        ecosystem.open_visits("no-such-thing")
    with pytest.raises(InputError, match="no Parquet file"):
        ecosystem.open_visits(str(tmp_path))


@pytest.mark.parametrize("dialect", ["duckdb", "databricks", "snowflake"])
def test_both_passes_can_be_said_in_other_engines_words(dialect):
    import ibis

    from cxlab.methods.ecosystem import aggregates

    types = dict.fromkeys(aggregates.COLUMNS, "string") | {
        "person": "int64",
        "timestamp": "timestamp",
        "score": "float64",
    }
    table = ibis.table(types, name="visits")
    first = str(ibis.to_sql(aggregates._counted(table, 4), dialect=dialect))
    second = str(ibis.to_sql(aggregates._drawn(table, 160), dialect=dialect))
    assert "GROUP BY" in first.upper() and "HASH" in second.upper()


# themes and priorities


def test_themes_find_the_planted_phrases(complaints):
    truth = {text: theme for theme, texts in PHRASES.items() for text in texts}
    table = pd.crosstab(complaints["comment"].map(truth), complaints["issue"])
    assert table.max().sum() / table.to_numpy().sum() > 0.97  # each issue holds one planted theme
    assert (table.max(axis=1) / table.sum(axis=1)).min() > 0.6


def test_streamed_theme_counts_equal_those_of_all_at_once(complaints):
    model = ecosystem.fit_themes(complaints["comment"], rng=1)
    whole = ecosystem.theme_counts(complaints, model)
    parts = ecosystem.theme_counts(
        (complaints.iloc[start : start + 500] for start in range(0, len(complaints), 500)), model
    )
    pd.testing.assert_frame_equal(whole, parts)
    assert whole["n"].sum() == len(complaints)
    assert model.assign([None, "zzz qqq"]).tolist() == [-1, -1]


def test_priorities_sum_to_one_and_the_clear_leader_is_steady(complaints):
    table = ecosystem.priorities(complaints, top=3, bootstrap=100)
    assert table["harm"].sum() == pytest.approx(1)
    assert table["inclusion"].sum() == pytest.approx(3)
    assert ((table["low"] <= table["harm"]) & (table["harm"] <= table["high"])).all()
    clear = pd.DataFrame(
        {"issue": ["a"] * 300 + ["b"] * 40 + ["c"] * 38, "severity": 0.5, "person": range(378)}
    )
    ranked = ecosystem.priorities(clear, top=1, bootstrap=100)
    assert ranked.loc[0, ["issue", "inclusion", "rank_high"]].tolist() == ["a", 1.0, 1]
    two = ecosystem.priorities(clear, top=2, bootstrap=200)
    assert 0.3 < two.attrs["stability"] < 0.9  # b and c are a toss-up


def test_the_thinly_spread_issue_is_seen_only_by_the_whole(heard, complaints):
    found = ecosystem.spread_issues(
        complaints.assign(after=complaints["timestamp"] >= "2025-07-01"), base(heard)
    )
    first = found.iloc[0]
    assert "signs" in first["issue"]
    assert first["only_whole"] and first["outlets"] == 0 and first["p"] < 1e-6
    assert found["only_whole"].sum() <= 2


# routing


def test_findings_go_to_the_lowest_layer_where_they_stand_out(heard, complaints):
    whole = {complaints["issue"].mode()[0]: "among the most harmful"}
    found = ecosystem.find_issues(complaints, base(heard), whole=whole)
    assert found["layer"].iloc[0] == "central office"
    parking = found[found["issue"].str.contains("parking") & (found["layer"] == "organisation")]
    assert "Mobility" in set(parking["organisation"])  # planted: eight times as often
    assert (found["n"] >= 5).all()
    below = found[found["layer"] != "central office"]
    assert (below["low"] > 1.25).all() and (below["p"] < 0.05).all()
    router = ecosystem.route(found, as_of="2025-12-31 18:00")
    assert router["age_days"].between(0, 365).all()
    assert (router["act_by"] > "2025-12-31").all()
    assert set(router.loc[router["layer"] == "outlet", "escalate_to"]) <= {"organisation"}


def test_an_issue_planted_at_one_outlet_goes_to_that_outlet():
    rng = np.random.default_rng(1)
    places = [f"S{number}" for number in range(60)]
    rows = pd.DataFrame({"outlet": rng.choice(places, 900), "issue": rng.choice(["queue", "price"], 900)})
    rows = pd.concat([rows, pd.DataFrame({"outlet": ["S7"] * 30, "issue": "toilets"})], ignore_index=True)
    rows["organisation"] = np.where(rows["outlet"].str[1:].astype(int) < 30, "A", "B")
    rows["timestamp"] = pd.Timestamp("2025-03-01")
    rated = pd.DataFrame({"outlet": places, "organisation": ["A"] * 30 + ["B"] * 30, "n": 200})
    found = ecosystem.find_issues(rows, rated)
    assert found.query("layer == 'outlet'")[["outlet", "issue"]].to_numpy().tolist() == [["S7", "toilets"]]
    assert not (found.query("layer == 'organisation'")["issue"] != "toilets").any()


def test_router_files_hold_no_person_no_small_cell_and_no_formula(tmp_path, heard, complaints):
    whole = dict.fromkeys(complaints["issue"].unique()[:2], "=cmd()")
    found = ecosystem.find_issues(complaints, base(heard), whole=whole)
    router = ecosystem.route(found, as_of="2025-12-31").assign(owner_role="=HYPERLINK()")
    files = ecosystem.router_files(router)
    paths = files.save(tmp_path)
    text = paths[0].read_text() + paths[1].read_text() + files._repr_html_()
    assert not PERSON.search(text)
    assert ",=" not in files.csv and "'=HYPERLINK" in files.csv
    assert len(json.loads(files.json)) == len(router)
    assert min(int(row["evidence"].split()[0]) for row in json.loads(files.json)) >= 5


# follow-up


def test_capacity_by_hand():
    day = pd.Timestamp("2025-01-01")
    findings = pd.DataFrame(
        {"layer": "outlet", "raised": [day] * 10, "closed": [day + pd.Timedelta(days=1)] * 4 + [pd.NaT] * 6}
    )
    whole = ecosystem.capacity(findings).query("cycle == 0").iloc[0]
    assert whole[["raised", "closed", "open", "ratio"]].tolist() == [10, 4, 6, 0.4]
    assert whole["low"] < 0.4 < whole["high"]


def test_layers_close_in_the_planted_order():
    found = ecosystem.closing(make_findings(1500, rng=2))
    assert found["share"].is_monotonic_decreasing
    assert found["share"].tolist() == pytest.approx(
        [1 - np.exp(-90 / mean) for mean in (60, 120, 240)], abs=0.07
    )
    assert found.attrs["low"] < (1 - np.exp(-1.5)) - (1 - np.exp(-0.375)) < found.attrs["high"]
    owner = ecosystem.time_to_owner(make_findings(1500, rng=2))
    assert owner["days"].tolist() == pytest.approx(
        [5 * np.log(2), 12 * np.log(2), 25 * np.log(2)], rel=0.3
    )  # whole days; late ones are not seen
    assert (owner["low"] <= owner["days"]).all() and (owner["days"] <= owner["high"]).all()


def test_progress_is_nested_and_its_difference_adds_up():
    table = ecosystem.progress(make_findings(rng=3))
    assert table["findings"].is_monotonic_decreasing
    assert table.attrs["difference"] == pytest.approx(table["share"].iloc[1] - table["share"].iloc[3])
    with pytest.raises(InputError, match="is not one of"):
        ecosystem.progress(pd.DataFrame({"state": ["abandoned"]}))


# governance


def test_kendalls_w_of_the_textbook_example():
    # Siegel & Castellan (1988), table 9.7: three raters rank six applicants, W = .16
    ranks = {"x": [1, 6, 3, 2, 5, 4], "y": [1, 5, 6, 4, 2, 3], "z": [6, 3, 2, 5, 4, 1]}
    rows = [(name, f"k{place}", weight) for name, row in ranks.items() for place, weight in enumerate(row)]
    found = ecosystem.kpi_alignment(
        pd.DataFrame(rows, columns=["organisation", "kpi", "weight"]), permutations=500
    )
    assert found.w == pytest.approx(0.16, abs=0.005)
    assert found.p > 0.3


@given(st.floats(0.2, 0.95), st.integers(0, 50))
@settings(max_examples=15)
def test_w_is_the_mean_rank_correlation_in_disguise(agreement, seed):
    kpis = make_kpis(7, agreement=agreement, rewarded=1, rng=seed)
    found = ecosystem.kpi_alignment(kpis, permutations=20)
    mean = found.matrix.T.corr(method="spearman").to_numpy()[np.triu_indices(7, 1)].mean()
    assert found.w == pytest.approx((6 * mean + 1) / 7, abs=0.03)  # ties of rounded weights
    assert found.low <= found.w <= found.high


def test_agreement_is_recovered_and_chance_is_not_significant():
    agree = [
        ecosystem.kpi_alignment(make_kpis(agreement=0.7, rng=seed), permutations=200) for seed in range(8)
    ]
    apart = [
        ecosystem.kpi_alignment(make_kpis(agreement=0, rng=seed), permutations=200) for seed in range(12)
    ]
    assert all(found.p < 0.02 for found in agree)
    assert sum(found.p < 0.05 for found in apart) <= 3
    assert np.mean([found.w for found in agree]) > np.mean([found.w for found in apart]) + 0.2


def test_gaps_and_overlaps_are_as_planted():
    table = ecosystem.decision_rights(make_rights(gaps=2, overlaps=3, rng=4))
    assert table["state"].value_counts().to_dict() == {"clear": 5, "overlap": 3, "gap": 2}
    assert table.columns.tolist()[:4] == ["decision", "outlet", "organisation", "central office"]
    with pytest.raises(InputError, match="two rights"):
        ecosystem.decision_rights(
            pd.DataFrame({"decision": ["a"] * 2, "layer": "outlet", "right": "decides"})
        )


def test_culture_counts_add_up():
    one = ecosystem.culture(make_practices(12, rng=1), by="organisation")
    assert (one["practices"] == 5).all() and len(one) == 12
    table = ecosystem.culture(make_practices(300, present=0.7, voluntary=0.4, rng=1))
    assert (table[["voluntary", "mandated", "absent"]].sum(axis=1) == 300).all()
    assert ((table["low"] < 0.4) & (table["high"] > 0.4)).sum() >= 4


# exposure


@given(st.floats(0.001, 0.5), st.floats(0, 0.3), st.integers(1, 400))
@settings(max_examples=60)
def test_exposure_grows_with_time_and_shrinks_with_likeness(failure, likeness, touchpoints):
    alone = ecosystem.exposure([touchpoints, 2 * touchpoints], failure=failure)
    alike = ecosystem.exposure([touchpoints, 2 * touchpoints], failure=failure, likeness=likeness)
    assert alone[0] <= alone[1] + 1e-12 and alike[0] <= alike[1] + 1e-7
    assert (alike <= alone + 1e-7).all()
    assert ecosystem.exposure(1, failure=failure, likeness=likeness) == pytest.approx(failure, abs=1e-7)


def test_residents_meet_more_failures_than_one_visit(heard):
    gap = ecosystem.exposure_gap(heard.sample, bootstrap=50)
    assert 0.7 < gap.difference < 1 and gap.low <= gap.difference <= gap.high
    met = ecosystem.observed_exposure(heard.sample)
    assert met["share"].is_monotonic_increasing
    assert met.attrs["failure"] == pytest.approx(heard.sample["failed"].mean())
    with pytest.raises(InputError, match="does not occur"):
        ecosystem.exposure_gap(heard.sample, role="mayor")


def test_control_by_hand():
    cells = pd.DataFrame(
        {"person": [1, 1, 2, 2] * 5, "organisation": ["A", "B"] * 10, "satisfied": [0.0, 0, 1, 0] * 5}
    )
    cells["person"] += 10 * np.repeat(range(5), 4)
    table = ecosystem.control(cells).set_index("organisation")
    assert table.loc["A", ["own", "elsewhere", "control"]].tolist() == pytest.approx([5, 10, 1 / 3])
    assert table.loc["B", "control"] == pytest.approx(10 / 15)


def test_hours_leave_small_cells_out(heard):
    table = ecosystem.by_hour(heard.sample, min_cell=20)
    assert table["n"].min() >= 20
    assert table["organisation"].iloc[0] == "all"
    evening = table[(table["organisation"] == "all") & table["hour"].between(17, 19)]["share"].mean()
    morning = table[(table["organisation"] == "all") & table["hour"].between(10, 15)]["share"].mean()
    assert evening < morning  # planted
