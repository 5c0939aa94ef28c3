"""A made-up mall: outlets of many organisations, people in changing roles, visits with scores and comments.

The chain of roles comes from a housing development and the size from a mall; that one place has both is our
choice.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtr, ndtri

from cxlab.data.errors import InputError

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
_SLOTS, _CHUNK = 1 << 18, 1 << 20

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


def make_visits(visits: int = 400_000, **truth) -> pd.DataFrame:
    """Return made-up visits with every column of that table; the keyword arguments are the truth.

    ``outlets`` is a table of :func:`make_outlets` or how many to make (1500): their ``rate`` is the chance
    that an average visitor, off peak, is satisfied (score 4 or 5); the logit of residents is 0.25 lower, at
    17-20 h 0.2 lower. ``months`` (12) from January 2025 on are equally busy. How often people come is set by
    their first role; they change roles by ``CHANGE`` and ``JUMPS``, at most three times. ``rated`` (0.25) of
    the visits have a score, ``commented`` (0.2) of those a comment. ``person_spread`` (0.5) is the standard
    deviation of a person's leniency in logits. ``thin_drop`` (0.35) is a thinly spread fault: in the second
    half every logit is lowered by a quarter of it, and complaints about signs come about
    ``1 + 6 x thin_drop`` times as often. ``rng`` (1) is an int, a Generator or None.
    """
    mall = _Mall(visits, **truth)
    frame = mall.draw(np.random.default_rng(mall.seed), visits, 0, mall.months)
    words = frame.select_dtypes("category").columns
    frame = frame.astype(dict.fromkeys(words, "str"))
    return frame.sort_values(["timestamp", "person"], kind="stable", ignore_index=True)


def write_visits(path: str | Path, *, visits: int = 80_000_000, **truth) -> Path:
    """Write visits as Parquet, one folder a month, a million rows at a time, and return the folder.

    Memory stays the same whatever ``visits`` is. Truth as in :func:`make_visits`; the rows differ. The folder
    must be empty or absent; ``truth/outlets.parquet`` beside the months holds the outlets.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"path={str(path)!r} is not an empty folder; name a new one")
    mall = _Mall(visits, **truth)
    rng = np.random.default_rng(mall.seed)
    coding = {"compression": "zstd", "use_dictionary": [*mall.words, "score"],
              "column_encoding": {"timestamp": "DELTA_BINARY_PACKED"}}  # fmt: skip
    for month in range(mall.months):
        rows = visits * (month + 1) // mall.months - visits * month // mall.months
        target = folder / f"month={month + 1:02d}"
        target.mkdir(parents=True)
        writer = None
        for done in range(0, rows, _CHUNK):
            size = min(_CHUNK, rows - done)
            frame = mall.draw(rng, size, month + done / rows, month + (done + size) / rows)
            table = pa.Table.from_pandas(frame.sort_values("timestamp", kind="stable"), preserve_index=False)
            writer = writer or pq.ParquetWriter(target / "visits.parquet", table.schema, **coding)
            writer.write_table(table, row_group_size=_CHUNK)
        writer.close()
    (folder / "truth").mkdir()
    mall.outlets.to_parquet(folder / "truth" / "outlets.parquet", index=False)
    return folder


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


class _Mall:
    """Everything that the draws of a world share."""

    def __init__(self, visits, *, outlets=1500, months=12, rated=0.25, commented=0.2,
                 person_spread=0.5, thin_drop=0.35, rng=1):  # fmt: skip
        self.months, self.rated, self.commented = months, rated, commented
        self.person_spread, self.thin_drop = person_spread, thin_drop
        rng = np.random.default_rng(rng)
        self.outlets = outlets if isinstance(outlets, pd.DataFrame) else make_outlets(outlets, rng=rng)
        names, themes = list(ORGANISATIONS), list(PHRASES)
        self.home = pd.Index(names).get_indexer(self.outlets["organisation"]).astype(np.int8)
        pull = np.array([by_role for _, by_role in ORGANISATIONS.values()])[self.home].T
        weight = np.cumsum(pull * self.outlets["size"].to_numpy(), axis=1)
        slots = (np.arange(_SLOTS) + 0.5) / _SLOTS
        found = np.stack([np.searchsorted(row / row[-1], slots) for row in weight])
        self.slots = found.clip(max=len(self.outlets) - 1).astype(np.int16)  # role x slot -> outlet
        rate = self.outlets["rate"].to_numpy()
        self.logit = np.log(rate / (1 - rate)).astype(np.float32)
        people = np.maximum(1, visits * _VISITS / _A_YEAR / (months / 12))
        self.pools = people.astype(np.int64)  # by first role
        first = np.datetime64("2025-01", "M")
        self.starts = (first + np.arange(months + 1)).astype("datetime64[s]").astype(np.int64)
        texts = [text for theme in themes for text in PHRASES[theme]] + PRAISE
        self.bounds = np.cumsum([0, *(len(PHRASES[theme]) for theme in themes), len(PRAISE)])
        outlets = self.outlets["outlet"].astype(str).tolist()
        self.words = {"outlet": outlets, "organisation": names, "role": list(ROLES), "comment": texts}
        mix = np.exp(0.6 * rng.standard_normal((len(names), len(themes))))
        mix *= np.linspace(1.6, 0.7, len(themes))
        mix[names.index("Mobility"), themes.index("parking")] *= 8
        mix[names.index("Food hall"), themes.index("waiting")] *= 2
        self.theme_cdf = np.cumsum(mix / mix.sum(axis=1, keepdims=True), axis=1)
        own = rng.integers(0, len(themes), len(self.outlets))
        self.own_theme = np.where(self.outlets["planted"], own, -1).astype(np.int8)
        self.seed = int(rng.integers(1 << 62))

    def draw(self, rng: np.random.Generator, rows: int, low: float, high: float) -> pd.DataFrame:
        """Draw visits between months ``low`` and ``high`` (fractions allowed), words as categories."""
        role = np.searchsorted(np.cumsum(_VISITS)[:-1], rng.random(rows)).astype(np.int8)
        number = (rng.random(rows) * self.pools[role]).astype(np.int64)
        number += np.r_[0, np.cumsum(self.pools)[:-1]][role]
        when = low + rng.random(rows) * (high - low)
        month = np.minimum(when.astype(np.int64), self.months - 1)
        role = roles_in(number, role, month)
        people = int(self.pools.sum())
        outlet = self.slots[role, rng.integers(0, _SLOTS, rows)]
        day = np.floor((when - month) * (np.diff(self.starts)[month] // 86400))
        hour = np.clip(rng.normal(16.0, 3.6, rows), 8.0, 23.99)
        score, comment = np.zeros(rows, np.int8), np.full(rows, -1, np.int32)
        some = np.flatnonzero(rng.random(rows) < self.rated)
        thin = (month[some] >= self.months // 2) * self.thin_drop
        logit = self.logit[outlet[some]] + _LENIENT[role[some]] - thin / 4
        logit += self.person_spread * ndtri(_fixed(number[some], 0))
        logit -= 0.2 * ((hour[some] >= 17) & (hour[some] < 20))
        chance, lot = 1 / (1 + np.exp(-logit)), rng.random(some.size)
        rest = (lot - chance) / (1 - chance)
        unhappy = np.where(rest < 0.5, 3, np.where(rest < 0.8, 2, 1))
        score[some] = np.where(lot < chance, np.where(lot < 0.55 * chance, 5, 4), unhappy)
        spoke = np.flatnonzero(rng.random(some.size) < self.commented)
        said = some[spoke]
        comment[said] = self.comments(rng, outlet[said], score[said], thin[spoke])
        codes = {"outlet": outlet, "organisation": self.home[outlet], "role": role, "comment": comment}
        words = {name: pd.Categorical.from_codes(codes[name], self.words[name]) for name in codes}
        seconds = self.starts[month] + (day * 86400 + hour * 3600).astype(np.int64)
        frame = pd.DataFrame(words | {
            "person": _PERSON + (number * _coprime(people) + 12_345) % people,
            "timestamp": seconds.astype("datetime64[s]"),
            "score": pd.arrays.IntegerArray(score, score == 0),
        })  # fmt: skip
        return frame[["outlet", "organisation", "person", "role", "timestamp", "score", "comment"]]

    def comments(self, rng: np.random.Generator, outlet, score, thin) -> np.ndarray:
        """Draw a text for each: praise for a satisfied visit, else a theme by organisation, outlet, fault."""
        home, signs, themes = self.home[outlet], list(PHRASES).index("signs"), len(PHRASES)
        theme = (rng.random(home.size)[:, None] > self.theme_cdf[home]).sum(axis=1)
        own = self.own_theme[outlet]
        theme = np.where((own >= 0) & (rng.random(home.size) < 0.6), own, theme)
        usual = np.diff(self.theme_cdf, axis=1, prepend=0)[home, signs]
        theme = np.where(rng.random(home.size) < 6 * thin * usual, signs, theme)
        theme = np.where(score >= 4, themes, np.minimum(theme, themes - 1))
        low, high = self.bounds[theme], self.bounds[theme + 1]
        return (low + rng.random(theme.size) * (high - low)).astype(np.int32)


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


def _coprime(people: int) -> int:
    step = 2_654_435_761 % people or 1
    while np.gcd(step, people) != 1:
        step += 1
    return int(step)
