"""Made-up journeys, stages and registers of initiatives; levels of accounts, contacts, raters and stories."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import NormalDist

import numpy as np
import pandas as pd

STAGES = ("awareness", "exploration", "evaluation", "purchase", "implementation", "use")
FUNCTIONS = ("Product", "Marketing", "Sales", "Service", "Finance")
HAZARDS = (0.10, 0.12, 0.15, 0.20, 0.10)  # a day, from each stage to the next
OBSERVED = 365.0  # days
REPEAT = 0.4  # chance to buy again
SAYS = 0.65  # share of employees that call quality a priority
_LEADS = (1, 1, 2, 2, 3, 3)  # the function that usually does each stage

# Area: share of complaints, share of initiatives, side. The quality office works on products, and not at all
# on customer service, where it hurts most.
AREAS: dict[str, tuple[float, float, str]] = {
    "customer service": (0.30, 0.00, "experience"),
    "delivery": (0.16, 0.12, "experience"),
    "billing": (0.13, 0.08, "experience"),
    "installation": (0.11, 0.06, "experience"),
    "product reliability": (0.11, 0.40, "product"),
    "product range": (0.07, 0.18, "product"),
    "website": (0.07, 0.10, "experience"),
    "sales advice": (0.05, 0.06, "experience"),
}
REACHES = {"account": (0.35, 0.8), "unit": (0.45, 1.3), "corporate": (0.20, 2.5)}  # share, usual size
PAY = 0.4  # share of initiatives with linked pay


def make_events(
    n: int = 2_000, *, leaving: float = 0.03, segments: Mapping[str, float] | None = None,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate the events of customers who move through six stages or leave.

    The truth: ``n`` customers enter evenly over the first half of a year, after which nothing is seen. From
    stage k a customer goes on with hazard ``HAZARDS[k]`` a day (times the segment's factor, by default direct
    1.0, partner 0.8, online 1.3) and leaves with hazard ``leaving``, after the last stage with a tenth of it;
    both are constant, so the share that goes on at all is ``h / (h + leaving)``. Who came through buys again
    with probability ``REPEAT``, unless they leave first.

    Columns: ``customer_id event timestamp segment``; events are the stages, ``repeat purchase`` and ``left``.
    """
    rng = np.random.default_rng(rng)
    segments = dict(segments or {"direct": 1.0, "partner": 0.8, "online": 1.3})
    which = rng.integers(0, len(segments), n)
    factor = np.array(list(segments.values()))[which]
    who, time = np.arange(n), rng.uniform(0, OBSERVED / 2, n)
    parts = [(who, STAGES[0], time)]
    for stage, hazard in zip(STAGES[1:], HAZARDS, strict=True):
        ahead = rng.exponential(1 / (hazard * factor[who]))
        away = rng.exponential(1 / leaving, who.size)
        goes = ahead < away
        parts.append((who[~goes], "left", (time + away)[~goes]))
        who, time = who[goes], (time + ahead)[goes]
        parts.append((who, stage, time))
    leaves, again = (time + rng.exponential(days, who.size) for days in (10 / leaving, 40))
    returns = (rng.random(who.size) < REPEAT) & (again < leaves)
    parts += [(who, "left", leaves), (who[returns], "repeat purchase", again[returns])]
    made = pd.concat([pd.DataFrame({"who": who, "event": event, "days": time}) for who, event, time in parts])
    made = made[made["days"] <= OBSERVED].sort_values(["days", "who"], kind="stable", ignore_index=True)
    after = pd.to_timedelta((made["days"] * 86_400).round(), unit="s")
    names = np.array(list(segments))[which[made["who"]]]
    columns = {"customer_id": made["who"] + 1, "event": made["event"]}
    return pd.DataFrame(columns | {"timestamp": pd.Timestamp("2024-01-01") + after, "segment": names})


def make_stages(
    n: int = 2_000, *, yields: Sequence[float] = (0.97, 0.95, 0.93, 0.96, 0.94, 0.92),
    correlation: float = 0.4, without_owner: int = 1, two_owners: int = 1, respondents: int = 120,
    gap: float = 0.25, rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate each stage: faults of customers, who owns it, and words and deeds of employees.

    The truth: stage k goes right for a share ``yields[k]`` of customers; faults of one customer are
    dependent, by one latent normal factor that correlates any two stages by ``correlation``. With the
    defaults the product of the yields is .7115 and the share of customers without any fault .778.
    ``without_owner`` stages have no accountable function, ``two_owners`` have two, never the first stage. A
    share ``SAYS`` of the respondents calls quality a priority at a stage, a share ``SAYS - gap`` reviews it,
    twice as likely where it is called a priority.

    Columns: ``respondent stage function passed role says_priority does_review``; rows of customers fill
    ``passed``, rows of responsibility ``role``, rows of employees the last two.
    """
    rng = np.random.default_rng(rng)
    factor, own = rng.standard_normal((n, 1)), rng.standard_normal((n, len(STAGES)))
    latent = np.sqrt(correlation) * factor + np.sqrt(1 - correlation) * own
    passed = latent > [NormalDist().inv_cdf(1 - share) for share in yields]
    quality = pd.DataFrame({
        "respondent": np.repeat([f"C{i + 1}" for i in range(n)], len(STAGES)),
        "stage": STAGES * n, "function": [FUNCTIONS[i] for i in _LEADS] * n, "passed": passed.ravel(),
    })  # fmt: skip
    cells = [(stage, function) for stage in STAGES for function in FUNCTIONS]
    answers = pd.DataFrame(cells * respondents, columns=["stage", "function"])
    answers["respondent"] = np.repeat([f"R{i + 1}" for i in range(respondents)], len(cells))
    answers["says_priority"] = says = rng.random(len(answers)) < SAYS
    base = (SAYS - gap) / (1 + SAYS)  # reviewed with base where not a priority, twice as often where it is
    answers["does_review"] = rng.random(len(answers)) < np.minimum(np.where(says, 2 * base, base), 1.0)
    return pd.concat([quality, _owners(rng, without_owner, two_owners), answers], ignore_index=True)


def _owners(rng: np.random.Generator, none: int, two: int) -> pd.DataFrame:
    picked = rng.permutation(np.arange(1, len(STAGES)))
    rows = []
    for k, stage in enumerate(STAGES):
        others = [i for i in rng.permutation(len(FUNCTIONS)) if i != _LEADS[k]]
        roles = dict.fromkeys(others, "informed")
        if k > 0:
            roles |= {others[0]: "responsible", others[1]: "consulted"}
        roles[_LEADS[k]] = "responsible" if k in picked[:none] else "accountable"
        if k in picked[none : none + two]:
            roles[others[0]] = "accountable"
        rows += [(stage, FUNCTIONS[i], roles[i]) for i in sorted(roles)]
    return pd.DataFrame(rows, columns=["stage", "function", "role"])


def make_initiatives(
    n: int = 120, *, effort_shares: Mapping[str, float] | None = None,
    focus_shares: Mapping[str, float] | float = 0.35, coder_agreement: float = 0.92, pay_silence: float = 0.5,
    late_share: float = 0.35, foresight: float = 0.65, false_alarm: float = 0.15, months: int = 12,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate a register of initiatives.

    The truth: work is spread over areas by ``effort_shares``; a share ``focus_shares`` (of all, or by level)
    is customer-focused, and each of two readers sees that with chance ``coder_agreement``; a share
    ``late_share`` ends after its due date and is called 'at risk' before with chance ``foresight``, others
    with ``false_alarm``; where pay is linked (``PAY``) a share ``pay_silence`` of these reports is kept back.
    The history has ``months``, ending with December 2025.
    """
    rng = np.random.default_rng(rng)
    area = _drawn(rng, n, effort_shares or {name: effort for name, (_, effort, _) in AREAS.items()})
    level = _drawn(rng, n, {name: share for name, (share, _) in REACHES.items()})
    size = rng.lognormal(0, 0.7, n) * [REACHES[name][1] for name in level]
    impact = np.round(10 * size**0.6 * rng.lognormal(0, 0.6, n), 1).clip(0.5)
    spread = rng.uniform(0.2, 0.6, n)
    by_level = dict.fromkeys(REACHES, focus_shares) if isinstance(focus_shares, float) else focus_shares
    focused = rng.random(n) < [by_level[name] for name in level]
    codes = [np.where(rng.random(n) < coder_agreement, focused, ~focused) for _ in range(2)]
    pay = rng.random(n) < PAY
    start = rng.integers(0, max(1, months - 4), n)
    due = start + rng.integers(3, 10, n)
    late = rng.random(n) < late_share
    done = np.where(late, due + rng.integers(1, 6, n), due - rng.integers(0, 2, n))
    warned = rng.random(n) < np.where(late, foresight, false_alarm) * (1 - pay_silence * pay)
    warned_from = np.where(warned, due - rng.integers(1, 4, n), 10**6)
    ends = pd.date_range(end="2025-12-31", periods=months, freq="ME")
    later = pd.date_range(start=ends[0], periods=months + 20, freq="ME")
    return pd.DataFrame(
        {
            "id": [f"I{k + 1:0{len(str(n))}d}" for k in range(n)],
            "title": [f"{name} {k + 1}" for k, name in enumerate(area)],
            "area": area,
            "level": level,
            "side": [AREAS[name][2] if name in AREAS else "experience" for name in area],
            "customer_focused": codes[0],
            "customer_focused_2": codes[1],
            "team": np.where(rng.random(n) < 0.8, [f"team {k}" for k in rng.integers(1, 15, n)], ""),
            "impact_low": np.round(impact * (1 - spread), 1),
            "impact": impact,
            "impact_high": np.round(impact * (1 + 1.6 * spread), 1),
            "cost": np.round(40 * size * rng.lognormal(0, 0.25, n)).clip(5),
            "due": later[due],
            "done": pd.Series(later[done]).where(done < months),
            "status_history": list(map(partial(_history, ends), start, due, done, warned_from)),
            "compensation_linked": pay,
        }
    )


def make_pain(complaints: int = 400, *, rng: int | np.random.Generator | None = 1) -> pd.DataFrame:
    """Simulate complaints by area (multinomial) and satisfaction, low where it hurts.

    Columns: area contacts complaints responses satisfied.
    """
    rng = np.random.default_rng(rng)
    shares = np.array([pain for pain, _, _ in AREAS.values()])
    shares = shares / shares.sum()
    counts = rng.multinomial(complaints, shares)
    contacts = counts + rng.poisson(4 * complaints * shares)
    satisfied = rng.binomial(150, np.clip(0.9 - 0.9 * shares, 0, 1))
    columns = {"contacts": contacts, "complaints": counts, "responses": 150, "satisfied": satisfied}
    return pd.DataFrame({"area": list(AREAS)} | columns)


def _drawn(rng: np.random.Generator, n: int, shares: Mapping[str, float]) -> np.ndarray:
    p = np.array(list(shares.values()), dtype=float)
    return rng.choice(list(shares), n, p=p / p.sum())


def _history(ends: pd.DatetimeIndex, start: int, due: int, done: int, warned_from: int) -> str:
    stages = ((done, "done"), (due, "late"), (warned_from, "at risk"), (0, "on schedule"))
    months = range(start, min(done, len(ends) - 1) + 1)
    return "; ".join(f"{ends[k].date()} {next(word for since, word in stages if k >= since)}" for k in months)


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
    raters = [f"r{i + 1:02d}" for i in range(raters)]
    for letter, (usual, labels, share) in FORMS.items():
        size = (statements if letter == "s" else 0) if statements else usual
        place, told = random.random(size), {"": share}
        if letter == "s" and wording:
            # The same events told again: each keeps its place, so only the wording moves its label.
            told["b"] = np.add(share, [-wording, wording, 0.0])
        for again, shares in told.items():
            true = np.minimum(np.searchsorted(np.cumsum(shares), place, side="right"), len(labels) - 1)
            own = random.choice(len(labels), (len(raters), size), p=shares)
            given = np.where(random.random(own.shape) < np.sqrt(agreement), true, own)
            names = [f"{letter}{i + 1:02d}{again}" for i in range(size)]
            table = pd.DataFrame(np.asarray(labels, dtype=object)[given], raters, names)
            parts.append(table.stack().rename_axis(["rater", "statement"]).reset_index(name="label"))
    return pd.concat(parts, ignore_index=True)


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
