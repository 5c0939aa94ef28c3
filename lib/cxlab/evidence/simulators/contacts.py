"""Contacts with customers, coded once and partly twice; the arguments are the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

__all__ = ["make_contacts"]

_SHARES = {
    "product_wanted": 0.16,
    "product_use": 0.12,
    "product_broken": 0.18,
    "product_missing": 0.08,
    "service_conduct": 0.06,
    "service_waiting": 0.12,
    "bill_error": 0.08,
    "account_change": 0.10,
    "no_known_contact": 0.05,
    "no_human_reached": 0.05,
}
_SLIPS = {("product_broken", "service_waiting"): 0.20, ("product_missing", "service_waiting"): 0.15}
_PHRASES = {
    "product_wanted": (("buy", "order", "choose"), ("model", "size", "colour", "version"), ("fits", "suits", "compares")),
    "product_use": (("set up", "install", "connect"), ("manual", "menu", "settings"), ("works", "pairs", "updates")),
    "product_broken": (("broken", "defective", "dead"), ("battery", "screen", "motor"), ("stopped", "failed", "crashed")),
    "product_missing": (("missing", "sold out", "undelivered"), ("parcel", "shelf", "stock"), ("arrived", "delivered", "available")),
    "service_conduct": (("rude", "unfriendly", "dismissive"), ("clerk", "agent", "manager"), ("treated", "spoke", "shouted")),
    "service_waiting": (("waiting", "queue", "hold"), ("reply", "callback", "answer"), ("promised", "weeks", "chasing")),
    "service_praise": (("thanks", "grateful", "wonderful"), ("team", "help", "kindness"), ("pleased", "smiled", "cared")),
    "bill_error": (("invoice", "bill", "charge"), ("amount", "refund", "payment"), ("wrong", "twice", "overcharged")),
    "bill_question": (("price", "cost", "fee"), ("tariff", "discount", "month"), ("due", "pay", "transfer")),
    "account_change": (("address", "contract", "name"), ("change", "update", "move"), ("account", "form", "confirm")),
    "no_known_contact": (("find", "contact", "whom"), ("website", "number", "page"), ("searched", "nowhere", "lost")),
    "no_human_reached": (("bot", "recording", "robot"), ("human", "person", "operator"), ("loop", "press", "hung")),
}  # fmt: skip
_FRAMES = (
    "Again {0} with the {1}; it {2}.",
    "Since then {0}, {1}, and now this: {2}.",
    "Never before {0}; now the {1} {2}.",
    "Why {0}? The {1} {2}, and still is.",
    "{0}, {1}, {2}, that is all.",
)


def make_contacts(
    contacts: int = 4000,
    *,
    shares: Mapping[str, float] | None = None,
    first_shares: Mapping[str, float] | None = None,
    accuracy: float = 0.88,
    slips: Mapping[tuple[str, str], float] | None = None,
    checked: float = 0.15,
    customers: int | None = None,
    texts: bool = True,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return a table ``contacts`` whose true shares, and the coders' errors, are the arguments.

    Parameters
    ----------
    contacts : int
    shares : mapping of reason to share, optional
        The truth; scaled to sum to 1. Ten reasons when left out, breakdowns the largest.
    first_shares : mapping, optional
        The truth of every customer's first contact; as ``shares`` when left out.
    accuracy : float
        Chance that a reason without slips is coded rightly; errors fall on the other reasons alike.
    slips : mapping of (true, coded) to chance, optional
        Habits of the coders on top; by default one breakdown in five is coded as waiting. ``{}`` for none.
    checked : float
        Share of contacts that are coded a second time, rightly, drawn at random.
    customers : int, optional
        How many people the contacts come from (a quarter fewer than contacts when left out).
    texts : bool
        Adds a made-up sentence about the true reason.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``customer coded_reason second_coding text``, in order of time; ``attrs["simulated"]`` is True.

    Examples
    --------
    >>> calls = make_contacts(500, shares={"product_broken": 3, "bill_error": 1}, texts=False, rng=1)
    >>> sorted(calls.coded_reason.unique())
    ['bill_error', 'product_broken']
    """
    shares = dict(_SHARES if shares is None else shares)
    first = dict(shares if first_shares is None else first_shares)
    names = list(dict.fromkeys([*shares, *first]))
    if not 0 < accuracy <= 1 or not 0 <= checked <= 1:
        raise ValueError(f"accuracy={accuracy!r} and checked={checked!r} are shares and must lie in 0..1")
    random = np.random.default_rng(rng)
    customers = max(1, int(0.75 * contacts)) if customers is None else customers
    customer = random.integers(1, customers + 1, contacts)
    is_first = ~pd.Series(customer).duplicated().to_numpy()
    true = np.where(is_first, _draw(random, names, first, contacts), _draw(random, names, shares, contacts))
    errors = _errors(names, accuracy, _SLIPS if slips is None else slips)
    coded = (
        (random.random(contacts)[:, None] > np.cumsum(errors, axis=1)[true])
        .sum(axis=1)
        .clip(max=len(names) - 1)
    )
    label = np.array(names, dtype=object)
    twice = random.random(contacts) < checked
    table = pd.DataFrame(
        {
            "customer": customer,
            "coded_reason": label[coded],
            "second_coding": np.where(twice, label[true], None),
        }
    )
    if texts:
        table["text"] = _texts(random, label[true])
    table.attrs["simulated"] = True
    return table


def _draw(
    random: np.random.Generator, names: list[str], shares: Mapping[str, float], size: int
) -> np.ndarray:
    p = np.array([shares.get(name, 0.0) for name in names], dtype=float)
    if p.min() < 0 or p.sum() <= 0:
        raise ValueError(f"shares {dict(shares)} must be positive numbers")
    return random.choice(len(names), size, p=p / p.sum())


def _errors(names: list[str], accuracy: float, slips: Mapping[tuple[str, str], float]) -> np.ndarray:
    """P(coded | true), one row a true reason."""
    k = len(names)
    errors = np.full((k, k), (1 - accuracy) / max(k - 1, 1))
    np.fill_diagonal(errors, accuracy if k > 1 else 1.0)
    for (true, coded), chance in slips.items():
        if true in names and coded in names:
            i, j = names.index(true), names.index(coded)
            errors[i, j] += chance
            errors[i, i] -= chance
            if errors[i, i] < 0:
                raise ValueError(f"the slips of {true!r} exceed the accuracy {accuracy!r}")
    return errors


def _texts(random: np.random.Generator, reasons: np.ndarray) -> np.ndarray:
    picks = random.integers(0, 60, (len(reasons), 4))
    general = (("matter", "issue", "thing"), ("case", "topic", "point"), ("helped", "moved", "changed"))
    made = []
    for reason, pick in zip(reasons, picks.tolist(), strict=True):
        words = _PHRASES.get(reason, general)
        chosen = [group[pick[i] % len(group)] for i, group in enumerate(words)]
        made.append(_FRAMES[pick[3] % len(_FRAMES)].format(*chosen))
    return np.array(made, dtype=object)
