"""``cxlab verdict``: what a survey decides, claim by claim, without running a notebook."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from cxlab.data.errors import InputError


def run(arguments: Sequence[str]) -> int:
    """Judge one survey and print what it decides; bad input raises InputError."""
    parser = argparse.ArgumentParser(prog="cxlab verdict", description=__doc__.partition(":")[2].strip())
    parser.add_argument(
        "source", help="a registered survey, a mapping file, or a study's folder or params.yaml"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument(
        "--bootstrap", type=int, default=200, help="resamples behind each interval (default: 200)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="also the claims that this survey cannot test")
    given = parser.parse_args(list(arguments))
    if given.bootstrap < 50 or given.seed < 0:
        raise InputError("--bootstrap takes 50 or more and --seed 0 or more")
    from cxlab.data.sources import open_source
    from cxlab.questions.judging import QUESTIONS, UNTESTED, judge_survey

    survey = open_source(_survey(given.source), seed=given.seed)
    if survey.kind not in QUESTIONS:
        raise InputError(f"{given.source} is the table {survey.kind}; rules judge {' and '.join(QUESTIONS)}")
    table = judge_survey(survey, bootstrap=given.bootstrap)
    shown = table if given.all else table[table["outcome"] != UNTESTED]
    columns = ["outcome", "reason", "evidence", "reads", "numbers", "status"]
    if given.format == "json":
        rows = shown.reset_index()[["claim", *columns]].to_dict("records")
        content = {"survey": survey.title or survey.name, "claims": rows}
        print(json.dumps(content, indent=1, ensure_ascii=False))
        return 0
    counts = table["outcome"].value_counts()
    print(f"{survey.title or survey.name}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    for claim, row in shown.sort_values("outcome", kind="stable").iterrows():
        remark = row["reason"] or row["status"]
        print(f"{claim:6} {row['outcome']}: {row['reads']}" + (f" ({remark})" if remark else ""))
    return 0


def _survey(name: str) -> str:
    """Return the mapping file of a study's survey, or the name as it is."""
    path = Path(name)
    if path.is_dir():
        path = path / "params.yaml"
    if path.name != "params.yaml" or not path.is_file():
        return name
    from cxlab.data.study import read_study

    found = read_study(path).tables.get("survey")
    if not found:
        raise InputError(f"{name} names no survey (source: ...)")
    return str(found)
