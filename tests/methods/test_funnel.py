"""The funnel engine against a reference that tries every chain, by every path and under every rule."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.methods.funnel import Columns, expression, frames, kernel, local, rules_of, store
from cxlab.methods.funnel.semantics import DAY, NEVER, microseconds
from cxlab.methods.intervals import wilson

STEPS = ("a", "b", "c", "d")
ORIGIN = 1_700_000_000_000_000
UNIT = 1_000_000


def brute_force(rows, rules):
    """Shortest first-to-k-th time of one customer over every tuple of events; rows are (time, event)."""
    code = {step: k for k, step in enumerate(rules.steps)} | {
        name: len(rules.steps) for name in rules.exclude
    }
    ranked = sorted(rows, key=lambda row: (row[0], code.get(row[1], len(rules.steps))))
    best = [NEVER] * len(rules.steps)
    for k in range(len(rules.steps)):
        places = [[i for i, row in enumerate(ranked) if row[1] == step] for step in rules.steps[: k + 1]]
        for chain in itertools.product(*places):
            times = [ranked[i][0] for i in chain]
            if any(late < early for early, late in itertools.pairwise(times)):
                continue
            gaps = rules.gaps or (NEVER,) * len(rules.steps)
            if any(late - early > gaps[j + 1] for j, (early, late) in enumerate(itertools.pairwise(times))):
                continue
            if rules.strict and any(late != early + 1 for early, late in itertools.pairwise(chain)):
                continue
            if any(name in rules.exclude and times[0] <= t < times[-1] for t, name in ranked):
                continue
            best[k] = min(best[k], times[-1] - times[0])
    return best


def frame(rows):
    log = pd.DataFrame(rows, columns=["customer_id", "tick", "event", "segment"])
    log["timestamp"] = pd.to_datetime(ORIGIN + (log.pop("tick") * UNIT).astype("int64"), unit="us")
    return log


def expected(log, rules, window):
    """{(segment, step): customers} by brute force, and the sorted durations of the last step."""
    reached, times = {}, []
    for _, own in log.groupby("customer_id"):
        ticks = own.timestamp.astype("datetime64[us]").astype("int64")
        rows = list(zip(ticks, own.event, strict=True))
        best = brute_force(rows, rules)
        if best[0] == NEVER:
            continue
        starts = own[own.event == rules.steps[0]]
        label = starts[starts.timestamp == starts.timestamp.min()].segment.min()
        times.append(best[-1])
        for step, duration in zip(rules.steps, best, strict=True):
            reached[label, step] = reached.get((label, step), 0) + (duration < NEVER and duration <= window)
    return reached, sorted(t for t in times if t < NEVER)


def counts(result, window="same"):
    return {(row.segment, row.step): row.customers for row in result.at(window).itertuples()}


def quiet_funnel(log, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return cx.funnel.ordered_funnel(log, **options)


EVENTS = st.tuples(
    st.integers(1, 4),
    st.sampled_from([0, 0.5, 1, 1.999_999, 2, 3, 4, 5.000_001, 6, 7, 8, 9.5]),
    st.sampled_from([*STEPS, "x", "y"]),
    st.sampled_from(["north", "south"]),
)
RULES = st.fixed_dictionaries(
    {
        "conversion_window": st.sampled_from(["1s", "3s", "6s", None]),
        "step_windows": st.sampled_from([None, ["2s", None, "1s"]]),
        "strict": st.booleans(),
        "exclude": st.sampled_from([(), ("x",)]),
    }
)


@settings(max_examples=1000)
@given(rows=st.lists(EVENTS, max_size=18), options=RULES)
def test_equals_trying_every_chain_on_random_logs(rows, options):
    log = frame(rows)
    rules = rules_of(STEPS, **options)
    result = quiet_funnel(log, steps=STEPS, segment="segment", **options)
    reached, times = expected(log, rules, rules.window)
    got = {key: n for key, n in counts(result).items() if key[0] in {label for label, _ in reached}}
    assert got == reached
    assert sorted(result._found.durations[-1][result._found.durations[-1] < NEVER].tolist()) == times


@settings(max_examples=60)
@given(rows=st.lists(EVENTS, min_size=1, max_size=40), options=RULES, sparse=st.booleans())
def test_compiled_pass_equals_numpy_pass(rows, options, sparse):
    if kernel._numba_pass() is None:
        pytest.skip("numba is not installed")
    log = frame(rows)
    if sparse:
        log["customer_id"] = log.customer_id * 4_611_686_018_427_387 - 2**60
    rules = rules_of(STEPS, **options)
    slow = frames.scan_frame(log, Columns(segment="segment"), rules)
    before, kernel._COMPILED_FROM = kernel._COMPILED_FROM, 1
    try:
        fast = frames.scan_frame(log, Columns(segment="segment"), rules)
    finally:
        kernel._COMPILED_FROM = before
    rows_of = lambda found: sorted(zip(found.entered, found.segment, *found.durations, strict=True))  # noqa: E731
    assert rows_of(fast.found) == rows_of(slow.found)


@settings(max_examples=25)
@given(rows=st.lists(EVENTS, min_size=1, max_size=30), options=RULES)
def test_duckdb_expression_equals_fast_path(rows, options):
    ibis = pytest.importorskip("ibis")
    log = frame(rows)
    rules = rules_of(STEPS, **options)
    fast = frames.scan_frame(log, Columns(segment="segment"), rules)
    slow = expression.scan_table(ibis.memtable(log), Columns(segment="segment"), rules)
    label = lambda scan: [scan.labels[code] for code in scan.found.segment]  # noqa: E731
    rows_of = lambda scan: sorted(zip(scan.found.entered, label(scan), *scan.found.durations, strict=True))  # noqa: E731
    assert rows_of(slow) == rows_of(fast)
    assert (slow.events, slow.until) == (fast.events, fast.until)


def random_log(n=30_000, customers=3_000, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, customers, n),
            "event": rng.choice(["a", "b", "c", "d", "x"], n),
            "timestamp": pd.to_datetime(ORIGIN + rng.integers(0, 40 * DAY, n), unit="us"),
            "segment": rng.choice(["north", "south", None], n),
        }
    )


@pytest.fixture(scope="module")
def log():
    return random_log()


def test_files_give_the_same_as_the_frame(log, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    log.to_parquet(tmp_path / "log.parquet")
    log.to_csv(tmp_path / "log.csv", index=False)
    log.iloc[:7000].to_parquet(folder / "1.parquet")
    log.iloc[7000:].to_parquet(folder / "2.parquet")
    named = log.assign(customer_id="C" + log.customer_id.astype(str))
    named.to_parquet(tmp_path / "named.parquet")
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute("CREATE TABLE events AS SELECT * FROM log")
    want = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d", segment="segment").table
    rules = rules_of(STEPS, "5d")
    for name in ("log.parquet", "log.csv", "many", "named.parquet", "log.duckdb"):
        got = cx.funnel.funnel_of_files([tmp_path / name], rules=rules, columns=Columns(segment="segment"))
        pd.testing.assert_frame_equal(got.table, want)


def test_an_ibis_table_on_duckdb_takes_the_fast_path_and_gives_the_same(log, tmp_path, monkeypatch):
    ibis = pytest.importorskip("ibis")
    log.to_parquet(tmp_path / "log.parquet")
    table = ibis.duckdb.connect().read_parquet(tmp_path / "log.parquet")
    options = {"steps": STEPS, "conversion_window": "5d", "segment": "segment"}
    monkeypatch.setattr(expression, "scan_table", None)  # the slow way must not be needed
    got = cx.funnel.ordered_funnel(table.mutate(event=table.event.cast("string")), **options)
    pd.testing.assert_frame_equal(got.table, cx.funnel.ordered_funnel(log, **options).table)


def test_a_log_larger_than_the_memory_is_dealt_out_to_disk(log, tmp_path, monkeypatch):
    path = tmp_path / "log.parquet"
    log.to_parquet(path)
    rules = rules_of(STEPS, "5d")
    want = cx.funnel.funnel_of_files([path], rules=rules, columns=Columns(segment="segment")).table
    spilled = []
    spill = store.Store._spill

    def small(self, *arguments):
        init(self, *arguments)
        self.limit = 5_000
        self.c, self.p = self.c[:0].copy(), self.p[:0].copy()

    init = store.Store.__init__
    monkeypatch.setattr(store.Store, "__init__", small)
    monkeypatch.setattr(store.Store, "_spill", lambda self: (spilled.append(self.held), spill(self)))
    batches = local._batches
    monkeypatch.setattr(
        local,
        "_batches",
        lambda *a: (
            part for batch in batches(*a) for part in [batch.slice(i, 900) for i in range(0, len(batch), 900)]
        ),
    )
    got = cx.funnel.funnel_of_files([path], rules=rules, columns=Columns(segment="segment")).table
    assert len(spilled) > 3
    pd.testing.assert_frame_equal(got, want)


def test_every_window_from_one_scan_equals_a_scan_each(log):
    one = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d", segment="segment")
    for window in ("1h", "1d", "20d", None):
        again = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window=window, segment="segment")
        pd.testing.assert_frame_equal(one.at(window), again.table)
    curve = one.curve(["1d", "20d"])
    last = curve[(curve.step == "d") & (curve.segment == "north")]
    assert last.customers.tolist() == [
        int(one.at(w).query("segment == 'north' and step == 'd'").customers.iloc[0]) for w in ("1d", "20d")
    ]


def test_step_conversions_multiply_to_the_overall_one(log):
    table = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d").table
    assert np.allclose(table.step_conversion.cumprod(), table.overall_conversion)
    low, high = wilson(table.customers, np.full(4, table.customers[0]))
    assert np.allclose(table.low, low) and np.allclose(table.high, high)
    assert table.columns.tolist() == [
        "step",
        "customers",
        "step_conversion",
        "overall_conversion",
        "low",
        "high",
    ]


def test_window_is_inclusive_and_every_start_counts():
    log = frame(
        [(1, 0, "a", "s"), (1, 100, "a", "s"), (1, 103, "b", "s"), (2, 0, "a", "s"), (2, 4, "b", "s")]
    )
    result = cx.funnel.ordered_funnel(log, steps=["a", "b"], conversion_window="3s")
    assert result.table.customers.tolist() == [2, 1]
    assert result.at("4s").customers.tolist() == [2, 2]
    assert result.at(pd.Timedelta("2999ms")).customers.tolist() == [2, 0]


def test_time_to_convert_are_the_shortest_chains():
    log = frame([(i, 0, "a", "s") for i in range(1, 6)] + [(i, i, "b", "s") for i in range(1, 6)])
    times = cx.funnel.ordered_funnel(log, steps=["a", "b"], conversion_window=None).time_to_convert(
        (0, 0.5, 1)
    )
    assert times.time.tolist() == [pd.Timedelta(seconds=s) for s in (1, 3, 5)]
    assert times.customers.tolist() == [5, 5, 5]


def test_drop_off_is_what_step_conversion_leaves(log):
    result = cx.funnel.ordered_funnel(log, steps=STEPS, conversion_window="5d", segment="segment")
    drop = result.drop_off()
    kept = result.table[result.table.step != "a"].step_conversion
    assert np.allclose(1 - drop.drop_off, kept)
    assert ((drop.low <= drop.drop_off) & (drop.drop_off <= drop.high)).all()


def test_open_windows_are_not_losses():
    rows = [
        (1, 0, "a", "s"),
        (1, 5, "b", "s"),
        (2, 0, "a", "s"),
        (3, 95, "a", "s"),
        (4, 96, "a", "s"),
        (4, 97, "b", "s"),
    ]
    result = cx.funnel.ordered_funnel(
        frame([*rows, (2, 100, "a", "s")]), steps=["a", "b"], conversion_window="10s"
    )
    assert result.table.customers.tolist() == [4, 2]
    settled = result.settled()
    assert settled.customers.tolist() == [2, 1]  # customers 1 and 2: their windows have closed
    assert settled.open.tolist() == [2, 2]
    assert any("may still convert" in note for note in result.notes())
    late = result.settled(observed_until=pd.Timestamp(ORIGIN + 200 * UNIT, unit="us"))
    assert late.open.tolist() == [0, 0]


def test_differences_between_segments_are_the_pairs_with_newcombe_and_multiplicity():
    rng = np.random.default_rng(4)
    rows = []
    for i in range(3000):
        name, rate = [("p", 0.3), ("q", 0.3), ("r", 0.6)][i % 3]
        rows.append((i, 0, "a", name))
        if rng.random() < rate:
            rows.append((i, 1, "b", name))
    made = cx.funnel.ordered_funnel(
        frame(rows), steps=["a", "b"], conversion_window=None, segment="segment"
    ).differences()
    assert made[["segment", "other"]].to_numpy().tolist() == [["p", "q"], ["p", "r"], ["q", "r"]]
    assert made.differs.tolist() == [False, True, True]
    assert ((made.low < made.difference) & (made.difference < made.high)).all()
    assert (made.adjusted >= made.p_value - 1e-12).all()


# ------------------------------------------------------------------ what comes in wrong


def test_a_step_that_never_occurs_is_a_row_of_zeros_and_a_warning(log):
    with pytest.warns(UserWarning, match="'payment' never occurs"):
        result = cx.funnel.ordered_funnel(log, steps=["a", "payment", "b"], conversion_window="5d")
    assert result.table.customers.tolist()[1:] == [0, 0]
    assert result.table.overall_conversion.tolist()[1:] == [0, 0]


def test_a_step_that_occurs_but_is_reached_by_nobody_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = cx.funnel.ordered_funnel(
            frame([(1, 5, "a", "s"), (1, 0, "b", "s")]), steps=["a", "b"], conversion_window=None
        )
    assert result.table.customers.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": []}, "steps is empty"),
        ({"steps": "abc"}, "give a list"),
        ({"steps": ["a", "b", "a"]}, "'a' twice"),
        ({"steps": ["a", None]}, "every step is the name"),
        ({"conversion_window": "0d"}, "longer than zero"),
        ({"conversion_window": "-7d"}, "longer than zero"),
        ({"conversion_window": 7}, "has no unit"),
        ({"conversion_window": "7 fortnights"}, "not a time span"),
        ({"conversion_window": pd.NaT}, "conversion_window"),
        ({"step_windows": ["1d"]}, "step_windows has 1"),
        ({"exclude": ["b"]}, "cannot be both"),
        ({"segment": "region"}, "no column 'region'"),
    ],
)
def test_what_is_asked_wrongly_is_said_plainly(log, options, message):
    arguments = {"steps": STEPS, "conversion_window": "7d"} | options
    with pytest.raises(InputError, match=message):
        cx.funnel.ordered_funnel(log, **arguments)


def test_windows_are_read_in_every_form():
    same = ["1d12h", "36h", "36 hours", "1.5 d", pd.Timedelta("36h"), np.timedelta64(36, "h")]
    assert {microseconds(form) for form in same} == {36 * 3600 * UNIT}
    assert microseconds(None) == NEVER


def test_null_customers_and_times_are_dropped_and_counted(tmp_path):
    log = frame(
        [(1, 0, "a", "s"), (1, 1, "b", "s"), (2, 0, "a", "s"), (3, 0, "a", "s"), (4, 0, "other", "s")]
    )
    log["customer_id"] = log.customer_id.astype("Int64")
    log.loc[2, "customer_id"] = pd.NA
    log.loc[3, "timestamp"] = pd.NaT
    log.to_parquet(tmp_path / "log.parquet")
    log.assign(customer_id=log.customer_id.astype("string")).to_parquet(tmp_path / "text.parquet")
    ibis = pytest.importorskip("ibis")
    for events in (log, tmp_path / "log.parquet", tmp_path / "text.parquet", ibis.memtable(log)):
        result = cx.funnel.ordered_funnel(events, steps=["a", "b"], conversion_window=None)
        assert (result.table.customers.tolist(), result.no_customer, result.no_time) == ([1, 1], 1, 1)


def test_an_empty_log_gives_zeros():
    empty = frame([])
    with pytest.warns(UserWarning):
        table = cx.funnel.ordered_funnel(empty, steps=["a", "b"], conversion_window="7d").table
    assert table.customers.tolist() == [0, 0]
    assert table.step_conversion.isna().all()


def test_times_as_text_are_read_and_mixed_zones_refused(tmp_path):
    log = frame([(1, 0, "a", "s"), (1, 5, "b", "s"), (2, 0, "a", "s"), (2, 9, "b", "s")])
    text = log.assign(timestamp=log.timestamp.dt.strftime("%Y-%m-%dT%H:%M:%S"))
    assert cx.funnel.ordered_funnel(
        text, steps=["a", "b"], conversion_window="6s"
    ).table.customers.tolist() == [2, 1]
    zoned = text.assign(timestamp=text.timestamp + ["Z", "+00:00", "+02:00", "+02:00"])
    assert cx.funnel.ordered_funnel(
        zoned, steps=["a", "b"], conversion_window="6s"
    ).table.customers.tolist() == [2, 1]
    mixed = text.assign(timestamp=text.timestamp + ["Z", "", "", ""])
    wrong = text.assign(timestamp=["yesterday", *text.timestamp[1:]])
    for bad, message in (
        (mixed, "mixes 1 times with"),
        (wrong, "'yesterday'"),
        (log.assign(timestamp=range(4)), "not times|not a time"),
    ):
        path = tmp_path / "bad.parquet"
        bad.to_parquet(path)
        for events in (bad, path):
            with pytest.raises(InputError, match=message):
                cx.funnel.ordered_funnel(events, steps=["a", "b"], conversion_window="6s")


def test_a_bot_with_a_million_events_in_random_order():
    rng = np.random.default_rng(5)
    n = 1_000_000
    ticks = rng.integers(0, 10 * DAY, n)
    bot = pd.DataFrame({"customer_id": 7, "event": rng.choice(["a", "b", "c"], n), "timestamp": ticks})
    few = pd.DataFrame({"customer_id": [1, 1, 1], "event": ["c", "b", "a"], "timestamp": [30, 20, 10]})
    log = pd.concat([bot, few], ignore_index=True)
    log["timestamp"] = pd.to_datetime(log.timestamp, unit="us")
    result = cx.funnel.ordered_funnel(log, steps=["a", "b", "c"], conversion_window="1d")
    assert result.table.customers.tolist() == [2, 2, 2]


def test_more_segments_than_a_list_holds(tmp_path):
    rng = np.random.default_rng(2)
    log = random_log(8000, 2000)
    log["segment"] = "shop " + pd.Series(rng.integers(0, 300, len(log))).astype(str)
    log.to_parquet(tmp_path / "log.parquet")
    options = {"steps": STEPS, "conversion_window": "9d", "segment": "segment"}
    want = cx.funnel.ordered_funnel(log, **options).table
    got = cx.funnel.ordered_funnel(tmp_path / "log.parquet", **options).table
    pd.testing.assert_frame_equal(
        got[got.customers > 0].reset_index(drop=True), want[want.customers > 0].reset_index(drop=True)
    )


@pytest.mark.parametrize("name", ["missing.csv", "folder", "text.parquet"])
def test_files_that_cannot_be_read_are_named(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputError, match=Path(name).stem):
        cx.funnel.ordered_funnel(tmp_path / name, steps=["a"], conversion_window=None)


def test_a_compiled_count_of_any_window_is_the_numpy_one(monkeypatch):
    from cxlab.methods.funnel import kernel

    rng = np.random.default_rng(4)
    durations = [rng.integers(0, 100, 1003) for _ in range(3)]
    durations[2][rng.random(1003) < 0.4] = kernel.NEVER
    found = kernel.Journeys(np.arange(1003), rng.integers(0, 3, 1003).astype(np.int32), durations)
    for window in (0, 17, 99, kernel.NEVER - 1):
        plain = kernel.count_within(found, window, 3)
        monkeypatch.setattr(kernel, "_COUNTED_FROM", 1)
        compiled = kernel.count_within(found, window, 3)
        monkeypatch.undo()
        assert [line.tolist() for line in compiled] == [line.tolist() for line in plain]
        assert [int(line.sum()) for line in plain] == [int((column <= window).sum()) for column in durations]
