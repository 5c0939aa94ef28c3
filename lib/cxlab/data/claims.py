"""The coded debate: claims, links, codings, facts, ideas and what each claim rests on, read and checked.

``data/evidence/README.md`` describes every file. Texts are paraphrases with their place.
"""

from collections import namedtuple
from pathlib import Path

import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.files import data_folder
from cxlab.data.rules import load_rules

_COLUMNS = {
    "claims": "claim_id speaker location lines type testable topic theme paraphrase "
    "stance_drivers stance_scope data_needed",
    "links": "from_claim to_claim relation basis",
    "codings": "claim_id scale first second settled reason",
    "link_codings": "from_claim to_claim first second settled reason",
    "facts": "fact_id article location fact value unit check status check_source note",
    "ideas": "idea_id article idea method notebook",
    "coverage": "claim notebook record table reason evidence",
    "records": "notebook record table unit what mirror mirrored",
    "speakers": "speaker product_means experience_means location",
    "statements": "statement form groups claims text second_wording",
}
Evidence = namedtuple("Evidence", _COLUMNS)
Evidence.__doc__ = "Every table of ``data/evidence`` as a DataFrame of texts; stances are numbers."


def load_evidence(folder: str | Path | None = None) -> Evidence:
    """Read the tables of a folder (the workbook's ``data/evidence``).

    What does not hang together is an InputError that names file and line.
    """
    folder = Path(folder) if folder else data_folder() / "evidence"
    tables = {}
    for name, columns in _COLUMNS.items():
        try:
            tables[name] = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        except (OSError, ValueError) as fault:
            raise InputError(f"{name}.csv cannot be read: {fault}") from fault
        if missing := [column for column in columns.split() if column not in tables[name]]:
            raise InputError(f"{name}.csv lacks the column {', '.join(missing)}")
    claims, coverage = tables["claims"], tables["coverage"]
    _refuse("claims", claims, claims["claim_id"].duplicated(), "claim {claim_id} stands twice")
    for column in ("stance_drivers", "stance_scope"):
        wrong = ~claims[column].isin(["", "-2", "-1", "0", "1", "2"])
        _refuse("claims", claims, wrong, f"{column} is {{{column}!r}}; allowed are -2..2 or empty")
        claims[column] = pd.to_numeric(claims[column].replace("", None)).astype("Float64")
    check_links(claims, tables["links"])
    known = [*claims["claim_id"], *tables["ideas"]["idea_id"]]
    _refuse("coverage", coverage, ~coverage["claim"].isin(known), "there is no claim {claim!r}")
    return Evidence(**tables)


def check_links(claims: pd.DataFrame, links: pd.DataFrame) -> None:
    """Refuse links to unknown claims, from a claim to itself, stated twice, or of an unknown relation."""
    ends = ["from_claim", "to_claim"]
    for end in ends:
        _refuse("links", links, ~links[end].isin(claims["claim_id"]), f"there is no claim {{{end}!r}}")
    _refuse("links", links, links[ends[0]] == links[ends[1]], "{from_claim} links to itself")
    _refuse("links", links, links.duplicated(ends), "the link from {from_claim} to {to_claim} stands twice")
    odd = ~links["relation"].isin(["attack", "support"])
    _refuse("links", links, odd, "relation is {relation!r}; allowed are attack and support")


def _refuse(name: str, table: pd.DataFrame, wrong: pd.Series, said: str) -> None:
    """Raise what is said of the first row that is wrong, if one is."""
    if wrong.any():
        at = int(wrong.to_numpy().argmax())
        raise InputError(f"{name}.csv, line {at + 2}: {said.format(**table.iloc[at])}")


def check_evidence(folder: str | Path | None = None) -> list[str]:
    """Check everything, rules included, and return what is right in a few lines.

    Every rule must be about a known claim, every testable claim needs a rule or a reason why not.
    """
    evidence, rules = load_evidence(folder), load_rules(folder)
    claims, ideas = evidence.claims, list(evidence.ideas["idea_id"])
    for rule in rules.rules:
        if rule.claim not in {*claims["claim_id"], *ideas}:
            raise InputError(f"rule {rule.id}: there is no claim {rule.claim!r}")
    testable = [*claims.loc[claims["testable"] != "no", "claim_id"], *ideas]
    if bare := [claim for claim in testable if claim not in rules.claims()]:
        raise InputError(
            f"{', '.join(bare)}: testable, but without a rule and without a reason in coverage.csv"
        )
    return [
        f"{len(claims)} claims, {len(evidence.links)} links, {len(evidence.facts)} checked facts",
        f"{len(rules.rules)} rules about {len({rule.claim for rule in rules.rules})} claims, "
        f"frozen {rules.frozen}, sha256 {rules.sha256}",
        f"{len(rules.untested)} claims with a reason why no number decides them",
    ]
