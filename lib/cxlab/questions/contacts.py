"""What are contacts about? Shares corrected for miscoding, what failures cause, and themes in the texts."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import SHARES, Number, Result, count, question
from cxlab.stats.intervals import normal_quantile, wilson
from cxlab.stats.themes import theme_table

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
GROUPS = {  # of reasons -> what its contacts are, as read
    "product": "about the product",
    "experience": "about how customers are treated",
    "failure demand": "caused by a failure",
}


def reason_groups(reasons: Sequence[str]) -> dict[str, list[str]]:
    """Return which of ``reasons`` are about the product, the experience, and caused by a failure.

    Reasons that are not in ``REASONS`` belong to no group (rename yours in the mapping file).

    >>> reason_groups(["product_broken", "service_praise", "weather"])
    {'product': ['product_broken'], 'experience': ['service_praise'], 'failure demand': ['product_broken']}
    """
    known = [reason for reason in dict.fromkeys(reasons) if reason in REASONS]
    groups = {side: [r for r in known if REASONS[r][0] == side] for side in ("product", "experience")}
    groups["failure demand"] = [r for r in known if REASONS[r][1]]
    return {name: members for name, members in groups.items() if members}


def corrected_shares(
    data: pd.DataFrame, *, groups: Mapping[str, Sequence[str]] | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return the share of every contact reason as coded, and corrected for how coders err.

    ``data`` has ``coded_reason`` (contacts without it are left out) and ``second_coding``: a careful coding
    of a part drawn at random, taken as right. Every code is spread over its true reasons (Tenenbein 1970).
    ``groups`` names sums of reasons to report as well; see ``reason_groups``.

    Index ``reason`` (groups last); ``kind`` ("reason" or "group"), ``contacts`` as coded, ``naive naive_low
    naive_high`` (Wilson), and ``share low high`` corrected (gaps where nothing was coded twice; delta method,
    Wilson's interval with the effective size).

    >>> calls = pd.DataFrame({"coded_reason": ["product"] * 60 + ["service"] * 40, "second_coding":
    ...     ["product"] * 10 + [None] * 50 + ["service"] * 8 + ["product"] * 2 + [None] * 30})
    >>> corrected_shares(calls).share.round(2).to_dict()
    {'product': 0.68, 'service': 0.32}
    """
    both = data.reindex(columns=["coded_reason", "second_coding"]).dropna(subset="coded_reason").astype("str")
    coded, second, groups = both["coded_reason"], both["second_coding"], groups or {}
    names, total = sorted({*coded, *second.dropna()}), len(both)
    cells = pd.crosstab(coded, second).reindex(index=names, columns=names, fill_value=0).to_numpy(float)
    counts, k = coded.value_counts().reindex(names, fill_value=0).to_numpy(), len(names)
    # one row a code: its true reasons as the second coding found them; itself where none was coded twice
    seen = cells.sum(axis=1)
    truth = np.where(seen[:, None] > 0, cells / np.maximum(seen, 1)[:, None], np.eye(k))
    sums = np.vstack([np.eye(k), *(np.isin(names, members) * 1.0 for members in groups.values())])
    share = sums @ (counts / total @ truth)
    # influence of a contact that was coded once, and, added, of what its second coding says
    once = ((truth - counts / total @ truth) / total) @ sums.T
    again = (np.eye(k) - truth[:, None, :]) @ sums.T * (counts / total / np.maximum(seen, 1))[:, None, None]
    variance = np.einsum("jk,jkg->g", cells, (once[:, None, :] + again) ** 2) + (counts - seen) @ once**2
    # Wilson's limits with the size that the variance amounts to; plain ones where there is none
    inside = (share > 0) & (share < 1) & (variance > 0)
    size = np.where(inside, share * (1 - share) / np.where(inside, variance, 1), 1.0)
    half = normal_quantile(confidence_level) * np.sqrt(variance)
    near = wilson(np.where(inside, share, 0) * size, size, confidence_level)
    low, high = np.where(inside, near, np.clip([share - half, share + half], 0, 1))
    kinds = ["reason"] * k + ["group"] * len(groups)
    table = pd.DataFrame({"kind": kinds}, index=pd.Index([*names, *groups], name="reason"))
    table["contacts"] = (sums @ counts).astype(int)
    table["naive"] = table["contacts"] / total
    table["naive_low"], table["naive_high"] = wilson(table["contacts"], total, confidence_level)
    table = table.assign(share=share.clip(0, 1), low=low, high=high)
    if not cells.any():
        table[["share", "low", "high"]] = np.nan
    return table


def _shares(contacts: Table, data: pd.DataFrame, prefix: str) -> tuple[pd.DataFrame, dict[str, Number], bool]:
    """Return the shares and their numbers; as coded, with a suffix, where nothing was coded twice."""
    known = data["coded_reason"].dropna().astype(str)
    if known.empty:
        raise NotEnough("no contact has a coded reason")
    groups = reason_groups(known.unique())
    table = corrected_shares(data, groups=groups, confidence_level=contacts.confidence_level)
    corrected, ends, numbers = bool(table["share"].notna().any()), ["share", "low", "high"], {}
    if not corrected:
        table[ends] = table[["naive", "naive_low", "naive_high"]]
    for name in groups:
        record = f"{prefix}-share-{name}".replace(" ", "-") + "-as-coded" * (not corrected)
        label = f"{prefix.replace('-', ' ')}s: {GROUPS[name]}"
        numbers[record] = Number(*table.loc[name, ends], "share of contacts", len(known), label)
    return table, numbers, corrected


@question("contacts")
def reasons(contacts: Table) -> Result:
    """What are contacts about? Shares of reasons, corrected with a random part that was coded twice.

    Also how many would not have come if things had worked (Seddon's failure demand). Table: as
    ``corrected_shares``, with ``words``, reasons with few contacts left out.
    """
    data = contacts.frame
    table, numbers, corrected = _shares(contacts, data, "contact")
    if "customer" in data and data["customer"].notna().any():
        first = data.dropna(subset=["customer"]).drop_duplicates("customer")
        numbers |= _shares(contacts, first, "first-contact")[1]
    single, hidden = suppress(table[table["kind"] == "reason"], count="contacts", min_cell=contacts.min_cell)
    single = single.sort_values("share", ascending=False)
    single["words"] = [REASONS[n][2] if n in REASONS else contacts.label(n) for n in single.index]
    said = {name: Number(*row, "share") for name, *row in table[["share", "low", "high"]].itertuples()}
    if "product" in said:
        product = said["product"]
        how = ("about half of", "most", "less than half of")[(product.low > 0.5) - (product.high < 0.5)]
        finding = f"{how} contacts are about the product: {product}"
        finding += f"; a failure caused {said['failure demand']}." if "failure demand" in said else "."
    elif single.empty:
        raise NotEnough("every reason has too few contacts to be shown")
    else:
        most = Number(*single[["share", "low", "high"]].iloc[0], "share of contacts")
        finding = f"the most frequent reason is '{single['words'].iloc[0]}', with {most} of contacts."
    checked = "The correction takes the second coding as right, and its part as drawn at random."
    cautions = [checked if corrected else "No part was coded twice, so errors of coding are not corrected."]
    cautions += [f"{count(hidden, 'reason')} with few contacts left out."] * (hidden > 0)
    axes = SHARES | {"label": "words", "value": "share", "x_title": "share of contacts"}
    return Result(finding, numbers, single, partial(general.dots, single, **axes), cautions, contacts)


@question("contacts", "text", needs="contacts with a text of what customers wrote")
def themes(contacts: Table, *, themes: int = 10) -> Result:
    """What do they write? Themes named by their words, with how steady each is when texts are left out.

    Table: ``theme n share low high stability``. Texts themselves are never shown.
    """
    return in_themes(contacts.frame["text"], contacts, themes=themes)


def in_themes(texts: pd.Series, data: Table, *, themes: int, most: int = 1500) -> Result:
    """Return the answer of ``themes`` for any texts: the first ``most`` that are not empty."""
    texts = texts.dropna().astype(str)
    texts = texts[texts.str.strip() != ""].head(most).tolist()
    wanted, n = min(themes, len(texts) // 10), len(texts)
    if wanted < 2:
        raise NotEnough(f"only {count(n, 'text')}; at least 20 are needed to find themes")
    settings = {"confidence_level": data.confidence_level, "rng": data.seed}
    table = theme_table(texts, themes=wanted, resamples=10, **settings)
    shown, _ = suppress(table, count="n", min_cell=data.min_cell)
    if shown.empty:
        raise NotEnough("every theme has too few texts to be shown")
    shown = shown[["theme", "n", "share", "low", "high", "stability"]]
    steady, top = int((shown["stability"] >= 0.7).sum()), shown.iloc[0]
    largest = Number(*top[["share", "low", "high"]], "share of texts", n, "in the largest theme")
    axes = SHARES | {"label": "theme", "value": "share", "x_title": "share of texts"}
    draw, again = partial(general.dots, shown, **axes), f"{steady} of {len(shown)} themes come back"
    finding = f"the largest theme is '{top.theme}', {largest} of texts; {again} in other draws of the texts."
    caution = "Themes are named by their words; one that does not come back is an accident of these texts."
    return Result(finding, {"largest-theme": largest}, shown, draw, [caution], data)
