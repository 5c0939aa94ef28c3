"""``cxlab verdict``: what a survey decides, claim by claim, without running a notebook."""

import argparse
import json
from collections.abc import Sequence

from cxlab.data.errors import InputError
from cxlab.workbook.answers import table_of


def run(arguments: Sequence[str]) -> int:
    """Judge one survey and print what it decides; bad input raises InputError."""
    parser = argparse.ArgumentParser(prog="cxlab verdict", description=__doc__.partition(":")[2].strip())
    add = parser.add_argument
    add("source", help="a registered survey, a mapping file, or a study's folder or params.yaml")
    add("--format", choices=("table", "json"), default="table")
    add("--bootstrap", type=int, default=200, help="resamples behind each interval (default: 200)")
    add("--seed", type=int, default=1)
    add("--all", action="store_true", help="also the claims that this survey cannot test")
    given = parser.parse_args(list(arguments))
    if given.bootstrap < 50 or given.seed < 0:
        raise InputError("--bootstrap takes 50 or more and --seed 0 or more")
    from cxlab.data.sources import open_source
    from cxlab.questions.judging import QUESTIONS, UNTESTED, judge_survey

    survey = open_source(table_of(given.source, "survey"), seed=given.seed)
    if survey.kind not in QUESTIONS:
        raise InputError(f"{given.source} is the table {survey.kind}; rules judge {' and '.join(QUESTIONS)}")
    table = judge_survey(survey, bootstrap=given.bootstrap)
    shown = table if given.all else table[table["outcome"] != UNTESTED]
    if given.format == "json":
        columns = ["claim", "outcome", "reason", "evidence", "reads", "numbers", "status"]
        rows = shown.reset_index()[columns].to_dict("records")
        found = {"survey": survey.title or survey.name, "claims": rows}
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    counts = table["outcome"].value_counts()
    print(f"{survey.title or survey.name}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    for claim, row in shown.sort_values("outcome", kind="stable").iterrows():
        remark = row["reason"] or row["status"]
        print(f"{claim:6} {row['outcome']}: {row['reads']}" + (f" ({remark})" if remark else ""))
    return 0
