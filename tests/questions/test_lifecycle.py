"""Who comes back, where customers fall out, who goes on or leaves: known worlds and strange logs."""

import ibis
import numpy as np
import pandas as pd
import pytest
from common import title

import cxlab as cx
from cxlab.data.table import Table
from cxlab.stats.survival import customer_log, in_order, propose_steps
from cxlab.worlds import sample
from cxlab.worlds.small import STAGES, make_events

ECOM = ["product_view", "add_to_cart", "cart", "shipping_details", "payment_details", "purchase"]


def log(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "event", *["segment"] * (len(rows[0]) > 3)])
    frame["timestamp"] = pd.Timestamp("2024-01-01") + frame.pop("day") * pd.Timedelta("1D")
    return Table(frame=frame, kind="events")


def chain(shares, n=600, days=1.0, segment=None):
    """A log in which the first ``share`` of ``n`` customers reach each step."""
    names = "abcdef"[: len(shares)]
    rows = [(i, k * days, names[k]) for k, share in enumerate(shares) for i in range(round(share * n))]
    return log([(*row, *([segment(row[0])] if segment else [])) for row in [*rows, (0, 400, "z")]])


# ------------------------------------------------------------------ who comes back


def test_cdnow_half_a_year_after_the_first_purchase():
    events = cx.events("cdnow")
    result = cx.funnel.who_comes_back(events)
    frame = events.frame.drop_duplicates(["customer_id", "timestamp"]).sort_values("timestamp")
    turn = frame.groupby("customer_id").cumcount()
    first, second = (frame[turn == k].set_index("customer_id").timestamp for k in (0, 1))
    back = ((second - first.loc[second.index]) <= pd.Timedelta("182D")).sum()
    assert result["came-back"].n == 23_570  # Fader, Hardie & Lee 2005
    assert result["came-back"].value == pytest.approx(back / 23_570, abs=1e-9)
    assert result["came-back"].low < result["came-back"].value < result["came-back"].high
    assert title(result).startswith("38 % of customers buy again within 6 months")


def test_coming_back_allows_for_open_windows():
    rows = [(i, 0, "buy") for i in range(100)] + [(i, 10, "buy") for i in range(40)]
    late = [(100 + i, 395, "buy") for i in range(100)] + [(0, 400, "buy")]
    result = cx.funnel.who_comes_back(log(rows + late))
    assert result["came-back"].value == pytest.approx(0.4)  # not 40 of 200
    assert "100 customers did not have 6 months yet" in result.cautions[0]
    again = cx.funnel.who_comes_back(log([(i, d, "visit") for i in range(100) for d in (0, 10, 300)]))
    assert "100 %" in title(again) and "have visit again" in again.finding


def test_a_short_log_gets_a_shorter_span_and_nobody_coming_back_is_said():
    rows = [(i, 0, "buy") for i in range(50)] + [(i, 3, "buy") for i in range(20)] + [(0, 9, "buy")]
    assert "within 7 days" in cx.funnel.who_comes_back(log(rows)).finding
    assert "fewer than 5 of 50 customers came back" in cx.funnel.who_comes_back(log(rows[:50])).finding


# ------------------------------------------------------------------ where customers fall out


def test_the_largest_loss_is_named_and_moves_with_the_data():
    early, late = (cx.funnel.drop_off(chain(shares), window=30) for shares in ((1, 0.4, 0.38), (1, 0.9, 0.3)))
    for result, share, lost in ((early, 38, "before b: 60 %"), (late, 30, "before c: 67 %")):
        assert title(result) == f"{share} % of customers get from a to c in order within 30 days"
        assert lost in result.finding
    even = cx.funnel.drop_off(chain((1, 0.6, 0.36)), window="30d")
    assert "no single step stands out" in even.finding
    assert early["funnel-largest-drop"].low < 0.6 < early["funnel-largest-drop"].high
    assert np.allclose(early.table["of_step_before"][1:], 1 - early.table["lost"][1:])


def test_recent_customers_are_left_out_not_lost():
    rows = [(i, 0, "a") for i in range(50)] + [(i, 1, "b") for i in range(25)]
    rows += [(100 + i, 99, "a") for i in range(50)] + [(0, 100, "z")]
    result = cx.funnel.drop_off(log(rows), steps=["a", "b"], window=10)
    assert result["funnel-conversion"].value == 0.5 and result["funnel-conversion"].n == 50
    assert "50 customers came too late" in result.cautions[0]
    assert "some may still come" in cx.funnel.drop_off(log(rows), steps=["a", "b"], window=99.9).cautions[0]
    assert cx.funnel.drop_off(log(rows), steps=["a", "b"]).cautions == []


def test_windows_start_where_the_reader_says_and_cover_the_data():
    found = cx.funnel.windows(sample("events"), first="14d")
    assert next(iter(found.items())) == ("14 days", 14.0) and len(found) > 4
    assert cx.funnel.windows(Table(frame=None, kind="events")) == {"30 days": 30.0}


def test_a_shuffled_log_is_not_given_an_ordered_funnel():
    result = cx.funnel.drop_off(cx.events("ecom-events"), steps=ECOM, window="7d")
    assert "no fixed order" in result.finding and "reached-any-order" in result.numbers
    assert "shuffling" in result.cautions[0] and "in any order" in title(result)
    days = np.random.default_rng(1).permuted(np.tile(np.arange(3.0), (300, 1)), axis=1)
    rows = [(i, day, name) for i, own in enumerate(days) for name, day in zip("abc", own, strict=True)]
    assert not in_order(customer_log(log(rows).frame), "abc")
    assert in_order(customer_log(sample("events").frame), STAGES)


def test_ecom_events_by_session_published_counts():
    events = cx.events("ecom-events").to_pandas()
    by_session = events.assign(customer_id=events["session"])
    reached = cx.funnel.reach(cx.events(by_session), steps=ECOM).table.customers
    assert reached.tolist() == [2868, 1213, 1022, 798, 632, 470]
    table = cx.funnel.ordered_funnel(by_session, steps=ECOM, conversion_window=None).table
    assert table.customers.tolist() == [2868, 944, 477, 194, 72, 15]


# ------------------------------------------------------------------ segments


def test_segments_differ_are_alike_or_too_small():
    def made(north):
        names = ["north", "south", "east"]
        rows = [(i, 0, "a", names[i % 3]) for i in range(1200)]
        rows += [(i, 1, "b", name) for i, _, _, name in rows if i // 3 % 10 < (5 if i % 3 else north)]
        few = [(5000 + i, 0, "a", "tiny" if i < 3 else "small") for i in range(12)]
        return cx.funnel.segments(log([*rows, *few]), steps=["a", "b"], window=5)

    apart = made(9)
    assert apart["segments-apart"].value == 3 and "90 %" in title(apart)
    assert "tiny" not in str(apart.table) + apart.finding
    assert "2 segments with too few customers not shown" in apart.cautions[0]
    assert title(made(1)).endswith("north 10 %")


def test_alike_segments_are_called_alike_and_one_is_not_compared():
    def asked(segment):
        return cx.funnel.segments(chain((1, 0.5), segment=segment), steps=["a", "b"], window=5)

    assert title(asked(lambda i: f"part {i % 3}")).startswith("No difference was found")
    assert "difference" not in title(asked(lambda i: "x" if i < 290 else "y"))
    assert asked(lambda i: "all").missing and cx.funnel.segments(chain((1, 0.5))).missing


# ------------------------------------------------------------------ go on, leave or open


def test_competing_risks_recover_the_hazards_of_the_simulator():
    frame = make_events(6000, leaving=0.05, segments={"all": 1.0}, rng=2)
    assert frame.timestamp.is_monotonic_increasing and frame.timestamp.max() <= pd.Timestamp("2024-12-31")
    table = cx.funnel.go_on_or_leave(Table(frame=frame, kind="events"), window=20).table.set_index("step")
    for step, hazard in (("awareness", 0.10), ("exploration", 0.12), ("purchase", 0.20)):
        reached = 1 - np.exp(-(hazard + 0.05) * 20)
        row = table.loc[step]
        assert row.went_on == pytest.approx(hazard / (hazard + 0.05) * reached, abs=0.025)
        assert row.left == pytest.approx(0.05 / (hazard + 0.05) * reached, abs=0.025)
        assert row.went_on + row.left + row.open == pytest.approx(1)


def test_open_customers_are_open_and_the_title_follows_the_data():
    rows = [(i, 0, "a") for i in range(40)] + [(i, 1, "b") for i in range(10)]
    rows += [(i, 2, "left") for i in range(10, 40)]
    rows += [(50 + i, 99.5, "a") for i in range(40)] + [(0, 100, "z")]
    many = cx.funnel.go_on_or_leave(log(rows), steps=["a", "b"], window=10)
    assert many["left"].value == pytest.approx(0.75) and "75 % (59 to 86 %) leave" in many.finding
    stayed = log([(i, d, "b" if e == "left" else e) for i, d, e in rows])
    few = cx.funnel.go_on_or_leave(stayed, steps=["a", "b"], window=10)
    assert title(many) == "25 % of customers go on within 10 days of a, 75 % leave"
    assert title(few) == "100 % of customers go on within 10 days of a"
    assert few["went-on"].value == pytest.approx(1) and "names no leaving" in few.finding
    short = cx.funnel.go_on_or_leave(log(rows[:50]), steps=["a", "b"], window=50)
    assert "Fewer than 10" in short.cautions[0]


# ------------------------------------------------------------------ any log gets an answer


def test_steps_are_proposed_in_the_order_that_customers_meet_them():
    assert propose_steps(customer_log(sample("events").frame)) == list(STAGES)
    names = ["Anfrage", "Angebot", "Auftrag", "gekündigt"]
    german = log([(i, k, name) for i in range(20) for k, name in enumerate(names)])
    assert propose_steps(customer_log(german.frame)) == ["Anfrage", "Angebot", "Auftrag"]
    assert "from Anfrage to Auftrag" in cx.funnel.drop_off(german, window=10).finding
    assert "buy again" not in cx.funnel.who_comes_back(german).finding


QUESTIONS = ("who_comes_back", "drop_off", "reach", "segments", "go_on_or_leave")


@pytest.mark.parametrize("name", QUESTIONS)
def test_strange_logs_get_a_sentence(name):
    ask = getattr(cx.funnel, name)
    kinds = [
        Table(frame=None, kind="events"),
        log([(1, 0, "a"), (2, 0, "a"), (3, 0, "b")]),
        log([(i, 0, "only") for i in range(30)]),
        log([(i, float(k), "only") for i in range(30) for k in range(3)]),
        log([(i, 0, name) for i in range(30) for name in ("a", "b")]),
    ]
    for events in kinds:
        result = ask(events)
        assert result.finding.endswith(".") and result.content()
        if result.draw:
            assert result.figure().layout.title.text
    assert ask(kinds[0]).missing and ask(kinds[1]).missing
    if name not in ("who_comes_back", "reach"):
        wrong = ask(chain((1, 0.5), segment=str), steps=["aa", "bb"])
        assert wrong.missing or wrong["went-on"].value == 0


def test_large_logs_are_asked_where_they_lie(monkeypatch):
    events = sample("events")
    table = events.with_(frame=ibis.memtable(events.frame))
    for name in QUESTIONS:
        near, far = (getattr(cx.funnel, name)(one) for one in (events, table))
        assert near.finding == far.finding
    monkeypatch.setattr("cxlab.stats.survival._LARGE", 3_000)
    part, whole = (customer_log(one.frame).person.nunique() for one in (table, events))
    assert 0.1 < part / whole < 0.6
