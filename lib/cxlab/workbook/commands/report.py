"""``cxlab report``: run the notebooks and publish the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from cxlab.evidence.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder (default: reports)"
    )
    parser.add_argument(
        "--params", type=Path, metavar="FILE.yaml", help="a study of your own data (cxlab init makes one)"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="pages by number or name")
    parser.add_argument(
        "-p", dest="given", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter for every page that has it; 02.NAME=VALUE for one page",
    )  # fmt: skip
    parser.add_argument(
        "--by", metavar="COLUMN", help="also one report for each value of a column, and an overview"
    )
    parser.add_argument(
        "--min-cell",
        type=int,
        metavar="N",
        help="suppress what counts fewer customers or respondents (default: 5)",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="results.json",
        help="compare with an older report; exit 3 on a change",
    )
    parser.add_argument("--fresh", action="store_true", help="run everything again")
    parser.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="notebooks at a time (default: one a processor)"
    )
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="for each notebook (default: 600)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Build the report; see ``cxlab.workbook.report``."""
    if arguments.jobs < 0:
        raise InputError(f"--jobs {arguments.jobs}: give 1 or more")
    if arguments.timeout <= 0:
        raise InputError(f"--timeout {arguments.timeout:g}: give a number of seconds above 0")
    if arguments.min_cell is not None and arguments.min_cell < 1:
        raise InputError(f"--min-cell {arguments.min_cell}: give 1 or more")
    from cxlab.workbook.report.build import Options, build_report

    return build_report(
        Options(
            out=arguments.out,
            params=arguments.params,
            only=arguments.only,
            given=arguments.given,
            by=arguments.by,
            min_cell=arguments.min_cell,
            against=arguments.against,
            fresh=arguments.fresh,
            jobs=arguments.jobs,
            timeout=arguments.timeout,
        )
    )
