"""Initiatives: published instance and hand-made registers; findings and titles that turn with the data."""

import numpy as np
import pandas as pd
import pytest
from common import title, words
from scipy.spatial.distance import jensenshannon

import cxlab as cx
from cxlab.data.table import Table
from cxlab.questions import portfolio
from cxlab.questions.initiatives import status_table
from cxlab.worlds.small import AREAS, make_initiatives, make_pain

m = cx.initiatives
PAIN = make_pain(rng=1)
ALL = [m.metric, m.pain, m.choose, m.safe_choices, m.delivery, m.pay_link, m.scorecard]


def table(frame, pain=PAIN, **settings):
    related = {} if pain is None else {"pain": pain}
    return Table(frame=frame, kind="initiatives", related=related, **{"bootstrap": 60, **settings})


@pytest.fixture(scope="module")
def register():
    return make_initiatives(rng=1)


def test_only_what_both_readers_call_customer_focused_counts():
    frame = pd.DataFrame({"id": range(12), "level": ["account", "unit"] * 6})
    frame = frame.assign(customer_focused=[True, True, False, True] * 3)
    frame = frame.assign(customer_focused_2=[True, False, False, True] * 3)
    result = m.metric(table(frame))
    assert result["customer-focused-count"].value == 6 and result["customer-focused-share"].value == 0.5
    assert "two readers" in result.finding
    one = m.metric(table(frame.drop(columns="customer_focused_2")))
    assert one["customer-focused-count"].value == 9 and one.cautions and "two readers" not in one.finding
    few = m.metric(table(frame.head(9)))
    assert few.missing and "9 initiatives" in few.finding


def test_the_level_is_named_only_where_levels_differ():
    shares = {"account": 0.1, "unit": 0.15, "corporate": 0.9}
    for flipped in (shares, dict(zip(shares, reversed(shares.values()), strict=True))):
        result = m.metric(table(make_initiatives(400, focus_shares=flipped, coder_agreement=1.0)))
        assert f"most at level {max(flipped, key=flipped.get)}" in title(result)
        assert result["customer-focused-alpha"].value == pytest.approx(1)
    blind = m.metric(table(make_initiatives(400, coder_agreement=0.5, rng=2)))
    assert "most at" not in blind.finding
    assert blind["customer-focused-alpha"].low < 0 < blind["customer-focused-alpha"].high


def test_none_of_a_hundred_is_bounded_by_2_95_percent():
    """Hanley & Lippman-Hand 1983; more than 100 projects and none in customer service."""
    work = pd.DataFrame({"area": ["product"] * 100})
    hurt = pd.DataFrame({"area": ["product", "customer service"], "complaints": [160, 40]})
    rows = m.coverage(work, pain=hurt).set_index("area")
    ends = rows.loc["customer service", ["upper", "initiative_high"]].tolist()
    assert ends == pytest.approx([0.0295, 0.0370], abs=5e-5)
    assert rows.loc["customer service", "alarm"] and not rows.loc["product", "alarm"]
    few = pd.DataFrame({"area": ["product", "b"], "contacts": [995, 5]})
    rare = m.coverage(work, pain=few).set_index("area")
    assert not rare.loc["b", "alarm"]  # the chance of none is 61 %
    for bad in (hurt.assign(complaints=0), pd.concat([hurt, hurt]), hurt[["area"]]):
        with pytest.raises(cx.InputError, match="pain"):
            m.coverage(work, pain=bad)


def test_the_area_that_hurts_is_named_and_another_when_the_data_turn(register):
    result = m.pain(table(register))
    assert "Customer service" in result.finding and "no initiative" in title(result)
    assert result["areas-without-initiative"].value == 1
    assert result.table.pain_share.sum() == pytest.approx(1) == result.table.initiative_share.sum()
    slope = result["count-outcome-slope"]
    assert slope.low < slope.value < slope.high and slope.high - slope.low > 0.8
    assert "count-outcome-slope" not in m.pain(table(register, pain=PAIN[["area", "complaints"]])).numbers
    effort = {name: 0.0 if name == "delivery" else pain for name, (pain, _, _) in AREAS.items()}
    turned = m.pain(table(make_initiatives(600, effort_shares=effort), pain=make_pain(3000)))
    assert "Delivery draws" in turned.finding and "Delivery" in title(turned)


def test_no_mismatch_is_found_where_there_is_none():
    shares, named = {name: pain for name, (pain, _, _) in AREAS.items()}, 0
    for seed in range(20):
        frame = make_initiatives(120, effort_shares=shares, rng=seed)
        result = m.pain(table(frame, pain=make_pain(400, rng=100 + seed), seed=seed))
        named += "no mismatch" not in words(result).lower()
        assert result["effort-minus-pain-lowest"].high > -0.2
    assert named <= 4


@pytest.mark.parametrize(
    ("projects", "complaints", "nats"), [(30, 200, 0.039), (100, 400, 0.0115), (400, 2000, 0.0027)]
)
def test_chance_level_of_the_divergence(projects, complaints, nats):
    """Eight areas and no mismatch: .057, .017 and .004 bits, which are .039, .0115 and .0027 nats."""
    rng, chance, names = np.random.default_rng(1), [], [f"area {k}" for k in range(8)]
    for _ in range(30):
        work, hurt = (rng.multinomial(n, np.arange(1, 9) / 36) for n in (projects, complaints))
        frame = pd.DataFrame({"area": np.repeat(names, work)})
        result = m.pain(table(frame, pain=pd.DataFrame({"area": names, "complaints": hurt})))
        chance.append(jensenshannon(work, hurt) ** 2 - result["divergence-excess"].value)
    assert np.mean(chance) == pytest.approx(nats, rel=0.12)


def test_knapsack_p01_of_the_classic_test_set():
    """P01: 10 items, capacity 165 (Burkardt's collection of knapsack test data)."""
    impact, cost = [92, 57, 49, 68, 60, 43, 67, 84, 87, 72], [23, 31, 29, 44, 53, 38, 63, 85, 89, 82]
    best = m.select_portfolio(pd.DataFrame({"id": range(10), "impact": impact, "cost": cost}), budget=165)
    assert best.impact == 309 and best.cost == 165 and best.proven
    assert best.table.selected.astype(int).tolist() == [1, 1, 1, 1, 0, 1, 0, 0, 0, 0]


def best_by_force(impact, cost, budget, groups):
    sets = ((np.arange(2 ** len(cost))[:, None] >> np.arange(len(cost))) & 1).astype(bool)
    fits = sets @ cost <= budget
    for least, member in groups:
        fits &= sets[:, member].sum(axis=1) >= least
    return (sets @ impact)[fits].max() if fits.any() else None


def test_equal_to_brute_force_on_200_instances_with_minima():
    rng, solved = np.random.default_rng(5), 0
    for k in range(200):
        n = int(rng.integers(3, 12))
        level = rng.integers(0, 3, n)
        impact = [rng.integers(1, 30, n).astype(float), rng.lognormal(2, 1, n), rng.normal(5, 5, n)][k % 3]
        cost = [rng.integers(0, 30, n).astype(float), rng.lognormal(2, 1, n)][k % 2]
        budget = cost.sum() * rng.uniform(0.2, 0.9)
        groups = [(int(rng.integers(0, 2)), level == one) for one in range(3)]
        best = best_by_force(impact, cost, budget, groups)
        if best is None:
            continue
        solved += 1
        chosen, proven = portfolio.solve(impact, cost, budget, groups)
        assert proven and impact[chosen].sum() == pytest.approx(best, abs=1e-9)
        assert cost[chosen].sum() <= budget + 1e-9
        assert all(chosen[member].sum() >= least for least, member in groups)
        free, _ = portfolio.solve(impact, cost, budget, [])
        assert impact[free].sum() >= best - 1e-9 and cost[free].sum() <= budget + 1e-9
    assert solved > 120


def test_a_search_that_grows_too_large_gives_a_good_set_and_says_so(monkeypatch):
    cost = np.random.default_rng(3).integers(1, 1000, 60).astype(float)
    best, proven = portfolio.solve(cost + 100, cost, 9000.0, [])
    assert proven
    monkeypatch.setattr(portfolio, "MOST_SETS", 30)
    some, proven = portfolio.solve(cost + 100, cost, 9000.0, [])
    assert not proven and cost[some].sum() <= 9000
    assert (cost + 100)[some].sum() >= 0.95 * (cost + 100)[best].sum()


def test_wrong_rows_and_arguments_are_refused(register):
    def refused(message, frame=register, **wanted):
        with pytest.raises(cx.InputError, match=message):
            m.select_portfolio(frame, **{"budget": 100, **wanted})

    for column, value in (("cost", -1.0), ("impact", np.nan), ("id", "I001"), ("id", None)):
        frame = register.copy()
        frame.loc[5, column] = value
        refused("an id of its own" if column == "id" else "cost at least 0", frame)
    for budget in (-1, np.nan, np.inf):
        refused("budget", budget=budget)
    refused("no column 'cost'", register.drop(columns="cost"))
    refused("there must be rows", register.head(0))
    refused("whole number", minimum={"unit": 1.5})
    refused(r"99 of level 'corporate'.*has", minimum={"corporate": 99})
    refused(r"account 39 .*clash with the budget 100", minimum={"account": 39, "unit": 1})
    with pytest.raises(cx.InputError, match="budget_share"):
        m.choose(table(register), budget_share=0)
    assert m.select_portfolio(register, budget=0).impact == 0
    both = {"account": 12, "unit": 12}
    least = sum(register[register.level == name].cost.nsmallest(12).sum() for name in both)
    assert m.select_portfolio(register, budget=least, minimum=both).cost == pytest.approx(least)


def test_simple_rules_beside_the_best_set(register):
    result = m.choose(table(register))
    rows = result.table.set_index("rule")
    assert rows.loc["best", "share"] == 1 and (rows["share"] <= 1).all()
    assert (rows.cost <= 0.2 * register.cost.sum() + 1).all()
    assert "loses" in title(result)
    even = register.assign(cost=10.0)
    assert "does as well" in title(m.choose(table(even), each_level=0))
    assert m.choose(table(even.head(1))).missing
    poor = m.choose(table(register), budget_share=0.001)  # minima are lowered until the budget can pay them
    assert not poor.missing and poor.table["chosen"].max() <= 3


def test_safe_choices_under_guessed_impacts():
    names, impact = ["sure", "coin", "flip", "never"], np.array([100.0, 10, 10, 0.2])
    frame = pd.DataFrame({"id": names, "level": "unit", "impact": impact, "cost": 10.0})
    frame = frame.assign(impact_low=impact * [0.9, 0.5, 0.5, 0.5], impact_high=impact * [1.1, 1.5, 1.5, 1.5])
    result = m.safe_choices(table(frame, bootstrap=100), budget_share=0.5, each_level=0)
    rows = result.table.set_index("id")
    assert rows.choice[["sure", "never"]].tolist() == ["safe", "never"]
    assert set(rows.choice[["coin", "flip"]]) == {"hangs on the guess"}
    assert rows["share"][["coin", "flip"]].sum() == pytest.approx(1)
    sure = frame.assign(impact_low=frame.impact, impact_high=frame.impact)
    certain = m.safe_choices(table(sure), budget_share=0.5, each_level=0)
    assert "0 hang on the guess" in certain.finding
    assert certain["regret-of-the-middle-guess"].value == pytest.approx(0)
    with pytest.raises(cx.InputError, match="must rise"):
        m.safe_choices(table(frame.assign(impact_low=200.0)))


def test_losses_of_simpler_choices_mirror_when_the_sides_are_swapped(register):
    numbers = m.safe_choices(table(register, bootstrap=10)).numbers
    for name in ("exact-minus-impact-only", "greedy-loss", "three-level-loss", "product-only-loss"):
        assert 0 <= numbers[name].low <= numbers[name].value <= numbers[name].high < 1
    swapped = register.assign(side=register.side.map({"product": "experience", "experience": "product"}))
    mirror = m.safe_choices(table(swapped, bootstrap=5)).numbers
    assert mirror["product-only-loss"].value == pytest.approx(numbers["experience-only-loss"].value)
    bare = m.safe_choices(table(register.drop(columns="side"), bootstrap=5))
    assert "product-only-loss" not in bare.numbers


HISTORY = pd.DataFrame({"id": list("abcd"), "level": ["account", "account", "unit", "unit"]}).assign(
    due=pd.to_datetime(["2026-02-28", "2026-03-31", "2026-02-28", "2026-05-31"]),
    done=pd.to_datetime(["2026-03-31", None, "2026-02-10", None]),
    status_history=[
        "2026-01-31 at risk; 2026-02-28 late; 2026-03-31 done",
        "2026-01-31 on schedule; 2026-03-31 at risk; 2026-04-30 late",
        "2026-01-31 on schedule; 2026-02-28 done",
        "2026-04-30 On Schedule",
    ],
)


def test_delivery_by_hand():
    # a was called at risk and late; b is late, its warning came in the due month; c was in time.
    many = pd.concat([HISTORY.assign(id=HISTORY["id"] + str(k)) for k in range(4)], ignore_index=True)
    result = m.delivery(table(many))
    assert result["on-time-share"].value == pytest.approx(1 / 3) and result["on-time-share"].n == 12
    assert result["late-ones-announced"].value == 0.5
    assert result["at-risk-late-difference"].value == pytest.approx(1 - 0.5)
    rows = result.table.set_index("group")
    assert rows.loc["level unit", "estimate"] == 1 and rows.loc["level account", "estimate"] == 0
    plain = m.delivery(table(many.drop(columns="status_history")))
    assert "at-risk-late-difference" not in plain.numbers
    assert m.delivery(table(HISTORY)).missing


def test_warnings_foretell_delay_only_where_the_simulator_says_so():
    def told(n, **truth):
        return m.delivery(table(make_initiatives(n, **{"pay_silence": 0, "months": 30, **truth})))

    sharp = told(2000, foresight=0.7, false_alarm=0.1, late_share=0.4)
    blind = told(600, foresight=0.3, false_alarm=0.3, months=12, rng=3)
    assert "a warning foretells delay" in sharp.finding
    assert sharp["late-ones-announced"].value == pytest.approx(0.7, abs=0.05)
    assert "no link between warning and delay" in blind.finding
    assert "a warning foretells punctuality" in told(1500, foresight=0.05, false_alarm=0.8).finding


def test_histories_that_cannot_be_read_are_named():
    for bad in ("2026-01-31 fine", "31.01.2026 late"):
        with pytest.raises(cx.InputError, match=f"'a' holds '{bad}'"):
            status_table(HISTORY.assign(status_history=[bad, "", None, ""]))
    assert status_table(HISTORY.assign(status_history="")).empty


def test_a_pay_link_is_seen_where_reports_are_kept_back():
    frame = make_initiatives(1500, pay_silence=0.9, months=30, rng=2)
    silent = m.pay_link(table(frame))
    assert silent["paid-metric-minus-outcome"].low > 0.1 and "rosier" in words(silent)
    turned = m.pay_link(table(frame.assign(compensation_linked=~frame.compensation_linked)))
    assert "gloomier" in words(turned)
    open_ = m.pay_link(table(make_initiatives(1500, pay_silence=0.0, months=30, rng=2)))
    assert open_["paid-metric-minus-outcome"].low < 0 < open_["paid-metric-minus-outcome"].high
    assert "No difference" in title(open_)
    assert m.pay_link(table(make_initiatives(12))).missing


def test_the_scorecard_counts_and_changes(register):
    result = m.scorecard(table(register))
    rows = result.table.set_index("group")
    last = status_table(register).groupby("id").status.last()
    late = register["id"].map(last[last != "done"]).eq("late").sum()
    assert rows.loc["late", "count"] == late
    assert result["open-late-share"].value == late / rows.loc["open initiatives", "count"]
    assert (rows.change == rows["count"] - rows.before).all()
    assert rows["count"].filter(like="level").sum() == rows.loc["open initiatives", "count"]
    month = m.scorecard(table(register), period="month")
    assert month.finding != result.finding and "a month before" in title(month)
    assert m.scorecard(table(register.head(9), pain=None)).draw is None
    assert m.scorecard(table(register.assign(status_history=None))).missing
    with pytest.raises(cx.InputError, match="'month' or 'quarter'"):
        m.scorecard(table(register), period="year")


@pytest.mark.parametrize("question", ALL)
def test_every_finding_is_one_short_sentence_that_says_what_is_made_up(question, register):
    result = question(cx.open_source("simulated-initiatives", table="initiatives", bootstrap=40))
    assert result.finding.startswith("In made-up data") and len(result.finding.split()) <= 30
    assert "simulated data" in title(result) and result.id == question.__name__
    assert all(number.label and number.unit for number in result.numbers.values())
    assert len({number.label for number in result.numbers.values()}) == len(result.numbers)
    bare = question(table(register[["id", "level", "impact", "cost"]], pain=None))
    assert bare.missing == (question not in (m.choose, m.safe_choices)) and bare.finding.endswith(".")
    assert question(Table(frame=None, kind="initiatives")).missing
