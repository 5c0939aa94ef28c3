"""Shares of contact reasons, corrected for miscoding with a random part that was coded twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd

from ..intervals import normal_quantile, wilson

__all__ = ["REASONS", "confusion", "corrected_shares", "corrections", "reason_groups"]

REASONS: dict[str, tuple[str, bool, str]] = {
    "product_wanted": ("product", False, "wants to buy or to know whether it fits"),
    "product_use": ("product", False, "how does it work"),
    "product_broken": ("product", True, "does not work, or stopped working"),
    "product_missing": ("product", True, "out of stock, not delivered"),
    "service_conduct": ("experience", True, "was treated badly"),
    "service_waiting": ("experience", True, "waits, asks again, asks after a promise"),
    "service_praise": ("experience", False, "wants to thank, or just to talk"),
    "bill_error": ("price", True, "the bill is wrong"),
    "bill_question": ("price", False, "what does it cost, when is it due"),
    "account_change": ("other", False, "new address, other contract"),
    "no_known_contact": ("experience", True, "could not find whom to ask"),
    "no_human_reached": ("experience", True, "asked, and no human was reached"),
    "other": ("other", False, "anything else"),
}


def reason_groups(reasons: Sequence[str]) -> dict[str, list[str]]:
    """Return which of ``reasons`` are about the product, the experience, and caused by a failure.

    Reasons that are not in ``REASONS`` belong to no group (rename yours in the mapping file); a group without any
    is left out.

    Examples
    --------
    >>> reason_groups(["product_broken", "service_praise", "weather"])
    {'product': ['product_broken'], 'experience': ['service_praise'], 'failure demand': ['product_broken']}
    """
    known = [reason for reason in dict.fromkeys(reasons) if reason in REASONS]
    groups = {
        "product": [r for r in known if REASONS[r][0] == "product"],
        "experience": [r for r in known if REASONS[r][0] == "experience"],
        "failure demand": [r for r in known if REASONS[r][1]],
    }
    return {name: members for name, members in groups.items() if members}


def corrected_shares(
    data: pd.DataFrame,
    *,
    reason: str = "coded_reason",
    second: str = "second_coding",
    groups: Mapping[str, Sequence[str]] | None = None,
    method: str = "inverted",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the share of every contact reason as coded, and corrected for how coders err.

    Parameters
    ----------
    data : DataFrame, one row a contact
        Rows without a first coding are left out.
    reason, second : str
        First coding of all contacts; second, careful coding of a random part (gaps elsewhere). The second is taken
        as right: with two coders who err alike nothing can be corrected.
    groups : mapping of name to reasons, optional
        Sums of reasons to report as well; see ``reason_groups``.
    method : {"inverted", "calibrated"}
        "inverted" solves coded = errors x true for the true shares (Rogan & Gladen 1978): right also when the checked
        contacts were not drawn in proportion. "calibrated" spreads every code over its true reasons (double sampling,
        Tenenbein 1970): steadier when there are many reasons, right only for a random part of these contacts.
    confidence_level : float

    Returns
    -------
    DataFrame
        Index ``reason`` (groups last): ``kind`` ("reason" or "group"), ``contacts`` as coded, ``naive naive_low
        naive_high`` (Wilson), ``share low high`` corrected, and ``checked``: how many twice-coded contacts truly had
        the reason. A reason that never occurs in the second coding is taken to be coded without error. Where nothing
        was coded twice, nothing can be corrected: ``share low high`` are gaps.

    Raises
    ------
    ValueError
        When coders err so much that the errors cannot be inverted.

    Notes
    -----
    Errors by the delta method over all contacts, the checked ones included (influence of every contact); intervals
    are Wilson's with the effective sample size share * (1 - share) / error^2, so that they stay within 0..1.

    Examples
    --------
    >>> calls = pd.DataFrame({"coded_reason": ["product"] * 60 + ["service"] * 40,
    ...                       "second_coding": ["product"] * 10 + [None] * 50 + ["service"] * 8 + ["product"] * 2 + [None] * 30})
    >>> corrected_shares(calls).share.round(2).to_dict()
    {'product': 0.72, 'service': 0.28}
    """
    if method not in ("inverted", "calibrated"):
        raise ValueError(f"method={method!r} must be 'inverted' or 'calibrated'")
    known = _known(data, reason, second)
    names = sorted({*known[reason].astype(str), *known[second].dropna().astype(str)})
    place = {name: i for i, name in enumerate(names)}
    coded = known[reason].astype(str).map(place).to_numpy()
    twice = known[second].notna().to_numpy()
    k, total = len(names), len(known)
    true = known[second][twice].astype(str).map(place).to_numpy(int)
    cells = np.bincount(coded[twice] * k + true, minlength=k * k).reshape(k, k).astype(float)
    unchecked = np.bincount(coded[~twice], minlength=k).astype(float)
    counts = unchecked + cells.sum(axis=1)
    estimate = _inverted if method == "inverted" else _calibrated
    share, of_checked, of_unchecked = estimate(cells, counts / total, total)
    sums = np.eye(k)
    chosen = {name: [place[r] for r in members if r in place] for name, members in (groups or {}).items()}
    for members in chosen.values():
        sums = np.vstack([sums, np.isin(np.arange(k), members).astype(float)])
    checked_spread = (of_checked @ sums.T) ** 2
    variance = np.einsum("jk,jkg->g", cells, checked_spread) + unchecked @ (of_unchecked @ sums.T) ** 2
    contacts = sums @ counts
    naive_low, naive_high = wilson(contacts, total, confidence_level)
    low, high = _bounded(sums @ share, variance, confidence_level)
    corrected = np.clip(sums @ share, 0, 1)
    if not twice.any():
        corrected, low, high = (np.full(len(sums), np.nan) for _ in range(3))
    return pd.DataFrame(
        {
            "kind": ["reason"] * k + ["group"] * len(chosen),
            "contacts": contacts.astype(int),
            "naive": contacts / total,
            "naive_low": naive_low,
            "naive_high": naive_high,
            "share": corrected,
            "low": low,
            "high": high,
            "checked": (sums @ cells.sum(axis=0)).astype(int),
        },
        index=pd.Index([*names, *chosen], name="reason"),
    )


def corrections(data: pd.DataFrame, **arguments) -> dict[str, pd.DataFrame]:
    """Return ``corrected_shares`` by both methods: "calibrated", and "inverted" where the errors can be inverted.

    Parameters
    ----------
    data, **arguments
        As in ``corrected_shares``, without ``method``.

    Returns
    -------
    dict of method to DataFrame
    """
    found = {"calibrated": corrected_shares(data, method="calibrated", **arguments)}
    with suppress(ValueError):  # too few twice-coded contacts for so many reasons: the other stands alone
        found["inverted"] = corrected_shares(data, method="inverted", **arguments)
    return found


def confusion(
    data: pd.DataFrame, *, reason: str = "coded_reason", second: str = "second_coding", min_cell: int = 5
) -> pd.DataFrame:
    """Return how the first coding falls for every true reason (second coding), as shares of the row.

    Returns
    -------
    DataFrame
        Columns ``true coded contacts share``; true reasons with fewer than ``min_cell`` checked contacts are left out;
        empty where nothing was coded twice.
    """
    known = _known(data, reason, second)
    checked = known[known[second].notna()]
    if checked.empty:
        return pd.DataFrame(columns=["true", "coded", "contacts", "share"])
    table = pd.crosstab(checked[second].astype(str), checked[reason].astype(str))
    table = table[table.sum(axis=1) >= min_cell]
    if table.empty:
        raise ValueError(
            f"no reason was found {min_cell} times in {second!r}; have more contacts coded a second time"
        )
    long = table.rename_axis("true").rename_axis("coded", axis=1).stack().rename("contacts").reset_index()
    long["share"] = long.contacts / long.groupby("true").contacts.transform("sum")
    return long


def _known(data: pd.DataFrame, reason: str, second: str) -> pd.DataFrame:
    if reason not in data.columns:
        raise ValueError(
            f"column {reason!r} is not in the data; its columns are {', '.join(map(str, data.columns))}"
        )
    return data[data[reason].notna()].assign(**({} if second in data.columns else {second: None}))


def _inverted(cells: np.ndarray, coded: np.ndarray, total: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True shares by inverting P(coded | true), and the influence of a contact in each cell."""
    k = len(coded)
    seen = cells.sum(axis=0)
    errors = np.where(seen > 0, cells / np.where(seen > 0, seen, 1), np.eye(k))
    if np.linalg.cond(errors) > 1e3:
        raise ValueError(
            "the first coding follows the second too loosely to be inverted: use method='calibrated', check more "
            "contacts, or merge reasons that coders cannot tell apart"
        )
    inverse = np.linalg.inv(errors)
    share = inverse @ coded
    of_unchecked = (inverse.T - share) / total  # row j: inverse @ (e_j - coded), as inverse @ coded = share
    away = (
        inverse.T[:, None, :] - np.eye(k)[None, :, :]
    )  # inverse @ (e_j - errors[:, k]) = inverse[:, j] - e_k
    weight = np.where(seen > 0, share / np.where(seen > 0, seen, 1), 0.0)
    of_checked = of_unchecked[:, None, :] - weight[None, :, None] * away
    return share, of_checked, of_unchecked


def _calibrated(
    cells: np.ndarray, coded: np.ndarray, total: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True shares by P(true | coded), and the influence of a contact in each cell."""
    k = len(coded)
    seen = cells.sum(axis=1)
    truth = np.where(seen[:, None] > 0, cells / np.where(seen > 0, seen, 1)[:, None], np.eye(k))
    share = coded @ truth
    of_unchecked = (truth - share) / total
    weight = np.where(seen > 0, coded / np.where(seen > 0, seen, 1), 0.0)
    of_checked = of_unchecked[:, None, :] + weight[:, None, None] * (
        np.eye(k)[None, :, :] - truth[:, None, :]
    )
    return share, of_checked, of_unchecked


def _bounded(
    share: np.ndarray, variance: np.ndarray, confidence_level: float
) -> tuple[np.ndarray, np.ndarray]:
    z = normal_quantile(confidence_level)
    inside = (share > 0) & (share < 1) & (variance > 0)
    p = np.where(inside, share, 0.5)
    size = np.where(inside, p * (1 - p) / np.where(inside, variance, 1), 1.0)
    low, high = wilson(p * size, size, confidence_level)
    plain = z * np.sqrt(variance)
    low = np.where(inside, low, np.clip(share - plain, 0, 1))
    high = np.where(inside, high, np.clip(share + plain, 0, 1))
    return low, high
