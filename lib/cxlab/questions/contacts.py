"""What are contacts about? Shares corrected for miscoding, what failures cause, and themes in what people
write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import count, number, stated
from cxlab.stats.intervals import normal_quantile, wilson
from cxlab.stats.themes import example, theme_table

REASONS: dict[str, tuple[str, bool, str]] = {  # reason -> (side, whether a failure causes it, words)
    "product_wanted": ("product", False, "wants to buy"),
    "product_use": ("product", False, "how it works"),
    "product_broken": ("product", True, "does not work"),
    "product_missing": ("product", True, "out of stock or not delivered"),
    "service_conduct": ("experience", True, "was treated badly"),
    "service_waiting": ("experience", True, "waits or asks again"),
    "service_praise": ("experience", False, "thanks"),
    "bill_error": ("price", True, "the bill is wrong"),
    "bill_question": ("price", False, "what it costs"),
    "account_change": ("other", False, "a change of the account"),
    "no_known_contact": ("experience", True, "found nobody to ask"),
    "no_human_reached": ("experience", True, "reached no human"),
    "other": ("other", False, "anything else"),
}
_GROUP_WORDS = {"product": "about the product", "experience": "about how customers are treated",
                "failure demand": "caused by a failure"}  # fmt: skip


def reason_groups(reasons: Sequence[str]) -> dict[str, list[str]]:
    """Return which of ``reasons`` are about the product, the experience, and caused by a failure.

    Reasons that are not in ``REASONS`` belong to no group (rename yours in the mapping file).

    Examples
    --------
    >>> reason_groups(["product_broken", "service_praise", "weather"])
    {'product': ['product_broken'], 'experience': ['service_praise'], 'failure demand': ['product_broken']}
    """
    known = [reason for reason in dict.fromkeys(reasons) if reason in REASONS]
    groups = {side: [r for r in known if REASONS[r][0] == side] for side in ("product", "experience")}
    groups["failure demand"] = [r for r in known if REASONS[r][1]]
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
        Rows without a first coding (``reason``) are left out. ``second``: careful coding of a random part,
        gaps elsewhere, taken as right.
    groups : mapping of name to reasons, optional
        Sums of reasons to report as well; see ``reason_groups``.
    method : {"inverted", "calibrated"}
        "inverted" solves coded = errors x true (Rogan & Gladen 1978): right also when the checked part was
        not drawn in proportion. "calibrated" spreads every code over its true reasons (Tenenbein 1970):
        steadier with many reasons.

    Returns
    -------
    DataFrame
        Index ``reason`` (groups last): ``kind`` ("reason" or "group"), ``contacts`` as coded, ``naive
        naive_low naive_high`` (Wilson), ``share low high`` corrected (gaps where nothing was coded twice),
        and ``checked``: how many twice-coded contacts truly had it. Errors by the delta method; intervals are
        Wilson's with the effective size.

    Examples
    --------
    >>> calls = pd.DataFrame({"coded_reason": ["product"] * 60 + ["service"] * 40, "second_coding":
    ...     ["product"] * 10 + [None] * 50 + ["service"] * 8 + ["product"] * 2 + [None] * 30})
    >>> corrected_shares(calls).share.round(2).to_dict()
    {'product': 0.72, 'service': 0.28}
    """
    if method not in ("inverted", "calibrated"):
        raise InputError(f"method={method!r} must be 'inverted' or 'calibrated'")
    if reason not in data.columns:
        raise InputError(
            f"column {reason!r} is not in the data; its columns are {', '.join(map(str, data.columns))}"
        )
    known = data[data[reason].notna()].assign(**({} if second in data.columns else {second: None}))
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
    chosen = {name: [place[r] for r in members if r in place] for name, members in (groups or {}).items()}
    sums = np.vstack(
        [np.eye(k), *(np.isin(np.arange(k), members).astype(float) for members in chosen.values())]
    )
    variance = (
        np.einsum("jk,jkg->g", cells, (of_checked @ sums.T) ** 2) + unchecked @ (of_unchecked @ sums.T) ** 2
    )
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


def _inverted(cells: np.ndarray, coded: np.ndarray, total: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True shares by inverting P(coded | true), and the influence of a contact in each cell."""
    k, seen = len(coded), cells.sum(axis=0)
    errors = np.where(seen > 0, cells / np.where(seen > 0, seen, 1), np.eye(k))
    if np.linalg.cond(errors) > 1e3:
        raise InputError(
            "the first coding follows the second too loosely to be inverted: use method='calibrated', check "
            "more contacts, or merge reasons that coders cannot tell apart"
        )
    inverse = np.linalg.inv(errors)
    share = inverse @ coded
    of_unchecked = (inverse.T - share) / total  # row j: inverse @ (e_j - coded), as inverse @ coded = share
    away = (
        inverse.T[:, None, :] - np.eye(k)[None, :, :]
    )  # inverse @ (e_j - errors[:, k]) = inverse[:, j] - e_k
    weight = np.where(seen > 0, share / np.where(seen > 0, seen, 1), 0.0)
    return share, of_unchecked[:, None, :] - weight[None, :, None] * away, of_unchecked


def _calibrated(
    cells: np.ndarray, coded: np.ndarray, total: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True shares by P(true | coded), and the influence of a contact in each cell."""
    k, seen = len(coded), cells.sum(axis=1)
    truth = np.where(seen[:, None] > 0, cells / np.where(seen > 0, seen, 1)[:, None], np.eye(k))
    share = coded @ truth
    of_unchecked = (truth - share) / total
    weight = np.where(seen > 0, coded / np.where(seen > 0, seen, 1), 0.0)
    away = np.eye(k)[None, :, :] - truth[:, None, :]
    return share, of_unchecked[:, None, :] + weight[:, None, None] * away, of_unchecked


def _bounded(share: np.ndarray, variance: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    inside = (share > 0) & (share < 1) & (variance > 0)
    p = np.where(inside, share, 0.5)
    size = np.where(inside, p * (1 - p) / np.where(inside, variance, 1), 1.0)
    low, high = wilson(p * size, size, level)
    plain = normal_quantile(level) * np.sqrt(variance)
    low = np.where(inside, low, np.clip(share - plain, 0, 1))
    return low, np.where(inside, high, np.clip(share + plain, 0, 1))


def _shares(contacts: Table, data: pd.DataFrame, prefix: str) -> tuple[pd.DataFrame, dict[str, Number], bool]:
    """Return the shares and their numbers; as coded, with a suffix, where nothing was coded twice."""
    known = data["coded_reason"].dropna().astype(str)
    if known.empty:
        raise NotEnough("no contact has a coded reason")
    table = corrected_shares(
        data,
        groups=reason_groups(known.unique()),
        method="calibrated",
        confidence_level=contacts.confidence_level,
    )
    corrected = bool(table["share"].notna().any())
    if not corrected:
        table[["share", "low", "high"]] = table[["naive", "naive_low", "naive_high"]]
    numbers = {}
    for name in [*_GROUP_WORDS, "no_known_contact", "no_human_reached"]:
        if name in table.index:
            words = f"{prefix.replace('-', ' ')}s: {_GROUP_WORDS.get(name) or REASONS[name][2]}"
            record = f"{prefix}-share-{name.replace(' ', '-').replace('_', '-')}" + (
                "" if corrected else "-as-coded"
            )
            row = table.loc[name, ["share", "low", "high"]]
            numbers[record] = Number(*row, "share of contacts", len(known), words)
    return table, numbers, corrected


@question("contacts")
def reasons(contacts: Table) -> Result:
    """What are contacts about? Shares of reasons, corrected with a random part that was coded twice, and how
    many would not have come if things had worked (Seddon's failure demand).

    Table: as ``corrected_shares`` (calibrated), with ``words``, reasons with few contacts left out.
    """
    data = contacts.frame
    table, numbers, corrected = _shares(contacts, data, "contact")
    if "customer" in data and data["customer"].notna().any():
        first = data.dropna(subset=["customer"]).drop_duplicates("customer")
        numbers |= _shares(contacts, first, "first-contact")[1]
    single, hidden = suppress(table[table["kind"] == "reason"], count="contacts", min_cell=contacts.min_cell)
    single = single.sort_values("share", ascending=False)
    single["words"] = [REASONS[n][2] if n in REASONS else contacts.label(n) for n in single.index]

    def share(name: str) -> Number:
        return Number(*table.loc[name, ["share", "low", "high"]], "share")

    if "product" in table.index:
        product, part = share("product"), number(table.share["product"], "share")
        how = "most" if product.low > 0.5 else "less than half of" if product.high < 0.5 else "about half of"
        finding = f"{how} contacts are about the product: {product}"
        title = (
            f"{'No clear majority found: ' if how[0] == 'a' else ''}{part} of contacts are about the product"
        )
        if "failure demand" in table.index:
            finding += f"; a failure caused {share('failure demand')}"
    elif single.empty:
        raise NotEnough("every reason has too few contacts to be shown")
    else:
        top = single.iloc[0]
        finding = f"the most frequent reason is '{top.words}', with {share(top.name)} of contacts"
        title = f"Most frequent: {top.words}, {number(top.share, 'share')} of contacts"
    shown = single.assign(coding="corrected" if corrected else "as coded")
    if corrected:
        coded = {"share": single.naive, "low": single.naive_low, "high": single.naive_high}
        shown = pd.concat([shown, shown.assign(coding="as coded", **coded)])
    checked = "The correction takes the second coding as right, and its part as drawn at random."
    cautions = [checked if corrected else "No part was coded twice, so errors of coding are not corrected."]
    if hidden:
        cautions.append(f"{count(hidden, 'reason')} with few contacts left out.")
    return Result(
        stated(finding + ".", contacts.simulated, "contacts"), numbers, single,
        lambda: general.dots(shown, title=title, x_title="share of contacts", label="words", group="coding",
                             value="share", percent=True, reference=None),
        cautions, contacts,
    )  # fmt: skip


@question("contacts", "text", needs="contacts with a text of what customers wrote")
def themes(contacts: Table, *, themes: int = 10) -> Result:
    """What do they write? Themes named by their words, with how steady each is when a fifth of the texts is
    left out.

    Table: ``theme n share low high stability`` and, of made-up texts only, an ``example``.
    """
    return in_themes(contacts.frame["text"], contacts, themes=themes)


def in_themes(texts: pd.Series, data: Table, *, themes: int = 10, most: int = 1500) -> Result:
    """Return the answer of ``themes`` for any texts: the first ``most`` that are not empty."""
    texts = texts.dropna().astype(str)
    texts = texts[texts.str.strip() != ""].head(most).tolist()
    wanted = min(themes, len(texts) // 10)
    if wanted < 2:
        raise NotEnough(f"only {count(len(texts), 'text')}; at least 20 are needed to find themes")
    table, assigned = theme_table(
        texts, themes=wanted, resamples=10, confidence_level=data.confidence_level, rng=data.seed
    )
    table, hidden = suppress(table, count="n", min_cell=data.min_cell)
    if table.empty:
        raise NotEnough("every theme has too few texts to be shown")
    steady, top = int((table["stability"] >= 0.7).sum()), table.iloc[0]
    shaky = table.loc[table["stability"].idxmin()]
    n, limits = len(texts), (shaky.stability_low, shaky.stability_high)
    numbers = {
        "largest-theme": Number(*top[["share", "low", "high"]], "share of texts", n, "in the largest theme"),
        "themes-stability": Number(
            shaky.stability, *limits, "cosine", n, "likeness of the least steady theme"
        ),
    }
    finding = f"the largest theme is '{top.theme}', {numbers['largest-theme']} of texts; "
    finding += f"{steady} of {len(table)} themes come back in other draws of the texts."
    shown = table[["theme", "n", "share", "low", "high", "stability"]]
    if data.simulated:  # texts of real customers are never shown
        typical = [_typical(texts, assigned == i, table.theme[i]) for i in table.index]
        shown = shown.assign(example=typical)
    title = f"Largest theme: {top.theme}, {number(top.share, 'share')} of texts"
    return Result(
        stated(finding, data.simulated, "texts"), numbers, shown,
        lambda: general.dots(shown, title=title, x_title="share of texts", label="theme", value="share",
                             percent=True, reference=None),
        ["Themes are named by their words; one that does not come back is an accident of these texts."], data,
    )  # fmt: skip


def _typical(texts: list[str], member: np.ndarray, theme: str) -> str:
    """Return an example of a theme: among its texts those with most of its words."""
    own = [text for text, inside in zip(texts, member, strict=True) if inside]
    hits = [sum(word in text.lower() for word in theme.split(", ")) for text in own]
    return example([text for text, n in zip(own, hits, strict=True) if n == max(hits)])
