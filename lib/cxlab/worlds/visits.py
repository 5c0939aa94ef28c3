"""A made-up mall: outlets of many organisations, people in changing roles, visits with scores and comments.

The chain of roles comes from a housing development and the size from a mall; that one place has both is our
choice.
"""

from itertools import count
from math import gcd

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtr, ndtri

# name: share of outlets, relative pull on (visitor, guest, investor, resident)
ORGANISATIONS = {
    "Retail group A": (0.30, (1.0, 0.8, 0.6, 0.7)),
    "Retail group B": (0.22, (1.0, 0.8, 0.6, 0.7)),
    "Independent shops": (0.26, (1.0, 0.7, 0.5, 1.0)),
    "Food hall": (0.08, (1.2, 1.2, 0.8, 1.0)),
    "Restaurants": (0.06, (0.9, 1.4, 1.2, 0.8)),
    "Leisure": (0.02, (1.2, 0.8, 0.3, 0.8)),
    "Hotel": (0.01, (0.1, 6.0, 1.0, 0.1)),
    "Housing": (0.01, (0.05, 0.1, 5.0, 6.0)),
    "Mobility": (0.01, (2.0, 2.0, 2.0, 3.0)),
    "Clinics": (0.01, (0.2, 0.2, 0.4, 2.0)),
    "Public spaces": (0.01, (2.0, 2.0, 1.0, 2.0)),
    "Authority": (0.01, (0.2, 0.4, 4.0, 2.0)),
}
KPIS = ("Sales", "Footfall", "Rent", "Cost", "Satisfaction", "Complaints", "Safety", "Waiting time")
ROLES = ("visitor", "guest", "investor", "resident")
CHANGE = np.array([0.004, 0.02, 0.02, 0.004])  # chance a month to leave a role, and for which one
JUMPS = np.array([[0, 0.7, 0.15, 0.15], [0.4, 0, 0.3, 0.3], [0.3, 0, 0, 0.7], [0.6, 0, 0.4, 0]])
_VISITS = np.array([0.62, 0.10, 0.03, 0.25])  # who makes the visits, by first role
_A_YEAR = np.array([4.0, 9.0, 12.0, 60.0])  # visits of a person, by first role
_LENIENT = np.array([0.0, 0.15, -0.1, -0.25])  # logits
_PERSON = 7_000_000_000  # ids are ten digits that start with 7, so that a search for one is unmistakable
_SLOTS = 1 << 18

_PARTS = {  # theme: beginnings; ends
    "waiting": "long queue|the queue did not move|far too long a queue|queue for twenty minutes; "
    "one till open for a long queue|long queue with children|slow till, long queue",
    "staff": "staff was rude|staff ignored us|unfriendly staff|impolite staff; "
    "no greeting from the staff|staff talked among themselves|rude answer from the staff",
    "stock": "size out of stock|shelf empty, out of stock|item out of stock|stock never refilled; "
    "sold out, no stock|advertised item missing from stock|shelf without stock",
    "price": "price too high|price differs from the label|higher price than shown|price label wrong; "
    "expensive price compared online|hidden charge on the price|too expensive a price",
    "cleanliness": "dirty toilets|dirty tables|dirty restroom|dirty carpets; "
    "toilets smell dirty|dirty bins overflowing|no soap and dirty toilets",
    "parking": "parking full|parking machine broken|no parking space|parking badly lit; "
    "car not found in the parking garage|parking garage gate jammed|stuck in the parking garage",
    "payment": "card terminal failed|card refused twice|card took three tries|card not accepted; "
    "app and card crashed|voucher and card rejected|slow card terminal",
    "returns": "refund refused|refund still missing|refund only as credit|no refund; "
    "return desk gave no refund|exchange instead of a refund|return form for a refund",
    "signs": "no signs to the exit|signs are wrong|signs point the wrong way|signs too small to read; "
    "got lost between signs|lift without signs|outdated signs",
}
_WHEN = ("", " today", " again", " on Saturday", " this morning")
PHRASES = {
    theme: [f"{first}, {last}{when}" for first in parts.split("; ")[0].split("|")
            for last in parts.split("; ")[1].split("|") for when in _WHEN]
    for theme, parts in _PARTS.items()
}  # fmt: skip
PRAISE = [
    f"{first} and {last}"
    for first in ("friendly staff", "lovely place", "great selection", "quick service", "nice atmosphere")
    for last in ("helpful advice", "clean and bright", "will come again", "good value", "everything was easy")
]


def make_outlets(
    outlets: int = 1500, *, organisation_share: float = 0.2, worst: int = 12, worst_drop: float = 0.5,
    size_spread: float = 1.0, rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return made-up outlets (12 or more), ``outlet organisation size rate planted``; rate is the truth.

    True rates are Beta(16, 4); a part ``organisation_share`` (0..1) of their latent variance lies between
    organisations. ``worst`` outlets, drawn in proportion to size, are lowered by ``worst_drop``
    (``planted``): six in ten of their complaints are about one thing each. ``size_spread`` is the standard
    deviation of log sizes.
    """
    share = np.array([part for part, _ in ORGANISATIONS.values()])
    rng = np.random.default_rng(rng)
    home = np.sort(np.r_[: len(share), rng.choice(len(share), outlets - len(share), p=share / share.sum())])
    latent = np.sqrt(organisation_share) * rng.standard_normal(len(share))[home]
    latent += np.sqrt(1 - organisation_share) * rng.standard_normal(outlets)
    size, planted = rng.lognormal(0, size_spread, outlets), np.zeros(outlets, bool)
    planted[rng.choice(outlets, min(worst, outlets // 4), replace=False, p=size / size.sum())] = True
    rate = np.clip(betaincinv(16, 4, ndtr(latent)) - worst_drop * planted, 0.02, 0.98)
    names = [f"S{number:0{len(str(outlets))}d}" for number in range(1, outlets + 1)]
    organisation = np.array(list(ORGANISATIONS), dtype=object)[home]
    return pd.DataFrame(
        {"outlet": names, "organisation": organisation, "size": size, "rate": rate, "planted": planted}
    )


def make_visits(
    visits: int = 400_000, *, outlets: pd.DataFrame | int = 1500, months: int = 12, rated: float = 0.25,
    commented: float = 0.2, person_spread: float = 0.5, thin_drop: float = 0.35,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return made-up visits with every column of that table; the arguments are the truth.

    ``outlets`` is a table of :func:`make_outlets` or how many to make: their ``rate`` is the chance that an
    average visitor, off peak, is satisfied (score 4 or 5); the logit of residents is 0.25 lower, at 17-20 h
    0.2 lower. ``months`` from January 2025 on are equally busy. How often people come is set by their first
    role; they change roles by ``CHANGE`` and ``JUMPS``, at most three times. A share ``rated`` of the visits
    has a score, ``commented`` of those a comment. ``person_spread`` is the standard deviation of a person's
    leniency in logits. ``thin_drop`` is a thinly spread fault: in the second half every logit is lowered by a
    quarter of it, and complaints about signs come about ``1 + 6 x thin_drop`` times as often.
    """
    rng = np.random.default_rng(rng)
    outlets = outlets if isinstance(outlets, pd.DataFrame) else make_outlets(outlets, rng=rng)
    home = pd.Index(list(ORGANISATIONS)).get_indexer(outlets["organisation"])
    names, themes = list(ORGANISATIONS), list(PHRASES)
    mix = np.exp(0.6 * rng.standard_normal((len(names), len(themes)))) * np.linspace(1.6, 0.7, len(themes))
    mix[names.index("Mobility"), themes.index("parking")] *= 8
    mix[names.index("Food hall"), themes.index("waiting")] *= 2
    mix /= mix.sum(axis=1, keepdims=True)  # part of an organisation's complaints
    own = np.where(outlets["planted"], rng.integers(0, len(PHRASES), len(outlets)), -1)
    random = np.random.default_rng(int(rng.integers(1 << 62)))

    role = np.searchsorted(np.cumsum(_VISITS)[:-1], random.random(visits)).astype(np.int8)
    pools = np.maximum(1, visits * _VISITS / _A_YEAR / (months / 12)).astype(np.int64)  # by first role
    number = (random.random(visits) * pools[role]).astype(np.int64)
    number += np.r_[0, np.cumsum(pools)[:-1]][role]
    when = random.random(visits) * months
    month = np.minimum(when.astype(np.int64), months - 1)
    role = roles_in(number, role, month)
    pull = np.array([by_role for _, by_role in ORGANISATIONS.values()])[home].T
    weight = np.cumsum(pull * outlets["size"].to_numpy(), axis=1)
    slots = np.stack([np.searchsorted(row / row[-1], (np.arange(_SLOTS) + 0.5) / _SLOTS) for row in weight])
    outlet = slots.clip(max=len(outlets) - 1)[role, random.integers(0, _SLOTS, visits)]
    starts = (np.datetime64("2025-01", "M") + np.arange(months + 1)).astype("datetime64[s]").astype(np.int64)
    day = np.floor((when - month) * (np.diff(starts)[month] // 86400))
    hour = np.clip(random.normal(16.0, 3.6, visits), 8.0, 23.99)

    score, comment = np.zeros(visits, np.int8), np.full(visits, -1)
    some = np.flatnonzero(random.random(visits) < rated)
    thin = (month[some] >= months // 2) * thin_drop
    rate = outlets["rate"].to_numpy()
    logit = np.log(rate / (1 - rate)).astype(np.float32)[outlet[some]] + _LENIENT[role[some]] - thin / 4
    logit += person_spread * ndtri(_fixed(number[some], 0))
    logit -= 0.2 * ((hour[some] >= 17) & (hour[some] < 20))
    chance, lot = 1 / (1 + np.exp(-logit)), random.random(some.size)
    rest = (lot - chance) / (1 - chance)
    unhappy = np.where(rest < 0.5, 3, np.where(rest < 0.8, 2, 1))
    score[some] = np.where(lot < chance, np.where(lot < 0.55 * chance, 5, 4), unhappy)
    spoke = np.flatnonzero(random.random(some.size) < commented)
    said = some[spoke]
    where = outlet[said]
    comment[said] = _comments(random, mix[home[where]], own[where], score[said], thin[spoke])

    people = int(pools.sum())
    step = next(n for n in count(2_654_435_761 % people or 1) if gcd(n, people) == 1)  # no id stands twice
    frame = pd.DataFrame({
        "outlet": outlets["outlet"].astype("str").to_numpy()[outlet],
        "organisation": np.array(list(ORGANISATIONS))[home[outlet]],
        "person": _PERSON + (number * step + 12_345) % people,
        "role": np.array(ROLES)[role],
        "timestamp": (starts[month] + (day * 86400 + hour * 3600).astype(np.int64)).astype("datetime64[s]"),
        "score": pd.arrays.IntegerArray(score, score == 0),
        "comment": pd.Categorical.from_codes(comment, [*sum(PHRASES.values(), []), *PRAISE]).astype("str"),
    })  # fmt: skip
    return frame.sort_values(["timestamp", "person"], kind="stable", ignore_index=True)


def _comments(rng: np.random.Generator, mix, own, score, thin) -> np.ndarray:
    """Return the number of a text for each visit: praise, or a theme by organisation, outlet and fault."""
    size, themes, signs = len(score), len(PHRASES), list(PHRASES).index("signs")
    theme = (rng.random(size)[:, None] > np.cumsum(mix, axis=1)).sum(axis=1)
    theme = np.where((own >= 0) & (rng.random(size) < 0.6), own, theme)
    theme = np.where(rng.random(size) < 6 * thin * mix[:, signs], signs, theme)
    theme = np.where(score >= 4, themes, np.minimum(theme, themes - 1))
    bounds = np.cumsum([0, *map(len, PHRASES.values()), len(PRAISE)])
    low, high = bounds[theme], bounds[theme + 1]
    return (low + rng.random(size) * (high - low)).astype(np.int64)


def make_kpis(
    organisations: int = 12, *, agreement: float = 0.3, rewarded: float = 0.7,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return what made-up organisations reward: ``organisation kpi weight``, about 100 an organisation.

    ``agreement`` is the correlation of any two organisations' latent priorities, ``rewarded`` the share of
    the measures that one rewards at all (the others have no row).
    """
    rng = np.random.default_rng(rng)
    names = [*ORGANISATIONS, *(f"Organisation {place}" for place in range(13, organisations + 1))]
    common, own = rng.standard_normal(len(KPIS)), rng.standard_normal((organisations, len(KPIS)))
    latent = np.sqrt(agreement) * common + np.sqrt(1 - agreement) * own
    least = np.quantile(latent, 1 - rewarded, axis=1, keepdims=True)
    weight = np.where(latent >= least, np.exp(0.7 * latent), 0)
    weight = np.round(100 * weight / weight.sum(axis=1, keepdims=True), 1)
    columns = {"organisation": np.repeat(names[:organisations], len(KPIS)), "kpi": KPIS * organisations}
    frame = pd.DataFrame(columns | {"weight": weight.ravel()})
    return frame[frame["weight"] > 0].reset_index(drop=True)


def roles_in(number: np.ndarray, first: np.ndarray, month: np.ndarray) -> np.ndarray:
    """Return the role of each person (by number and first role) in a month; the same whenever it is asked."""
    role, left, at = first.astype(np.int8), np.arange(number.size), np.zeros(number.size)
    for turn in range(3):
        now = role[left]
        at = at + np.floor(np.log(_fixed(number[left], 1 + 2 * turn)) / np.log1p(-CHANGE[now])) + 1
        moves = month[left] >= at
        left, at, now = left[moves], at[moves], now[moves]
        lot = _fixed(number[left], 2 + 2 * turn)
        role[left] = (lot[:, None] > np.cumsum(JUMPS, axis=1)[now]).sum(axis=1).clip(max=3)
    return role


def _fixed(values: np.ndarray, salt: int) -> np.ndarray:
    """Return a fixed pseudo-random number in 0..1 for each integer (splitmix64): people need no table."""
    z = values.astype(np.uint64) + np.uint64((0x9E3779B97F4A7C15 * (salt + 1)) % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54
