"""What page 09 tells about every claim: its verdict, the rule, both cases, what would flip it, what data are needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxlab.evidence.claims import Evidence
from cxlab.evidence.rules import LEVELS, RuleSet
from cxlab.evidence.sources import open_source, registry
from cxlab.methods.claims import strongest_cases
from cxlab.methods.multiverse import multiverse
from cxlab.methods.verdict.judging import OUTCOMES, flips, judge

__all__ = [
    "answer",
    "by_group",
    "dossier",
    "grid",
    "read_survey",
    "reading_shares",
    "survey_behind",
    "unlocks",
    "voices",
]

Results = Mapping[str, Mapping[str, Any]]
_PAGE = "02-product-or-experience"
# What the answer shows: the slopes of a decision, or all that can keep the two sides from being told apart.
_SHOWN = {
    False: (("slope-product-corrected", "slope of product"), ("slope-experience-corrected", "of experience")),
    True: (
        ("htmt-product-experience", "likeness of the two ratings, where 1 is one thing,"),
        ("slope-product-corrected", "slope corrected for unreliable items, of product"),
        ("slope-experience-corrected", "of experience"),
    ),
}
_CORE = ("P3", "C2f", "C4a")
_PRESETS = {"product_by_author": "the author's own", "product_by_comment_2": "comment 2's"}


def voices(claims: pd.DataFrame) -> pd.Series:
    """Count claims by the side that they speak for: the naive verdict, a show of hands."""
    stance = claims["stance_drivers"].astype(float)
    sides = np.where(
        stance < 0,
        "product",
        np.where(stance > 0, "experience", np.where(stance == 0, "both alike", "neither")),
    )
    return pd.Series(sides).value_counts().rename_axis("speaks for").rename("claims")


def survey_behind(results: Results, survey_source: str = "") -> pd.DataFrame | None:
    """Open the survey that page 02 reported on, to read it in other ways.

    Parameters
    ----------
    results : mapping
        A report's numbers.
    survey_source : str
        A registered source or a mapping file; empty for the one that page 02 names, when it is a registered one.

    Returns
    -------
    DataFrame or None
        None when there is no survey to open; the readings are then left out.
    """
    named = results.get(_PAGE, {}).get("source-survey", {}).get("value", "")
    source = survey_source or (named if named in registry() else "")
    if not source:
        return None
    survey = open_source(source)
    return survey if {"product", "experience"} <= set(survey.attrs.get("blocks") or {}) else None


def read_survey(
    rules: RuleSet,
    survey: pd.DataFrame | None,
    *,
    bootstrap: int = 200,
    rng: int | np.random.Generator | None = 1,
    quick: bool = False,
) -> pd.DataFrame:
    """Read the survey in every admissible way; see ``multiverse``.

    Parameters
    ----------
    rules : RuleSet
    survey : DataFrame or None
        From ``survey_behind``; None gives an empty table.
    bootstrap, rng
        Resamples of respondents.
    quick : bool
        Only the default outcome, corrected for unreliability, without a halo: one row an assignment.

    Returns
    -------
    DataFrame
        As ``multiverse``.
    """
    if survey is None:
        return pd.DataFrame(columns=["assignment", "outcome", "reliability", "halo"])
    facts = survey.attrs
    roles = facts.get("roles") or {}
    outcomes = {name: list(items) for name, items in facts["outcomes"].items()}
    options: dict[str, Any] = {}
    if quick:
        outcomes = {facts["default_outcome"]: outcomes[facts["default_outcome"]]}
        options = {"reliabilities": ("corrected",), "halos": (0.0,)}
    return multiverse(
        survey,
        rules=rules,
        blocks={side: list(facts["blocks"][side]) for side in ("product", "experience")},
        disputed=list(roles.get("disputed", []))[:3],
        presets={label: roles[key] for key, label in _PRESETS.items() if key in roles},
        outcomes=outcomes,
        bootstrap=bootstrap,
        rng=rng,
        **options,
    )


def reading_shares(readings: pd.DataFrame) -> pd.DataFrame:
    """Return, for each claim that the readings judge, the share of readings that give each outcome.

    Returns
    -------
    DataFrame
        Index claim, one column an outcome; empty without readings.
    """
    claims = [c for c in readings if readings[c].isin(OUTCOMES).all() and len(readings)]
    shares = {claim: readings[claim].value_counts(normalize=True) for claim in claims}
    table = pd.DataFrame(shares, index=list(OUTCOMES[:3])).T.fillna(0.0)
    return table.rename_axis("claim")


def grid(
    rules: RuleSet,
    results: Results,
    survey: pd.DataFrame | None,
    *,
    factors: Mapping[str, float],
    most: int = 6,
    bootstrap: int = 200,
    rng: int = 1,
) -> pd.DataFrame:
    """Judge for several smallest effects of interest and assignments of items at once, for the explorer.

    Parameters
    ----------
    rules, results, survey
        As for ``judge`` and ``read_survey``.
    factors : mapping label -> number
        What every smallest effect is multiplied by.
    most : int
        Assignments that are kept, those by a speaker's own definition first.
    bootstrap, rng
        For the readings.

    Returns
    -------
    DataFrame
        ``smallest_effect assignment claim outcome evidence``: the core claims, and all that have a verdict in some
        state.
    """
    parts = []
    for label, factor in factors.items():
        moved = rules.with_sesoi(factor)
        base = judge(moved, results)[["claim", "outcome", "evidence"]]
        parts.append(base.assign(smallest_effect=label, assignment="as given"))
        readings = read_survey(moved, survey, bootstrap=bootstrap, rng=rng, quick=True)
        for _, row in readings[readings["assignment"] != "as given"].head(most - 1).iterrows():
            judged = [c for c in row.index if row[c] in OUTCOMES]
            state = base.set_index("claim")
            state.loc[judged, "outcome"] = [row[c] for c in judged]
            state.loc[judged, "evidence"] = LEVELS[1]
            parts.append(state.reset_index().assign(smallest_effect=label, assignment=row["assignment"]))
    table = pd.concat(parts, ignore_index=True)
    alive = {*table.loc[table["outcome"] != OUTCOMES[3], "claim"], *_CORE}
    return table[table["claim"].isin(alive)].reset_index(drop=True)


def dossier(
    rules: RuleSet,
    results: Results,
    verdicts: pd.DataFrame,
    evidence: Evidence,
    readings: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Put together everything about every claim and idea.

    Returns
    -------
    DataFrame
        One row a claim: ``claim article topic speaker location text outcome evidence status reason numbers opposite
        rehearsal survives reads supported_when refuted_when case_for case_against meaning flips needed``. ``meaning``
        is what the speaker means by the two words; the cases are paraphrases of the strongest claims by others.
    """
    claims, ideas = evidence.claims.set_index("claim_id"), evidence.ideas.set_index("idea_id")
    cases = strongest_cases(evidence.claims, evidence.links, draws=50)
    meant = evidence.speakers.set_index("speaker")
    turn = flips(rules, results, readings if readings is not None and len(readings) else None)
    needed = evidence.coverage[evidence.coverage["table"] != ""].groupby("claim")["table"].unique()
    rows = []
    for row in verdicts.itertuples():
        own = [rule for rule in rules.rules if rule.claim == row.claim]
        told = {
            "reads": " ".join(rule.reads for rule in own),
            "supported_when": "; ".join(str(rule.supported_when) for rule in own),
            "refuted_when": "; ".join(str(rule.refuted_when) for rule in own),
            "sesoi": own[0].sesoi if own else np.nan,
            "flips": turn.get(row.claim, ""),
        }
        tables = ", ".join(needed.get(row.claim, []))
        if row.claim in claims.index:
            claim = claims.loc[row.claim]
            words = meant.loc[claim["speaker"]]
            told |= {
                "article": "the debate", "topic": claim["topic"], "speaker": claim["speaker"], "location": claim["location"],
                "text": claim["paraphrase"],
                "meaning": f"product: {words['product_means']}; experience: {words['experience_means']}",
                "case_for": _case(cases.loc[row.claim, "case_for"], claims),
                "case_against": _case(cases.loc[row.claim, "case_against"], claims),
                "needed": (f"table {tables}: " if tables else "") + claim["data_needed"],
            }  # fmt: skip
        else:
            idea = ideas.loc[row.claim]
            told |= {
                "article": idea["article"], "topic": idea["article"], "speaker": "article", "location": "article",
                "text": idea["idea"], "meaning": "", "case_for": "", "case_against": "",
                "needed": f"table {tables}" if tables else "",
            }  # fmt: skip
        rows.append(row._asdict() | told)
    return pd.DataFrame(rows).drop(columns="Index")


def by_group(files: pd.DataFrame, column: str) -> pd.DataFrame:
    """Count outcomes by a column of the files, such as ``topic`` or ``article``.

    Parameters
    ----------
    files : DataFrame
        From ``dossier``.
    column : str

    Returns
    -------
    DataFrame
        Index the groups in their order, one column an outcome.
    """
    table = pd.crosstab(files[column], files["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    return table.reindex(files[column].unique()).rename_axis(columns=None)


def unlocks(verdicts: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return which table of your own data would open how many claims that are closed now.

    Returns
    -------
    DataFrame
        ``table claims``: claims that have a rule, are not testable here, and read that table; most first.
    """
    closed = set(verdicts.loc[verdicts["outcome"] == OUTCOMES[3], "claim"])
    rows = evidence.coverage[evidence.coverage["table"].ne("") & evidence.coverage["claim"].isin(closed)]
    counts = rows.drop_duplicates(["claim", "table"])["table"].value_counts()
    return counts.rename_axis("table").rename("claims").reset_index()


def answer(verdicts: pd.DataFrame, results: Results) -> str:
    """Write the page's one-sentence answer from the verdicts on the two core claims.

    P3 says that product alone settles loyalty, C4a that experience counts beside it.
    """
    table = verdicts.set_index("claim")
    decided = int(verdicts["outcome"].isin(OUTCOMES[:2]).sum())
    open_ = int((verdicts["outcome"] == OUTCOMES[2]).sum())
    count = (
        f"of all {len(verdicts)} claims and ideas {decided} are decided and {open_} undecided, "
        "the others cannot be tested on these data"
    )
    alone, beside = (table.loc[claim, "outcome"] for claim in ("P3", "C4a"))
    why = table.loc["P3", "reason"]
    if OUTCOMES[3] in (alone, beside):
        return f"Whether product alone settles loyalty cannot be tested here ({why}); {count}."
    shown = ", ".join(
        f"{words} {entry['value']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"
        for name, words in _SHOWN[alone == beside == OUTCOMES[2]]
        if (entry := results.get(_PAGE, {}).get(name)) and entry.get("low") is not None
    )
    numbers = f" ({shown})" if shown else ""
    if alone == beside == OUTCOMES[2]:
        first = f"Whether product alone settles loyalty or experience counts beside it stays undecided: {why}{numbers}"
    else:
        first = f"That product alone settles loyalty is {alone}, that experience counts beside it is {beside}{numbers}"
    return f"{first}; {count}."


def _case(claim: str, claims: pd.DataFrame) -> str:
    return (
        f"{claim} ({claims.loc[claim, 'speaker']}, {claims.loc[claim, 'location']}): {claims.loc[claim, 'paraphrase']}"
        if claim
        else ""
    )
