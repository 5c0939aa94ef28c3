"""Initiatives: how many are customer-focused, do they work where it hurts, are they on time?

A register has one row an initiative; the table ``pain`` beside it counts complaints or contacts by area.
Choosing under a budget (``select_portfolio``, ``choose``, ``safe_choices``) stands in a module of its own.
"""

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.questions.delivery import FEW, GROUPS, counted, delivery, focused, pay_link, scorecard, yes  # noqa: F401
from cxlab.questions.portfolio import LEVELS, choose, safe_choices, select_portfolio  # noqa: F401
from cxlab.questions.result import Number, Result, question
from cxlab.questions.shares import dotted, shares
from cxlab.questions.words import capital, count, number
from cxlab.stats.agreement import krippendorff_alpha
from cxlab.stats.intervals import newcombe, normal_quantile, rule_of_three, wilson

DRAWS = 2_000


@question("initiatives", "customer_focused", needs="a register that says which initiatives are for customers")
def metric(initiatives: Table) -> Result:
    """How many initiatives are customer-focused, at which level, and do two readers agree?

    With a second reading (``customer_focused_2``) only what both call customer-focused counts; agreement is
    Krippendorff's alpha. A level is named only when the levels differ beyond chance (chi-square). Columns of
    the table: group (all, levels, then the customer-focused with a team and with a link to pay), count,
    initiatives, estimate, low, high.
    """
    both, coded = focused(initiatives.frame)
    n, level = int(coded.sum()), initiatives.confidence_level
    if n < FEW:
        raise NotEnough(f"{count(n, 'initiative')} coded as customer-focused or not; {FEW} are needed")
    frame, hits = initiatives.frame[coded], both[coded]
    rows = [("all initiatives", hits)]
    rows += [(f"level {name}", hits[frame["level"] == name]) for name in LEVELS]
    for name, words in (("team", "a responsible team"), ("compensation_linked", "a link to pay")):
        if name in frame:
            rows.append((f"of these with {words}", yes(frame.loc[hits, name])))
    table = shares(counted(rows), level, GROUPS)
    share = Number.share(hits.sum(), n, "share of initiatives", "customer-focused initiatives", level)
    number_of = Number(int(hits.sum()), unit="initiatives", n=n, label="customer-focused, as a count")
    numbers = {"customer-focused-share": share, "customer-focused-count": number_of}
    said, cautions = f"{share} of the initiatives are customer-focused", ["This is one person's reading."]
    readings = frame.filter(["customer_focused", "customer_focused_2"]).dropna(axis=1, how="all")
    if readings.shape[1] == 2:
        settings = {"bootstrap": initiatives.bootstrap, "confidence_level": level, "rng": initiatives.seed}
        alpha = krippendorff_alpha(readings.astype(float).T, **settings)
        label = "agreement of the two readers (1 is perfect)"
        agreed = Number(alpha.estimate, alpha.low, alpha.high, "alpha", n, label)
        numbers["customer-focused-alpha"], cautions = agreed, []
        said += f", and two readers agree {'well' if agreed.value >= 0.8 else 'only partly'} on which"
    levels = table[table.group.str.startswith("level ")]
    title = f"{number(share.value, 'share')} are customer-focused; no difference between levels found"
    if _differ(levels):
        top = levels.loc[levels.estimate.idxmax(), "group"]
        title = f"{number(share.value, 'share')} are customer-focused, most at {top}"
    return dotted(said + ".", title, numbers, table, initiatives, *cautions, x_title="share")


def coverage(
    initiatives: pd.DataFrame, *, pain: pd.DataFrame, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Set each area's share of the pain beside its share of the initiatives (both by ``area``).

    ``pain`` counts ``complaints`` (else ``contacts``), one row an area. Columns, most pain first: ``area pain
    pain_share pain_low pain_high initiatives initiative_share initiative_low initiative_high difference
    difference_low difference_high upper chance_of_none alarm``. The difference is the share of initiatives
    minus that of pain (Newcombe). ``upper`` bounds the share of an area without initiative (rule of three,
    one-sided; Hanley & Lippman-Hand 1983), ``chance_of_none`` is the chance of that if work went by pain,
    ``alarm`` is set where that is below 5 %.

    >>> work = pd.DataFrame({"area": ["product"] * 100})
    >>> hurt = pd.DataFrame({"area": ["product", "service"], "complaints": [300, 100]})
    >>> table = coverage(work, pain=hurt).set_index("area")
    >>> round(float(table.loc["service", "upper"]), 4), bool(table.loc["service", "alarm"])
    (0.0295, True)
    """
    column = next((name for name in ("complaints", "contacts") if name in pain), None)
    if column is None or "area" not in pain or "area" not in initiatives:
        raise InputError("initiatives need a column area, pain the columns area and complaints (or contacts)")
    hurt = pain.set_index("area")[column].fillna(0).astype(float)
    if hurt.index.duplicated().any() or (hurt < 0).any() or hurt.sum() <= 0:
        raise InputError(f"pain: each area once, with {column} of at least 0 that do not all vanish")
    work = initiatives["area"].dropna()[lambda area: ~area.isin(["", "not stated"])].value_counts()
    areas = [*hurt.index, *(area for area in work.index if area not in hurt.index)]
    pained, done = (part.reindex(areas, fill_value=0).to_numpy(float) for part in (hurt, work))
    n, total = done.sum(), pained.sum()
    if not n:
        raise NotEnough("no initiative says which area it works on")
    table = pd.DataFrame({"area": areas, "pain": pained.astype(int), "pain_share": pained / total})
    table["pain_low"], table["pain_high"] = wilson(pained, total, confidence_level)
    table["initiatives"], table["initiative_share"] = done.astype(int), done / n
    table["initiative_low"], table["initiative_high"] = wilson(done, n, confidence_level)
    gaps = newcombe(done, n, pained, total, confidence_level)
    table["difference"], table["difference_low"], table["difference_high"] = gaps
    table["upper"] = np.where(done == 0, rule_of_three(int(n), confidence_level), np.nan)
    table["chance_of_none"] = (1 - pained / total) ** n
    table["alarm"] = (done == 0) & (table.chance_of_none < 0.05)
    return table.sort_values(["pain", "area"], ascending=[False, True], ignore_index=True)


@question("initiatives", "area", needs="a register with areas, and complaints or contacts by area beside it")
def pain(initiatives: Table) -> Result:
    """Do we work where it hurts? Shares of initiatives beside shares of complaints, and chance.

    An area is named only when the whole mismatch (Jensen-Shannon divergence; Lin 1991) exceeds what 95 % of
    random mixtures of the two tables reach; the limits of the lowest difference allow for its having been
    picked (Bonferroni). Columns of the table: those of :func:`coverage`.
    """
    hurt, level = initiatives.related.get("pain"), initiatives.confidence_level
    if hurt is None:
        raise NotEnough("there is no table of complaints or contacts by area beside the initiatives")
    table = coverage(initiatives.frame, pain=hurt, confidence_level=level)
    picked = coverage(initiatives.frame, pain=hurt, confidence_level=1 - (1 - level) / len(table))
    worst = picked.loc[picked.difference.idxmin()]
    excess, beyond = _divergence(table, initiatives)
    n, alarms = int(table.initiatives.sum()), table[table.alarm]
    label = f"{worst.area}: share of initiatives minus share of complaints"
    ends = worst[["difference", "difference_low", "difference_high"]].astype(float)
    gap, missed = Number(*ends, "share of initiatives", n, label), float(alarms.pain_share.sum())
    hit, label = int(table.pain.sum()), "complaints about areas without any initiative"
    numbers = {
        "effort-minus-pain-lowest": gap,
        "areas-without-initiative": Number(
            len(alarms), unit="areas", n=len(table), label="areas that hurt and have none"
        ),
        "pain-share-without-initiative": Number(missed, unit="share of complaints", n=hit, label=label),
        "divergence-excess": excess,
        **_outcome_slope(table, hurt, initiatives),
    }
    said = "no mismatch between work and complaints was found beyond chance."
    title = "Work follows complaints: no mismatch found"
    if beyond and gap.high < 0:
        row = table.loc[table.area == worst.area].iloc[0]
        draws = Number(row.pain_share, row.pain_low, row.pain_high, "share")
        got = (
            f"{number(worst.initiative_share, 'share')} of initiatives"
            if worst.initiatives
            else "no initiative"
        )
        said = f"{worst.area} draws {draws} of the complaints and gets {got}."
        title = f"{capital(str(worst.area))}: {number(row.pain_share, 'share')} of complaints, {got}"
    elif beyond:
        said = "work is spread unlike complaints, but no single area stands out."
        title = "Work is spread unlike complaints: no single area stands out"
    parts = [
        table.filter(regex=f"^area$|^{part}_(share|low|high)$")
        .set_axis(["area", "estimate", "low", "high"], axis=1)
        .assign(of=word)
        for word, part in (("complaints", "pain"), ("initiatives", "initiative"))
    ]
    return dotted(
        said, title, numbers, table, initiatives,
        "An area without complaints may be one where customers have given up.",
        drawn=pd.concat(parts), label="area", group="of", x_title="share",
    )  # fmt: skip


def _differ(levels: pd.DataFrame) -> bool:
    """Tell whether shares differ between levels beyond chance (chi-square)."""
    from scipy.stats import chi2_contingency

    cells = np.array([levels["count"], levels.initiatives - levels["count"]], dtype=float)
    if cells.shape[1] < 2 or (cells.sum(axis=1) == 0).any():
        return False
    return bool(chi2_contingency(cells, correction=False).pvalue < 0.05)


def _divergence(table: pd.DataFrame, initiatives: Table) -> tuple[Number, bool]:
    """Return the Jensen-Shannon divergence minus its chance level (nats), and whether it is beyond chance.

    Chance splits the pooled counts at random into two tables of the same sizes; the measure is biased
    upwards, so that it means nothing without that. The limits cover 95 % of what chance could have
    subtracted.
    """
    work, hurt = table.initiatives.to_numpy(), table.pain.to_numpy()
    drawn = initiatives.rng.multivariate_hypergeometric(
        work + hurt, int(work.sum()), size=DRAWS, method="marginals"
    )
    value, chance = _js(work, hurt), _js(drawn, work + hurt - drawn)
    tail = (1 - initiatives.confidence_level) / 2
    low, high = value - np.quantile(chance, [1 - tail, tail])
    label = "divergence of work from complaints beyond chance"
    excess = Number(float(value - chance.mean()), float(low), float(high), "nats", int(work.sum()), label)
    return excess, bool((1 + (chance >= value - 1e-12).sum()) / (DRAWS + 1) < 0.05)


def _js(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.special import rel_entr

    p, q = a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)
    return (rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2)).sum(-1) / 2


def _outcome_slope(table: pd.DataFrame, hurt: pd.DataFrame, initiatives: Table) -> dict[str, Number]:
    """Return the correlation over areas of the number of initiatives with satisfaction (Fisher's limits)."""
    if not {"responses", "satisfied"} <= set(hurt):
        return {}
    known = hurt[hurt["responses"].gt(0) & hurt["satisfied"].notna()]
    x = table.set_index("area").initiatives.reindex(known["area"]).to_numpy(float)
    y = (known["satisfied"] / known["responses"]).to_numpy(float)
    if len(known) < 4 or not np.ptp(x) or not np.ptp(y):
        return {}
    r = float(np.corrcoef(x, y)[0, 1])
    half = normal_quantile(initiatives.confidence_level) / np.sqrt(len(x) - 3)
    low, high = np.tanh(np.arctanh(np.clip(r, -0.999999, 0.999999)) + np.array([-half, half]))
    label = "satisfaction by area on the number of initiatives"
    return {"count-outcome-slope": Number(r, float(low), float(high), "standardised slope", len(x), label)}
