"""What the verdicts mean if you run a business: sentences chosen by the outcomes, each with its evidence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from cxlab.questions.judging import REFUTED, SUPPORTED, UNDECIDED, UNTESTED
from cxlab.questions.result import Result


def named(function: Callable[..., Result]) -> Callable[..., Result]:
    """Give a result the name of its question, by which the opening page finds it."""

    @functools.wraps(function)
    def ask(*args: Any, **kwargs: Any) -> Result:
        return replace(function(*args, **kwargs), id=function.__name__)

    return ask


def sentences(verdict: Any) -> list[dict[str, Any]]:
    """Return what this means if you run a business.

    Sentences chosen by the verdicts, each with its evidence.
    """
    table = verdict.table
    said = {claim: table.loc[claim, "outcome"] for claim in table.index}

    def why(*claims: str) -> str:
        return "; ".join(
            dict.fromkeys(table.loc[claim, "reason"] for claim in claims if table.loc[claim, "reason"])
        )

    sentences = []
    if said["C4a"] == SUPPORTED:
        sentences.append(
            ("A good product is not enough: how customers are treated adds something of its own.", why("C4a"))
        )
    elif said["C4a"] == REFUTED:
        sentences.append(
            ("Where the product is right, better treatment adds little. Mend the product first.", why("C4a"))
        )
    else:
        sentences.append(
            (
                "Nobody has shown yet that treatment adds something beside the product. "
                "Try it in a few branches.",
                why("C4a"),
            )
        )
    if said["C1b"] == SUPPORTED:
        sentences.append(
            ("A bad experience costs you customers even where the product is great.", why("C1b"))
        )
    if said["C1c"] == SUPPORTED:
        sentences.append(
            ("With an average product, a great experience still lifts what customers say.", why("C1c"))
        )
    if said["C2e"] == REFUTED:
        sentences.append(
            ("Product quality is no mere entry ticket: better than expected still pays.", why("C2e"))
        )
    if said["P3"] == UNDECIDED or said["C2c"] == UNDECIDED:
        sentences.append(
            (
                "Do not bet a budget on one survey: sorting the items differently can turn its answer.",
                why("P3"),
            )
        )
    if said["S5-5"] in (UNDECIDED, SUPPORTED):
        sentences.append(
            (
                "Customers who stay may be unable to leave. "
                "Ask how hard leaving is before you call them loyal.",
                why("S5-5"),
            )
        )
    closed = int((table["outcome"] == UNTESTED).sum())
    sentences.append(
        (
            f"Most of the debate ({closed} of {len(table)} claims) cannot be tested on published data. "
            "Your own data can.",
            "",
        )
    )
    return [{"sentence": sentence, "evidence": evidence} for sentence, evidence in sentences[:5]]


@named
def business(verdict: Any) -> Result:
    """What does this mean if you run a business?

    Sentences that follow from the verdicts; table ``sentence evidence``.
    """
    rows = pd.DataFrame(sentences(verdict))
    finding = " ".join(rows["sentence"].head(2))
    return Result(finding, {}, rows, None, [], verdict.data, open=True)
