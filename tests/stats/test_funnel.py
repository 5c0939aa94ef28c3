"""The funnel engine against a reference that tries every chain, by every path and under every rule."""

import itertools
import warnings

import duckdb
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from common import lines
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.data.read import read_raw
from cxlab.stats.funnel import files
from cxlab.stats.funnel.files import funnel_of_files
from cxlab.stats.funnel.scan import DAY, NEVER, Columns, journeys, microseconds, rules_of, scan_sql
from cxlab.stats.intervals import wilson

STEPS = ("a", "b", "c", "d")
ORIGIN = 1_700_000_000_000_000
UNIT = 1_000_000
SPLIT = Columns(segment="segment")


def brute_force(rows, rules):
    """Shortest first-to-k-th time of one customer over every tuple of events; rows are (time, event)."""
    code = {step: k for k, step in reversed(list(enumerate(rules.steps)))}
    ranked = sorted(rows, key=lambda row: (row[0], code.get(row[1], 99)))
    best = [NEVER] * len(rules.steps)
    for k in range(len(rules.steps)):
        places = [[i for i, row in enumerate(ranked) if row[1] == step] for step in rules.steps[: k + 1]]
        for chain in itertools.product(*places):
            if all(early < late for early, late in itertools.pairwise(chain)):
                best[k] = min(best[k], ranked[chain[-1]][0] - ranked[chain[0]][0])
    return best


def frame(rows):
    log = pd.DataFrame(rows, columns=["customer_id", "tick", "event", "segment"])
    log["timestamp"] = pd.to_datetime(ORIGIN + (log.pop("tick") * UNIT).astype("int64"), unit="us")
    return log


def expected(log, rules):
    """The lines of all customers by brute force."""
    log, found = log.assign(tick=log.timestamp.astype("datetime64[us]").astype("int64")), []
    for _, own in log.groupby("customer_id"):
        best = brute_force(list(zip(own.tick, own.event, strict=True)), rules)
        if best[0] < NEVER:
            starts = own[own.event == rules.steps[0]].sort_values(["tick", "segment"])
            found.append((starts.tick.iloc[0], starts.segment.iloc[0], *best[1:]))
    return sorted(found)


EVENTS = st.tuples(
    st.integers(1, 4),
    st.sampled_from([0, 0.5, 1, 1.999_999, 2, 3, 4, 5.000_001, 6, 7, 8, 9.5]),
    st.sampled_from([*STEPS, "x", "y"]),
    st.sampled_from(["north", "south"]),
)
RULES = st.builds(rules_of, st.sampled_from([STEPS, *map(tuple, ["abbc", "abab", "aaaa"])]),
                  st.sampled_from(["1s", "3s", "6s", None]))  # fmt: skip


@settings(max_examples=200, derandomize=True, deadline=None)
@given(rows=st.lists(EVENTS, min_size=1, max_size=16), rules=RULES)
def test_equals_trying_every_chain_on_random_logs(rows, rules):
    log = frame(rows)
    for room in (1_000_000, 0):  # sorted by numpy, by DuckDB
        assert lines(scan_sql(read_raw(log, large=True), SPLIT, rules, room=room)) == expected(log, rules)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(rows=st.lists(EVENTS, min_size=1, max_size=30), rules=RULES)
def test_expression_in_duckdb_equals_fast_path(rows, rules):
    log = frame(rows)
    fast = scan_sql(read_raw(log, large=True), SPLIT, rules)
    slow = files.scan_table(ibis.memtable(log), SPLIT, rules)
    assert lines(slow) == lines(fast)
    assert slow[2:] == fast[2:]


@pytest.fixture(scope="module")
def log():
    rng, n = np.random.default_rng(1), 30_000
    made = pd.DataFrame({"customer_id": rng.integers(0, 3_000, n), "event": rng.choice([*STEPS, "x"], n)})
    made["timestamp"] = pd.to_datetime(ORIGIN + rng.integers(0, 40 * DAY, n), unit="us")
    return made.assign(segment=rng.choice(["north", "south", None], n))


def test_files_give_the_same_as_the_frame(log, tmp_path):
    (tmp_path / "many").mkdir()
    for part, rows in {"log": log, "many/1": log.iloc[:7000], "many/2": log.iloc[7000:]}.items():
        rows.to_parquet(tmp_path / f"{part}.parquet")
    log.to_csv(tmp_path / "log.csv", index=False)
    log.assign(customer_id="C" + log.customer_id.astype(str)).to_parquet(tmp_path / "named.parquet")
    want = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d", segment="segment").table
    names = ("log.parquet", "log.csv", "many", "named.parquet")
    for name, engine in itertools.product(names, ("local", "duckdb")):
        rules = rules_of(STEPS, "5d")
        got = funnel_of_files(tmp_path / name, rules=rules, columns=SPLIT, engine=engine)
        pd.testing.assert_frame_equal(got.table, want)


def test_an_ibis_table_on_duckdb_takes_the_fast_path_and_gives_the_same(log, tmp_path, monkeypatch):
    log.to_parquet(tmp_path / "log.parquet")
    table = ibis.duckdb.connect().read_parquet(tmp_path / "log.parquet")
    options = {"steps": STEPS, "conversion_window": "5d", "segment": "segment"}
    want = cx.funnel.ordered_funnel(log, **options).table
    pd.testing.assert_frame_equal(cx.funnel.ordered_funnel(ibis.memtable(log), **options).table, want)
    monkeypatch.setattr(files, "scan_table", None)  # the slow way must not be needed
    got = cx.funnel.ordered_funnel(table.mutate(event=table.event.cast("string")), **options)
    pd.testing.assert_frame_equal(got.table, want)


def test_customers_may_lie_across_batches(log):
    rows = log.rename(columns={"customer_id": "person"})[log.event.isin(STEPS)]
    time = rows.timestamp.astype("datetime64[us]").astype("int64")
    rows["moment"] = 32 * time + rows.event.map(STEPS.index)
    rows.loc[rows.person < 1_000, "person"] = 7  # a bot
    rows = rows.sort_values(["person", "moment"])[["person", "moment"]]
    table, rules = pa.Table.from_pandas(rows, preserve_index=False), rules_of(STEPS, None)
    found = (journeys(table.to_batches(size), rules) for size in (len(table), 31))
    whole, cut = (np.hstack([[part.entered, *part.durations] for part in parts]) for parts in found)
    assert np.array_equal(whole, cut) and whole.shape[1] > 1_700


@pytest.mark.parametrize("spread", [1, 9_000_000_000_000])
@pytest.mark.parametrize("room", [1_000_000_000, 10_000_000])
def test_the_least_memory_is_enough_for_more_than_it_holds(tmp_path, spread, room):
    path = tmp_path / "log.parquet"
    rows = (
        f"SELECT ((i * 7919) % 1000003 - 500000) * {spread} AS customer_id, ['a', 'b'][i % 2 + 1] AS event, "
    )
    rows += "make_timestamp(1700000000000000 + (i * 104729) % 1000003) AS timestamp FROM range(2000000) t(i)"
    duckdb.sql(f"COPY ({rows}) TO '{path}'")
    raw = read_raw(path, large=True)
    raw.connection.execute("SET memory_limit='90MB'")
    made = scan_sql(raw, Columns(), rules_of(["a", "b"], None), room=room)
    assert made.events == 2_000_000 and sum(part.entered.size for part in made.found) == 1_000_000


def test_every_window_from_one_scan_equals_a_scan_each(log):
    one = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d", segment="segment")
    for window in ("1h", "1d", "20d", None):
        again = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window=window, segment="segment")
        pd.testing.assert_frame_equal(one.at(window), again.table)
    curve = one.curve(["1d", "20d"]).query("segment == 'north' and step == 'd'")
    at = [one.at(w).query("segment == 'north' and step == 'd'").customers.iloc[0] for w in ("1d", "20d")]
    assert curve.customers.tolist() == at
    assert one.curve().window.is_monotonic_increasing
    assert one.ladder(6) == sorted(one.ladder(6)) and 2 <= len(one.ladder(6)) <= 6


def test_step_conversions_multiply_to_the_overall_one(log):
    table = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d").table
    assert np.allclose(table.step_conversion.cumprod(), table.overall_conversion)
    assert np.allclose(table[["low", "high"]].T, wilson(table.customers, np.full(4, table.customers[0])))


def test_window_is_inclusive_and_every_start_counts():
    rows = [(1, 0, "a", "s"), (1, 100, "a", "s"), (1, 103, "b", "s"), (2, 0, "a", "s"), (2, 4, "b", "s")]
    result = cx.funnel.ordered_funnel(frame(rows), steps=["a", "b"], conversion_window="3s")
    assert result.table.customers.tolist() == [2, 1]
    assert result.at("4s").customers.tolist() == [2, 2]
    assert result.at(pd.Timedelta("2999ms")).customers.tolist() == [2, 0]


def test_time_to_convert_are_the_shortest_chains():
    log = frame([(i, 0, "a", "s") for i in range(1, 6)] + [(i, i, "b", "s") for i in range(1, 6)])
    result = cx.funnel.ordered_funnel(log, steps=["a", "b"], conversion_window=None)
    times = result.time_to_convert((0, 0.5, 1))
    assert times.time.tolist() == [pd.Timedelta(seconds=s) for s in (1, 3, 5)]
    assert times.customers.tolist() == [5, 5, 5]
    with pytest.raises(InputError, match="between 0 and 1"):
        result.time_to_convert((2,))


def test_open_windows_are_not_losses():
    rows = [(1, 0, "a", "s"), (1, 5, "b", "s"), (2, 0, "a", "s"), (3, 95, "a", "s"), (4, 96, "a", "s")]
    rows += [(4, 97, "b", "s"), (2, 100, "a", "s")]
    result = cx.funnel.ordered_funnel(frame(rows), steps=["a", "b"], conversion_window="10s")
    assert result.table.customers.tolist() == [4, 2]
    settled = pd.DataFrame(result.settled())
    assert settled.customers.tolist() == [2, 1]  # customers 1 and 2: their windows have closed
    assert settled.open.tolist() == [2, 2]
    assert any("may still convert" in note for note in result.notes())


# ------------------------------------------------------------------ what comes in wrong


def test_a_step_that_never_occurs_is_a_row_of_zeros_and_a_warning(log):
    with pytest.warns(UserWarning, match="'payment' never occurs"):
        result = cx.funnel.ordered_funnel(log, steps=["a", "payment", "b"], conversion_window="5d")
    assert result.table[["customers", "overall_conversion"]][1:].eq(0).all(axis=None)
    with warnings.catch_warnings(action="error"):  # a step that occurs but is reached by nobody
        rows = frame([(1, 5, "a", "s"), (1, 0, "b", "s")])
        result = cx.funnel.ordered_funnel(rows, steps=["a", "b"], conversion_window=None)
    assert result.table.customers.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": []}, "steps is empty"),
        ({"steps": "abc"}, "give a list"),
        ({"steps": ["a", None]}, "every step is the name"),
        ({"steps": ["a"] * 40}, "at most 31"),
        ({"conversion_window": "0d"}, "longer than zero"),
        ({"conversion_window": "-7d"}, "longer than zero"),
        ({"conversion_window": 7}, "not a time span"),
        ({"conversion_window": "7 fortnights"}, "not a time span"),
        ({"conversion_window": "99999999999w"}, "too long"),
        ({"conversion_window": pd.NaT}, "conversion_window"),
        ({"segment": "region"}, "no column 'region'"),
    ],
)
def test_what_is_asked_wrongly_is_said_plainly(log, options, message):
    arguments = {"steps": STEPS, "conversion_window": "7d"} | options
    with pytest.raises(InputError, match=message):
        cx.funnel.ordered_funnel(log, **arguments)


def test_a_log_that_is_no_table_or_names_a_column_twice_is_refused(log):
    twice = pd.concat([log, log[["event"]]], axis=1)
    for events, message in (([1], "give a DataFrame"), (twice, "two columns named 'event'")):
        with pytest.raises(InputError, match=message):
            cx.funnel.ordered_funnel(events, steps=["a"], conversion_window=None)


def test_windows_are_read_in_every_form():
    same = ["1d12h", "36h", "36 hours", "1.5 d", pd.Timedelta("36h"), np.timedelta64(36, "h")]
    assert {microseconds(form) for form in same} == {36 * 3600 * UNIT}
    assert microseconds(None) == NEVER


def test_customers_are_text_and_words_for_nobody_are_missing_everywhere(tmp_path):
    ids = ["1.1", "1.10", "1.2", " 1.2 ", "", " ", "NULL", "N/A", None]
    log = pd.DataFrame({"customer_id": ids, "event": "TRUE", "segment": "007"})
    log["timestamp"] = pd.Timestamp("2026-03-01")
    log.to_parquet(tmp_path / "log.parquet")
    log.to_csv(tmp_path / "log.csv", index=False)
    options = {"steps": ["TRUE"], "conversion_window": None, "segment": "segment"}
    made = [cx.funnel.ordered_funnel(events, **options) for events in (log, ibis.memtable(log))]
    for name, engine in itertools.product(("log.csv", "log.parquet"), ("local", "duckdb")):
        given = {"rules": rules_of(["TRUE"], None), "columns": SPLIT, "engine": engine}
        made.append(funnel_of_files(tmp_path / name, **given))
    for result in made:
        assert (result.table.customers.tolist(), result.no_customer, result.segments) == ([3], 5, ["007"])


def test_null_customers_and_times_are_dropped_and_counted(tmp_path):
    rows = [(1, 0, "a", "s"), (1, 1, "b", "s"), (2, 0, "a", "s"), (3, 0, "a", "s"), (4, 0, "other", "s")]
    log = frame(rows).astype({"customer_id": "Int64"})
    log.loc[2, "customer_id"], log.loc[3, "timestamp"] = pd.NA, pd.NaT
    log.to_parquet(tmp_path / "log.parquet")
    log.assign(customer_id=log.customer_id.astype("string")).to_parquet(tmp_path / "text.parquet")
    read = ibis.duckdb.connect().read_parquet
    for events in (log, read(tmp_path / "log.parquet"), read(tmp_path / "text.parquet"), ibis.memtable(log)):
        result = cx.funnel.ordered_funnel(events, steps=["a", "b"], conversion_window=None)
        assert (result.table.customers.tolist(), result.no_customer, result.no_time) == ([1, 1], 1, 1)
    assert sum("left out" in note for note in result.notes()) == 2


def test_an_empty_log_gives_zeros():
    with pytest.warns(UserWarning):
        result = cx.funnel.ordered_funnel(frame([]), steps=["a", "b"], conversion_window="7d")
    assert result.table.customers.tolist() == [0, 0] and result.table.step_conversion.isna().all()
    assert result.ladder() and result.curve().empty and "Funnel(a 0 > b 0" in repr(result)
