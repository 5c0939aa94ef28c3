"""The command line: one table of commands, one plain message for a fault, nothing imported too early."""

import argparse
import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple, NoReturn

from cxlab import __version__
from cxlab.data.errors import InputError, NotebookError, OutOfReach


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cxlab`` and return 0 success, 1 a failed notebook, 2 bad use or input, 3 a comparison found a
    change, 4 no disk or no registry, 130 interrupted.
    """
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except (NotebookError, OutOfReach) as fault:
        return _fail(1 if isinstance(fault, NotebookError) else 4, fault)
    except (ValueError, RecursionError) as fault:  # InputError, and what the methods say of a wrong argument
        if os.environ.get("CXLAB_DEBUG"):
            raise
        return _fail(2, fault)
    except (KeyboardInterrupt, RuntimeError) as fault:
        if isinstance(fault, RuntimeError) and str(fault) != "Query interrupted":  # DuckDB's word for Ctrl-C
            raise
        return _fail(130, "interrupted; nothing was published")
    except BrokenPipeError:
        # The reader of a pipe (head, less) has enough: not a fault. stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(4, f"the disk is full ({fault.filename or 'while writing'}); nothing was published")
        return _fail(2, f"{fault.filename}: {fault.strerror}" if fault.filename else fault)


def _run(arguments: list[str]) -> int:
    parser = _Parser(prog="cxlab", description="CX Lab: a workbook that tests claims on real data.")
    parser.add_argument("--version", action="version", version=f"cxlab {__version__}")
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        made = parsers.add_parser(name, help=command.words, description=command.words)
        for flag, settings in command.options.items():
            made.add_argument(flag, **settings)
    given = vars(parser.parse_args(arguments))
    run = _COMMANDS[given.pop("command")].run
    done = (resolve_name(run) if isinstance(run, str) else run)(**given)
    if not isinstance(done, int):
        print(*done, sep="\n")
    sys.stdout.flush()
    return done if isinstance(done, int) else 0


def _fail(code: int, message: object) -> int:
    print(f"cxlab: {' '.join(str(message).split())}", file=sys.stderr)
    return code


def _check(file: str, table: str | None, mapping: str | None) -> list[str]:
    if (Path(file) / "rules.toml").is_file():
        from cxlab.data.rules import check_evidence

        return check_evidence(file)
    from cxlab.data.check import check_path

    lines, good = check_path(file, table=table, mapping=mapping)
    if good:
        return lines
    print(*lines[:-1], sep="\n", flush=True)
    raise InputError(lines[-1])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


class _Command(NamedTuple):
    """What ``--help`` says, what runs and returns a code or lines to print, and its options."""

    words: str
    run: str | Callable[..., int | list[str]]
    options: dict[str, dict[str, Any]]


def _text(words: str, metavar: str | None = None, **more: Any) -> dict[str, Any]:
    return {"help": words, **({"metavar": metavar} if metavar else {}), **more}


def _number(kind: type, rule: str, good: Callable[[Any], bool]) -> Callable[[str], float]:
    def number(text: str) -> float:
        if not good(kind(text)):
            raise argparse.ArgumentTypeError(f"{text} must be {rule}")
        return kind(text)

    return number


_COUNT = _number(int, "above 0", lambda n: n > 0)
_SECONDS = _number(float, "above 0", lambda n: 0 < n < math.inf)
_FROM_0 = _number(int, "0 or more", lambda n: n >= 0)
_FROM_50 = _number(int, "50 or more", lambda n: n >= 50)
_SHARE = _number(float, "between 0 and 1, for example 0.95", lambda p: 0 < p < 1)
_FORMAT = _text("default table", choices=("table", "json", "csv"), default="table")
_SWITCH = {"action": "store_true"}
_TABLE = _text("which table it is: survey, events ... (data/README.md)", "TABLE")
_COMMANDS = {
    "report": _Command("Run the notebooks and publish the report.", "cxlab.workbook.report:build_report", {
        "--out": _text("folder (default: reports)", "DIR", type=Path, default=Path("reports")),
        "--params": _text("a study of your own data (cxlab init makes one)", "FILE.yaml", type=Path),
        "--only": _text("pages by number or name", "NN", nargs="+", default=[]),
        "-p": _text("a parameter for every page that has it; 02.NAME=VALUE for one page", "NAME=VALUE",
                    dest="given", action="append", default=[]),
        "--by": _text("also one report for each value of a column, and an overview", "COLUMN"),
        "--min-cell": _text("suppress what counts fewer people (default: 5)", "N", type=_COUNT),
        "--against": _text("compare with an older report; exit 3 on a change", "results.json", type=Path),
        "--fresh": _text("run everything again", **_SWITCH),
        "--jobs": _text("notebooks at a time (default: one a processor)", "N", type=_COUNT, default=0),
        "--timeout": _text("for each page (default: 600)", "SECONDS", type=_SECONDS, default=600.0),
        "--strict": _text("exit 1 when a part could not be made", **_SWITCH),
        "--cluster": _text("with --by: a Dask scheduler, tcp://host:8786", "ADDRESS", default=""),
    }),
    "check": _Command("Say what is right and wrong with a file or a study, line by line.", _check, {
        "file": _text("a file, a study or its mapping, or coded claims", "FILE_OR_STUDY"),
        "--table": _TABLE,
        "--mapping": _text("from your names and codes to ours (cxlab init)", "FILE.yaml"),
    }),
    "init": _Command("Start a study from a file of your own: parameters and a mapping of columns to edit.",
                     "cxlab.data.check:init_study", {
        "folder": _text("folder of the study; made when it is not there", "STUDY"),
        "--table": _TABLE,
        "--from": _text("your file", "FILE", dest="from_file", required=True),
        "--force": _text("write the mapping anew (the old one is kept as .bak)", **_SWITCH),
    }),
    "data": _Command("Fetch and check the registered real data.", "cxlab.data.sources:fetch_all", {
        "--public": _text("also the public files, each from its own address", **_SWITCH),
        "--from": _text("take the files from a folder, without a network", "DIR", dest="from_dir"),
    }),
    "room": _Command("Sum up what a room handed in.", "cxlab.workbook.workshop:sum_up", {
        "folder": _text("progress and label files", "FOLDER", type=Path),
    }),
    "diff": _Command("Say which numbers and verdicts changed.", "cxlab.workbook.diff:run", {
        "old": _text("results.json of the earlier run, or its report's folder", "OLD", type=Path),
        "new": _text("results.json of the later run, or its report's folder", "NEW", type=Path),
    }),
    "workshop": _Command("Make exercise copies of the notebooks.", "cxlab.workbook.workshop:write_copies", {
        "--out": _text("folder (default: workshop)", "DIR", type=Path, default=Path("workshop")),
        "--fresh": _text("replace copies that were worked in", **_SWITCH),
    }),
    "pack": _Command("Make a folder for a room without internet.", "cxlab.workbook.workshop:make_pack", {
        "out": _text("the folder", "FOLDER", type=Path),
        "--python": _text("the attendees' version, such as 3.12 (default: this one)", "VERSION", default=""),
    }),
    "unpack": _Command("Check such a folder, and put its data in place.", "cxlab.workbook.workshop:unpack", {
        "pack": _text("the folder", "FOLDER", type=Path),
    }),
    "funnel": _Command("Count an ordered funnel of an event log.", "cxlab.workbook.commands:funnel", {
        "file": _text("a file of events, a folder or pattern of them, a study or its mapping file",
                      "FILE_OR_STUDY"),
        "--steps": _text("events in order, separated by commas", "a,b,c", required=True),
        "--window": _text("longest time from the first step: 12h, 30min, none (default 7d)", default="7d"),
        "--customer": _text("column of the customer (default customer_id)", default="customer_id"),
        "--event": _text("column of what happened (default event)", default="event"),
        "--timestamp": _text("column of the time (default timestamp)", default="timestamp"),
        "--by": _text("one funnel for each value of this column; small cells are hidden in each call by "
                      "itself, so pass on one call: another window or list of steps can tell a few people by "
                      "difference"),
        "--memory": _text("spill to a temporary folder beyond this (default 2GB)", default="2GB"),
        "--min-cell": _text("with --by, smaller cells are not shown (default 5)", "N", type=_COUNT),
        "--engine": _text("same numbers", choices=("local", "duckdb", "spark"), default="local"),
        "--format": _FORMAT,
    }),
    "drivers": _Command("Say which share of an outcome blocks of ratings explain.",
                        "cxlab.workbook.commands:drivers", {
        "file": _text("one row a respondent; or a study, its mapping, or a source", "FILE_OR_STUDY"),
        "--block": _text("a block and its columns; repeat it. A column alone is a block of its own",
                         "NAME=a,b", action="append", default=[]),
        "--outcome": _text("the numeric column to explain", "COL"),
        "--weights": _text("survey weights", "COL"),
        "--clusters": _text("who gave several rows", "COL"),
        "--missing": _text("codes that mean 'no answer'", "-99,98", default=""),
        "--bootstrap": _text("resamples (default 1000)", "N", type=_FROM_0, default=1000),
        "--confidence": _text("of the intervals (default 0.95)", "P", type=_SHARE, default=0.95),
        "--seed": _text("default 1: the same numbers every time", "N", type=_FROM_0, default=1),
        "--min-cell": _text("fewest respondents (default 5)", "N", type=_COUNT, default=5),
        "--format": _FORMAT,
    }),
    "verdict": _Command("Say what a survey decides, claim by claim.", "cxlab.workbook.commands:verdict", {
        "source": _text("a registered survey, a mapping file, or a study's folder or params.yaml"),
        "--format": _text("default table", choices=("table", "json"), default="table"),
        "--bootstrap": _text("resamples behind each interval (default 200)", "N", type=_FROM_50, default=200),
        "--seed": _text("default 1: the same numbers every time", "N", type=_FROM_0, default=1),
        "--all": _text("also the claims that this survey cannot test", **_SWITCH),
    }),
}  # fmt: skip
