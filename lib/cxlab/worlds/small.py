"""Four small made-up tables: levels of accounts, contacts, labels of raters and stories drawn by lot."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

LEVELS = ("company", "business users", "technology organisation", "technology team", "key individuals")
DIFFICULTY = np.array([72, 66, 60, 56, 50])  # mean of each level, easiest first
FREED = 0.3  # share of the dependent accounts that are freed before they renew
# form letter -> (statements, labels, truth: share of each label)
FORMS: dict[str, tuple[int, tuple[str, ...], tuple[float, ...]]] = {
    "s": (36, ("product", "experience", "both"), (0.40, 0.35, 0.25)),
    "m": (12, ("interaction", "bought thing", "capability", "brand"), (0.55, 0.20, 0.10, 0.15)),
}
_SHARES = {
    "product_wanted": 0.16, "product_use": 0.12, "product_broken": 0.18, "product_missing": 0.08,
    "service_conduct": 0.06, "service_waiting": 0.12, "bill_error": 0.08, "account_change": 0.10,
    "no_known_contact": 0.05, "no_human_reached": 0.05,
}  # fmt: skip
_SLIPS = {("product_broken", "service_waiting"): 0.20, ("product_missing", "service_waiting"): 0.15}
# Sentences by reason; {a|b} stands for one of the words.
_TEXTS = """\
product_wanted: Which {model|size|version} should I {buy|order} for {my flat|a small office|two people}?
product_wanted: I want to {order|buy} another {model|size|colour}; which fits {me|my desk|our team}?
product_use: How do I {install|connect|start} it? The {manual|menu|guide} does not say {where|how}.
product_use: I cannot find the {settings|menu} to {connect|install} it, and the manual does not help.
product_broken: The {battery|screen|motor} stopped working after {two weeks|a month|one day}.
product_broken: My {battery|screen|motor} is {broken|dead|defective} again, {since Monday|after a repair}.
product_missing: My {parcel|delivery} never arrived, and the shop says it is out of stock.
product_missing: It was {out of stock|sold out}, and the {parcel|delivery} has not arrived {yet|either}.
service_conduct: The {clerk|agent|manager} was rude and {shouted at|ignored|laughed at} me.
service_conduct: A {most unfriendly|dismissive} and rude {clerk|agent} would not even {greet|listen to} me.
service_waiting: I have been waiting {three weeks|two days} for a {reply|callback} to my request.
service_waiting: Still waiting: you promised a {callback|reply} {weeks ago|last Monday|yesterday}.
bill_error: My {invoice|bill} is wrong: I was charged {twice|too much|for nothing}.
bill_error: You charged the wrong amount on my last {invoice|bill}, please send a {refund|correction}.
account_change: Please change the {address|name} on my {account|contract}; I have {moved|married}.
account_change: I would like to {change|update} my {address|name|contract} from {May|next month}.
no_known_contact: I searched the whole website and found no {phone number|contact} to write to.
no_known_contact: Whom do I ask? There is no {contact|phone number} on the website {at all|any more}.
no_human_reached: The {robot|bot|recording} goes in circles; I never reached a human.
no_human_reached: I pressed every key, and the {bot|recording} never put me through to a human."""
_SENTENCES: dict[str, list[str]] = {}
for _line in _TEXTS.splitlines():
    _SENTENCES.setdefault(_line.split(": ")[0], []).append(_line.split(": ", 1)[1])


def make_accounts(
    accounts: int = 200, *, strength: float = 2.0, rule: str = "minimum", slope: float = 0.18,
    hidden_share: float = 0.35, hostage_share: float = 0.25, hostage_renewal: float = 0.92,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate accounts on the levels of satisfaction: order, dependence, hidden levels and renewal.

    The truth: an account's general state moves all levels by ``8 * strength`` points (SD) against a noise of
    8 in each, so at ``strength`` 0 the levels come in no order. Renewal follows the lowest level
    (``rule="minimum"``) or the "mean", with ``slope`` log-odds a point. The last level of a share
    ``hidden_share`` was never asked, and lies 8 points lower. A share ``hostage_share`` depends on the vendor
    and renews with chance ``hostage_renewal`` whatever its satisfaction, but for a share ``FREED`` that is
    freed before. Columns, a row an account and level: ``account level score dependence renewed
    first_attained``.
    """
    rng = np.random.default_rng(rng)
    each = len(LEVELS)
    general = rng.normal(0, 1, accounts)
    score = DIFFICULTY + 8 * strength * general[:, None] + rng.normal(0, 8, (accounts, each))
    hidden = rng.random(accounts) < hidden_share
    score[:, -1] -= 8 * hidden
    score = np.round(np.clip(score, 0, 100), 1)

    state = score.min(axis=1) if rule == "minimum" else score.mean(axis=1)
    chance = 1 / (1 + np.exp(-slope * (state - np.median(state))))
    tied = rng.random(accounts) < hostage_share
    before = np.round(np.where(tied, rng.uniform(70, 100, accounts), rng.uniform(0, 55, accounts)), 0)
    freed = tied & (rng.random(accounts) < FREED)
    rng.uniform(size=accounts)  # keeps the accounts that are known by their seed
    renewed = rng.random(accounts) < np.where(tied & ~freed, np.maximum(chance, hostage_renewal), chance)

    waits = rng.gamma(3, 60, score.shape) + 45 * strength * np.arange(each)
    days = np.round(np.exp(-general / 4)[:, None] * waits).astype(int).ravel()
    day = pd.Series(pd.Timestamp("2023-01-01") + pd.to_timedelta(days, unit="D"))
    attained = day.where((score >= 50).ravel() & (day <= pd.Timestamp("2025-12-31")).to_numpy())

    score[hidden, -1] = np.nan
    names = [f"A{k + 1:0{len(str(accounts))}d}" for k in range(accounts)]
    table = {"account": np.repeat(names, each), "level": np.tile(LEVELS, accounts), "score": score.ravel()}
    table |= {"dependence": np.repeat(before, each), "renewed": np.repeat(renewed, each)}
    return pd.DataFrame(table | {"first_attained": attained})


def make_contacts(
    contacts: int = 2_000, *, shares: Mapping[str, float] | None = None, accuracy: float = 0.88,
    slips: Mapping[tuple[str, str], float] | None = None, checked: float = 0.15, texts: bool = True,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate contacts with customers in order of time: ``customer coded_reason second_coding text``.

    The truth: ``shares`` of the reasons (scaled to sum to 1; ten reasons by default). A reason is coded
    rightly with chance ``accuracy``, errors fall on the others alike, on top of the coders' habits ``slips``
    (``{(true, coded): chance}``; by default a breakdown in five is coded as waiting). A share ``checked``,
    drawn at random, is coded again, rightly. ``texts`` adds a made-up sentence.
    """
    shares, random = dict(_SHARES if shares is None else shares), np.random.default_rng(rng)
    names = list(shares)
    customer = random.integers(1, max(1, int(0.75 * contacts)) + 1, contacts)
    p = np.array(list(shares.values()))
    first, later = random.choice(len(names), (2, contacts), p=p / p.sum())
    true = np.where(pd.Series(customer).duplicated(), later, first)
    errors = np.full((len(names), len(names)), (1 - accuracy) / max(len(names) - 1, 1))
    np.fill_diagonal(errors, accuracy if len(names) > 1 else 1.0)
    for (right, wrong), chance in (_SLIPS if slips is None else slips).items():
        if right in names and wrong in names:
            i, j = names.index(right), names.index(wrong)
            errors[i, j] += chance
            errors[i, i] -= chance
    coded = (random.random(contacts)[:, None] > np.cumsum(errors, axis=1)[true]).sum(axis=1)
    label = np.array(names, dtype=object)
    second = np.where(random.random(contacts) < checked, label[true], None)
    coded = label[coded.clip(max=len(names) - 1)]
    table = pd.DataFrame({"customer": customer, "coded_reason": coded, "second_coding": second})
    if texts:
        picks = random.integers(0, 60, (contacts, 5)).tolist()
        table["text"] = [_sentence(*pair) for pair in zip(label[true], picks, strict=True)]
    return table


def _sentence(reason: str, picks: list[int]) -> str:
    forms = _SENTENCES.get(reason, ["I have a {question|request} about {this|my order}."])
    rest = iter(picks[1:])

    def one(match: re.Match) -> str:
        words = match[1].split("|")
        return words[next(rest) % len(words)]

    return re.sub(r"{([^}]*)}", one, forms[picks[0] % len(forms)])


def make_ratings(
    raters: int = 10, *, agreement: float = 0.4, statements: int = 0, wording: float = 0.15,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate the 'ask ten people' forms: ``rater statement label``.

    The truth: every statement has a label, drawn with the shares of its form in ``FORMS``. A rater gives it
    with chance ``sqrt(agreement)`` and else draws again, so that Krippendorff's alpha (nominal) is
    ``agreement`` in expectation and every label keeps its share. The second wording (``s01b`` ...) moves
    ``wording`` of the share from 'product' to 'experience'; 0 leaves it out.
    ``statements`` gives so many of the form ``s`` alone.
    """
    random, parts = np.random.default_rng(rng), []
    for letter, (usual, labels, share) in FORMS.items():
        size = (statements if letter == "s" else 0) if statements else usual
        names = [f"{letter}{i + 1:02d}" for i in range(size)]
        place = random.random(size)
        parts.append(_form(random, raters, names, labels, share, agreement, place))
        if letter == "s" and wording:
            # The same events told again: each keeps its place, so only the wording moves its label.
            moved, again = np.add(share, [-wording, wording, 0.0]), [f"{name}b" for name in names]
            parts.append(_form(random, raters, again, labels, moved, agreement, place))
    return pd.concat(parts, ignore_index=True)


def _form(random, raters, names, labels, share, agreement, place) -> pd.DataFrame:
    size = (raters, len(names))
    true = np.minimum(np.searchsorted(np.cumsum(share), place, side="right"), len(labels) - 1)
    own = random.choice(len(labels), size, p=share)
    given = np.where(random.random(size) < np.sqrt(agreement), true, own)
    who = np.repeat([f"r{i + 1:02d}" for i in range(raters)], len(names))
    label = np.asarray(labels, dtype=object)[given].ravel()
    return pd.DataFrame({"rater": who, "statement": np.tile(names, raters), "label": label})


def make_vignette(
    persons: int = 240, *, stock: float = 3.0, courtesy: float = 1.0, interaction: float = 0.0,
    person_sd: float = 0.0, stories: int = 1, scale: tuple[float, float] | None = None,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate answers to stories drawn by lot: ``person stock courtesy satisfaction``.

    The truth: what a full shelf (``stock``), a warm welcome (``courtesy``) and both together
    (``interaction``) add to the 3 points of the worst story; answers spread by 1.8, people who read several
    ``stories`` (1 to 4, all different) by ``person_sd``. ``scale`` rounds and clips; the truth then holds up
    to its ends.
    """
    random = np.random.default_rng(rng)
    rows = -(-persons // 4) if stories == 1 else persons  # one story a person: blocks of four persons
    order = random.permuted(np.tile(np.arange(4), (rows, 1)), axis=1)
    cell = order.ravel()[:persons] if stories == 1 else order[:, :stories].ravel()
    person = np.repeat(np.arange(1, persons + 1), stories)
    has, warm = cell // 2, cell % 2
    level = random.normal(0, person_sd, persons)[person - 1] if person_sd else 0.0
    answer = 3.0 + stock * has + courtesy * warm + interaction * has * warm + level
    answer += random.normal(0, 1.8, len(cell))
    if scale is not None:
        answer = np.clip(np.round(answer), *scale)
    return pd.DataFrame({"person": person, "stock": has, "courtesy": warm, "satisfaction": answer})
