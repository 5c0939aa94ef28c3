"""The coded debate: claims, links, codings, facts, ideas and what each claim rests on, read and checked.

``data/evidence/README.md`` describes every file. Texts are paraphrases with their place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cxlab.data.errors import InputError
from cxlab.data.files import data_folder

if TYPE_CHECKING:
    import pandas as pd

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
_STANCES = ("stance_drivers", "stance_scope")


class Evidence(NamedTuple):
    """Every table of ``data/evidence`` as a DataFrame."""

    claims: pd.DataFrame
    links: pd.DataFrame
    codings: pd.DataFrame
    link_codings: pd.DataFrame
    facts: pd.DataFrame
    ideas: pd.DataFrame
    coverage: pd.DataFrame
    records: pd.DataFrame
    speakers: pd.DataFrame
    statements: pd.DataFrame


def load_evidence(folder: str | Path | None = None) -> Evidence:
    """Read the tables of a folder (the workbook's ``data/evidence``) and refuse what does not hang together.

    Raises
    ------
    InputError
        One sentence with file and line: a missing file or column, a claim twice, a stance outside -2..2, a
        link to an unknown claim or to itself, a link twice, coverage of an unknown claim.
    """
    import pandas as pd

    folder = Path(folder) if folder else data_folder() / "evidence"
    tables = {}
    for name, columns in _COLUMNS.items():
        try:
            table = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        except (OSError, ValueError) as fault:
            raise InputError(f"{name}.csv cannot be read: {fault}") from fault
        missing = [column for column in columns.split() if column not in table]
        if missing:
            raise InputError(f"{name}.csv lacks the column {', '.join(missing)}")
        tables[name] = table
    claims = tables["claims"]
    twice = claims["claim_id"].duplicated()
    if twice.any():
        line, claim = int(twice.idxmax()) + 2, claims["claim_id"][twice.idxmax()]
        raise InputError(f"claims.csv, line {line}: claim {claim} stands twice")
    for column in _STANCES:
        stance = pd.to_numeric(claims[column].replace("", None), errors="coerce")
        wrong = (claims[column] != "") & ~stance.isin([-2, -1, 0, 1, 2])
        if wrong.any():
            line, value = int(wrong.idxmax()) + 2, claims.loc[wrong.idxmax(), column]
            raise InputError(f"claims.csv, line {line}: {column} is {value!r}; allowed are -2..2 or empty")
        claims[column] = stance.astype("Float64")
    check_links(claims, tables["links"])
    known = set(claims["claim_id"]) | set(tables["ideas"]["idea_id"])
    for i, claim in enumerate(tables["coverage"]["claim"]):
        if claim not in known:
            raise InputError(f"coverage.csv, line {i + 2}: there is no claim {claim!r}")
    return Evidence(**tables)


def check_links(claims: pd.DataFrame, links: pd.DataFrame) -> None:
    """Refuse links to unknown claims, from a claim to itself, stated twice, or of an unknown relation."""
    known, seen = set(claims["claim_id"]), set()
    rows = zip(links["from_claim"], links["to_claim"], links["relation"], strict=True)
    for i, (start, end, relation) in enumerate(rows):
        line = f"links.csv, line {i + 2}"
        for claim in (start, end):
            if claim not in known:
                raise InputError(f"{line}: there is no claim {claim!r}")
        if start == end:
            raise InputError(f"{line}: {start} links to itself")
        if (start, end) in seen:
            raise InputError(f"{line}: the link from {start} to {end} stands twice")
        if relation not in ("attack", "support"):
            raise InputError(f"{line}: relation is {relation!r}; allowed are attack and support")
        seen.add((start, end))


def check_evidence(folder: str | Path | None = None) -> list[str]:
    """Check everything, rules included, and return what is right in a few lines.

    Raises
    ------
    InputError
        As ``load_evidence`` and ``load_rules``; also for a rule about an unknown claim, and for a testable
        claim that has neither a rule nor a reason why not.
    """
    from cxlab.data.rules import load_rules

    evidence, rules = load_evidence(folder), load_rules(folder)
    known = set(evidence.claims["claim_id"]) | set(evidence.ideas["idea_id"])
    for rule in rules.rules:
        if rule.claim not in known:
            raise InputError(f"rule {rule.id}: there is no claim {rule.claim!r}")
    testable = [
        *evidence.claims.loc[evidence.claims["testable"] != "no", "claim_id"],
        *evidence.ideas["idea_id"],
    ]
    bare = [claim for claim in testable if claim not in set(rules.claims())]
    if bare:
        raise InputError(
            f"{', '.join(bare)}: testable, but without a rule and without a reason in coverage.csv"
        )
    return [
        f"{len(evidence.claims)} claims, {len(evidence.links)} links, {len(evidence.facts)} checked facts",
        f"{len(rules.rules)} rules about {len({rule.claim for rule in rules.rules})} claims, "
        f"frozen {rules.frozen}, sha256 {rules.sha256}",
        f"{len(rules.untested)} claims with a reason why no number decides them",
    ]
