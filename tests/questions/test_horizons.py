"""Levels and hostages: values of the real survey, cells by hand, accounts whose order and rule are known."""

import numpy as np
import pandas as pd
import pytest
from common import title, words

import cxlab as cx
from cxlab.data.table import Survey, Table
from cxlab.worlds.small import LEVELS, make_accounts

h = cx.horizons
OF_ACCOUNTS = [h.order, h.all_must_hold, h.tied_accounts, h.unseen, h.next_steps]


def table(frame, **settings):
    return Table(frame=frame, kind="accounts", **{"bootstrap": 200, **settings})


def scores(rows, names=("one", "two", "three"), **columns):
    wide = pd.DataFrame(rows, columns=list(names)).rename_axis("account")
    frame = wide.stack(future_stack=True).rename_axis(["account", "level"]).reset_index(name="score")
    frame = frame.assign(account="a" + frame.account.astype(str))
    return frame.assign(**{name: np.repeat(values, len(names)) for name, values in columns.items()})


def survey(gap=0.0, *, n=3000, seed=2, **roles):
    """A survey whose product of satisfaction and switching has the slope ``gap``; answers from 1 to 7."""
    rng = np.random.default_rng(seed)
    s, d = rng.normal(size=(2, n))
    y = 0.5 * s + 0.2 * d + gap * s * d + rng.normal(size=n)
    frame = pd.DataFrame({"sat": s, "tie": d, "stay": y})
    frame = (4 + frame / frame.std()).assign(good=rng.normal(size=n))
    outcomes = {"loyalty": ["stay"], "satisfaction": ["sat"]}
    return Survey(
        frame=frame, blocks={"switching": ["tie"], "product": ["good"]}, outcomes=outcomes, scale=(1, 7),
        roles=roles,
    )  # fmt: skip


def test_values_of_corporate_reputation():
    """Hair et al. 2021: the value that the rules about hostages read."""
    gap = h.hostages(cx.survey("corporate-reputation", outcome="loyalty"))["hostage-loyalty-gap"]
    assert gap[:3] == pytest.approx((-0.05976817906, -0.129697265, 0.01016090691)) and gap.n == 336


def test_the_hostage_finding_turns_with_the_slope():
    less, none, more = (h.hostages(survey(gap)) for gap in (-0.3, 0.0, 0.3))
    assert "counts less for loyalty" in less.finding and "counts less" in title(less)
    assert "No difference was found" in none.finding and "No difference" in title(none)
    assert "counts more for loyalty" in more.finding and "counts more" in title(more)
    assert all(len(one.finding.split()) <= 30 for one in (less, none, more))
    assert less["hostage-loyalty-gap"].high < 0 < less["hostage-share"].low


def test_the_slope_recovers_the_truth_and_knows_no_units():
    data = survey(-0.3)
    slope = h.hostages(data)["hostage-loyalty-gap"]
    truth = -0.3 / np.sqrt(0.25 + 0.04 + 0.09 + 1)
    assert slope.low < truth < slope.high < 0
    scaled = h.hostages(data.with_(frame=data.frame * 7 + 1, scale=(8, 50)))
    assert scaled["hostage-loyalty-gap"].value == pytest.approx(slope.value)


def test_cells_of_few_people_vanish_with_the_next_smallest():
    data = pd.DataFrame({"sat": [7] * 40 + [1] * 13, "tie": [7] * 15 + [1] * 25 + [7] * 3 + [1] * 10})
    data["stay"] = np.arange(53) % 7 + 1
    few = survey().with_(frame=data, roles={}, blocks={"switching": ["tie"]})
    shown = h.hostages(few)
    assert set(shown.table.group) == {"satisfied and free", "satisfied and tied"}
    assert "hostage-share" not in shown.numbers and "2 small groups not shown." in shown.cautions
    assert len(h.hostages(few.with_(min_cell=1)).table) == 4


def test_surveys_that_do_not_ask_get_one_sentence():
    whole = survey()
    assert h.hostages(whole.with_(blocks={"product": ["good"]})).missing
    assert h.hostages(whole.with_(outcomes={"satisfaction": ["sat"]}, outcome="satisfaction")).missing
    assert "20 are needed" in h.hostages(whole.with_(frame=whole.frame.head(12))).finding
    assert h.hostages(whole.with_(frame=whole.frame.assign(tie=1.0))).missing
    assert h.hostages(whole.with_(weights="good")).cautions[-1] == "Survey weights are not used here."
    by_role = whole.with_(blocks={"product": ["good"]}, roles={"switching": ["tie"]})
    assert h.hostages(by_role)["hostage-loyalty-gap"] == h.hostages(whole)["hostage-loyalty-gap"]


def test_an_order_is_claimed_only_where_there_is_one():
    made = (make_accounts(400, strength=how, hidden_share=0, rng=3) for how in (2.5, 0.7))
    strong, weak = (h.order(table(frame)) for frame in made)
    assert "come in order" in words(strong) and "No order" not in words(strong)
    assert strong.table.level.tolist() == list(LEVELS) and "no clear order" in words(weak)
    claims = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        passes = (rng.random((150, 5)) < [0.9, 0.8, 0.7, 0.6, 0.5]).astype(float)
        result = h.order(table(scores(passes, tuple("abcde")), seed=seed))
        assert "come in order" not in result.finding
        claims += "no order" not in result.finding.lower()
    assert claims <= 3


def test_the_lead_of_the_first_level_and_who_was_first():
    frame = make_accounts(rng=1)
    result = h.order(table(frame))
    wide = frame.pivot(index="account", columns="level", values="score")[list(LEVELS)].dropna()
    mark = np.round((frame.score.min() + frame.score.max()) / 2, 1)
    rates = (wide >= mark).mean()
    assert result["level-one-lead"].value == pytest.approx(rates.iloc[0] - rates.iloc[1:].max())
    assert result["first-before-fifth"].low > 0.9
    assert "first-before-fifth" not in h.order(table(frame.drop(columns="first_attained"))).numbers
    days = ["2025-01-01", "2025-02-01", "2025-03-01", None, None, "2025-01-09", None, None]
    days = pd.to_datetime([*days, "2025-04-01", "2025-04-01"])
    hand = scores([[9, 1], [9, 1], [1, 1], [9, 9], [1, 9]], ("one", "two")).assign(first_attained=days)
    # a0 and a1 reach 'one' first, a2 skipped it, a3 reached neither, a4 reached both on one day.
    first = h.order(table(hand))["first-before-fifth"]
    assert (first.value, first.n) == (pytest.approx(2 / 3), 3)


@pytest.mark.parametrize(("rule", "winner"), [("minimum", "the lowest level"), ("mean", "the average")])
def test_the_rule_that_made_the_renewals_predicts_them_better(rule, winner):
    def answer(n, seed):
        made = make_accounts(n, strength=1, rule=rule, hidden_share=0, hostage_share=0, rng=seed)
        return h.all_must_hold(table(made))

    right = sum((answer(300, s)["minimum-minus-mean"].value > 0) == (rule == "minimum") for s in range(5))
    assert right >= 4
    assert title(answer(1500, 1)).lower().startswith(f"{winner} is the better")


def test_neither_rule_wins_on_noise():
    rng = np.random.default_rng(4)
    result = h.all_must_hold(table(scores(rng.normal(50, 10, (300, 3)), renewed=rng.random(300) < 0.5)))
    assert "No difference was found" in title(result)
    assert (result.table.estimate < 0.02).all()


def test_what_a_passing_average_hides():
    rows = [[90, 80, 90], [90, 40, 90], [10, 20, 30], [0, 100, 90]] * 10
    result = h.all_must_hold(table(scores(rows, renewed=[True, False, True, False] * 10)))
    assert result["hidden-by-average"].value == 0.5
    assert h.all_must_hold(table(scores(rows[:8], renewed=[True] * 8))).missing


def test_tied_accounts_by_hand():
    rows = ([[9, 9]] * 10 + [[2, 9]] * 10) * 4
    renewed = ([1] * 5 + [1] * 4 + [0] + [1] * 4 + [0] + [1] + [0] * 4) * 4
    frame = scores(rows, ("one", "two"), dependence=([9] * 5 + [1] * 5) * 8, renewed=renewed)
    result = h.tied_accounts(table(frame), dependent=0.5)
    assert result["hostage-renewal-drop"].value == pytest.approx(0.8 - 0.2)
    assert result["hostage-cell"].value == 0.25
    assert "more often" in words(result) and result.table.n.tolist() == [20, 20, 20, 20]
    turned = h.tied_accounts(table(frame.assign(renewed=1 - frame.renewed)), dependent=0.5)
    assert turned["hostage-renewal-drop"].high < 0 and "less often" in words(turned)
    corner = frame[~((frame.dependence == 9) & (frame.groupby("account").score.transform("min") == 9))]
    assert "satisfied and tied" not in set(h.tied_accounts(table(corner), dependent=0.3).table.group)
    assert h.tied_accounts(table(frame.assign(dependence=1))).missing
    even = make_accounts(400, hostage_share=0.3, hostage_renewal=0.0, slope=0.0, rng=2)
    assert "No difference" in title(h.tied_accounts(table(even)))


def test_bounds_by_hand_and_around_the_complete_truth():
    result = h.unseen(table(scores([[9, 9], [9, 1], [9, np.nan], [1, np.nan], [np.nan, 9]], ("one", "two"))))
    bounds = [result[name].value for name in ("pass-all-least", "pass-all-most", "hidden-level-seen")]
    assert bounds == [0.25, 0.5, 0.5]
    assert result["hidden-width"].value == 0.25 and "'two'" in result.finding
    seen = make_accounts(2000, hidden_share=0.0, rng=7)
    whole = h.unseen(table(seen))
    assert "nothing is hidden" in whole.finding.lower() and whole["hidden-width"].value == 0
    partly = seen.assign(score=seen.score.mask((seen.level == LEVELS[-1]) & (np.arange(len(seen)) % 3 == 0)))
    bounds = h.unseen(table(partly))
    truth = whole["pass-all-least"].value
    assert bounds["pass-all-least"].value <= truth <= bounds["pass-all-most"].value
    assert h.unseen(table(scores([[np.nan, np.nan, 1], [2, np.nan, np.nan], [np.nan, 3, np.nan]]))).missing


def test_the_earliest_failing_level_is_next():
    rows = [[80, 40, 30], [80, 70, 65], [20, 90, 90], [70, 70, np.nan]]
    result = h.next_steps(table(scores(rows)), pass_at=0.57)
    assert result.table.account.tolist()[:2] == ["a2", "a0"]
    steps = result.table.set_index("account").next.to_dict()
    assert steps == {"a2": "one", "a0": "two", "a1": "keep all", "a3": "look at three"}
    assert "the level 'one' comes next" in result.finding.lower()
    fine = h.next_steps(table(scores([[80, 90], [90, 80], [85, np.nan]], ("one", "two"))), pass_at=0)
    assert "No level that was seen fails" in title(fine)


@pytest.mark.parametrize("question", OF_ACCOUNTS)
def test_every_finding_is_short_and_says_what_is_made_up(question):
    result = question(cx.open_source("simulated-accounts", table="accounts", bootstrap=40))
    assert result.finding.startswith("In made-up data") and len(result.finding.split()) <= 30
    assert "simulated data" in title(result) and result.id == question.__name__
    assert all(number.label and number.unit for number in result.numbers.values())
    assert all(n.low is None or n.low <= n.value <= n.high for n in result.numbers.values())
    bare = question(table(make_accounts(30, rng=1)[["account", "level", "score"]]))
    assert bare.missing == (question in (h.all_must_hold, h.tied_accounts))
    assert question(table(scores([[1], [2]], ("one",)))).missing
    assert question(Table(frame=None, kind="accounts")).missing
