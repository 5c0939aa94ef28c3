"""How often do the rules decide wrongly in worlds whose truth is known? Writes data/evidence/error_rates.csv.

``python tests/bench/bench_verdict.py [--runs 2000] [--worlds every] [--write]``: all worlds, or those whose
name holds a word; rows of other worlds then stay. Every row carries the hash of its claim's rules.
"""

import argparse
import csv
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process is a thread here

from cxlab.data.files import data_folder
from cxlab.data.rules import RuleSet, load_rules
from cxlab.data.table import SIDES
from cxlab.questions import drivers, expectations, horizons, liking, surveys
from cxlab.questions.judging import judge
from cxlab.worlds.survey import make_survey

NONE = {"product": 0.0, "experience": 0.0}
WORLDS = {
    "nothing matters": {"slopes": NONE},
    "a weak liking alone": {"slopes": NONE, "halo": 0.5},
    "a strong liking alone": {"slopes": NONE, "halo": 1.0},
    "a liking and nearly nothing else": {"slopes": NONE, "spreads": 0.3, "halo": 1.0},
    "product": {"slopes": {"product": 0.45, "experience": 0.0}},
    "experience": {"slopes": {"product": 0.0, "experience": 0.45}},
    "both alike": {"slopes": {"product": 0.45, "experience": 0.45}},
    "product and a liking": {"slopes": {"product": 0.45, "experience": 0.0}, "halo": 0.7},
}
UNRELATED = {"correlation": 0.0}
WORLDS |= {
    "a weak liking alone, sides unrelated": {"slopes": NONE, "halo": 0.5, "noise": 0.4} | UNRELATED,
    "a strong liking alone, sides unrelated": {"slopes": NONE, "halo": 1.0} | UNRELATED,
}
SIZES = (250, 1000, 4000)
# Everything that a survey may ask beside the two sides, for the rules about the rest.
MANY = dict.fromkeys(("product", "experience", "trust", "price", "image", "switching", "expectation"), 0.0)
KINDS = dict.fromkeys("abc", MANY)
ASKED = {"outcomes": ("satisfaction", "loyalty", "advocacy", "emotion"), "segments": KINDS, "points": 10,
         "labels": {"advocacy_1": "would recommend"}}  # fmt: skip
WORLDS |= {
    "every side, nothing matters": {"slopes": MANY} | ASKED,
    "every side, a liking alone": {"slopes": MANY, "halo": 1.0, "spreads": 0.7} | ASKED,
}
CELLS = [(world, n) for world in WORLDS for n in SIZES if n < 4000 or not world.startswith("every")]
QUESTIONS = (drivers.split, drivers.overlap, liking.beyond_liking, expectations.kinks,
             expectations.forgiveness)  # fmt: skip
MORE = (surveys.by_segment, expectations.gap, horizons.hostages)
# What is wrong to say of a claim in a world: outcomes that contradict its truth. Where nothing matters, or a
# liking alone, no claim may be supported.
NULLS = [world for world in WORLDS if "nothing" in world or "alone" in world]
WRONG = {
    "product": {
        "P3": {"refuted"},
        "C4a": {"supported"},
        "C1b": {"supported"},
        "C1c": {"supported"},
        "C2c": {"supported"},
    },
    "experience": {
        "P3": {"supported"},
        "C4a": {"refuted"},
        "P4": {"supported"},
        "C2e": {"supported", "refuted"},
    },
    "both alike": {"P3": {"supported"}, "C4a": {"refuted"}, "P4": {"supported"}, "C2c": {"supported"}},
    "product and a liking": {
        "P3": {"refuted"},
        "C4a": {"supported"},
        "C1b": {"supported"},
        "C1c": {"supported"},
    },
}


def wrong(world: str, claim: str) -> set[str]:
    """Return the outcomes of a claim that are wrong in a world."""
    if world not in NULLS:
        return WRONG[world].get(claim, set())
    return {"supported", "refuted"} if claim == "C8c" else {"supported"}


@cache
def rules_of_surveys() -> RuleSet:
    """Return the rules that read a survey alone."""
    rules = load_rules()
    return replace(rules, rules=tuple(r for r in rules.rules if rules.tables(r) == ["survey"]), untested={})


def outcomes(world: str, n: int, seed: int, bootstrap: int = 150) -> dict[str, str]:
    """Return the outcome of every claim that one made-up survey can test."""
    rules = rules_of_surveys()
    survey = make_survey(n, **WORLDS[world], rng=seed).with_(bootstrap=bootstrap, seed=seed, simulated=False)
    homes = {name: stem for (stem, name), record in rules.records.items() if record.table == "survey"}
    found: dict[str, dict] = {}
    if world.startswith("every"):
        areas = [f"{side}_1" for side in MANY]
        # What was expected, asked beforehand: of no use to the outcome, and free of the liking.
        before = (
            survey.frame[survey.blocks["expectation"]].sample(frac=1, random_state=seed).add_prefix("before_")
        )
        roles = {"functions": areas, "expected": list(before), "perceived": survey.only(*SIDES).items}
        frame = survey.frame.assign(**dict(zip(before, before.to_numpy().T, strict=True)))
        survey = survey.with_(frame=frame, roles={**survey.roles, **roles})
    for ask in QUESTIONS + (MORE if world.startswith("every") else ()):
        for name, number in ask(survey).numbers.items():
            if name in homes:
                found.setdefault(homes[name], {}).setdefault(name, number._asdict() | {"simulated": False})
    table = judge(rules, found)
    return table.loc[table["outcome"] != "not testable here", "outcome"].to_dict()


def _chunk(job: tuple[str, int, int, int]) -> Counter:
    world, n, first, after = job
    return Counter(pair for seed in range(first, after) for pair in outcomes(world, n, seed).items())


def rows_of(world: str, n: int, counts: Counter, runs: int) -> list[dict]:
    """Return one row a claim: how often it was supported, refuted and decided wrongly."""
    rows = []
    for claim in sorted({claim for claim, _ in counts}):
        mistakes = sum(counts[claim, outcome] for outcome in wrong(world, claim))
        said = {word: round(counts[claim, word] / runs, 4) for word in ("supported", "refuted")}
        stamp = rules_of_surveys().stamps[claim]
        wrongly = {"wrong": round(mistakes / runs, 4), "runs": runs, "rules": stamp}
        rows.append({"world": world, "n": n, "claim": claim, **said, **wrongly})
    return rows


def main() -> None:
    """Print the table after each pass over all worlds, and write it with ``--write``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=60 if "--quick" in sys.argv else 2000)
    parser.add_argument("--worlds", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    cells = {cell: Counter() for cell in CELLS if given.worlds in cell[0]}
    passes = [*(step for step in (40, 100, 200, 300, 400, 600, 1000) if step < given.runs), given.runs]
    with ProcessPoolExecutor(2) as pool:
        for done, runs in zip([0, *passes], passes, strict=False):
            rows = []
            for (world, n), counts in cells.items():
                starts = range(1000 + done, 1000 + runs, 10)
                for part in pool.map(_chunk, [(world, n, at, min(at + 10, 1000 + runs)) for at in starts]):
                    counts.update(part)
                rows += rows_of(world, n, counts, runs)
                worst = max(
                    (row for row in rows if (row["world"], row["n"]) == (world, n)), key=lambda r: r["wrong"]
                )
                core = {
                    claim: [counts[claim, word] / runs for word in ("supported", "refuted")]
                    for claim in ("P3", "C4a")
                }
                print(
                    f"{runs} runs, {world}, {n}: worst {worst['claim']} {worst['wrong']:.3f}; {core}",
                    flush=True,
                )
            if given.write:
                write(rows)


def write(rows: list[dict]) -> None:
    """Write the table that page 09 shows; rows of worlds that were not tried now stay as they are."""
    path = Path(data_folder()) / "evidence" / "error_rates.csv"
    made = {row["world"] for row in rows}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["world"] not in made] + rows
    rows.sort(key=lambda row: CELLS.index((row["world"], int(row["n"]))))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
