"""The command line: one plain message for a fault, an exit code for jobs, nothing imported too early."""

import argparse
import errno
import importlib
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, NotebookError, OutOfReach

_COMMANDS = {
    "report": "run the notebooks and publish the report",
    "check": "say what is right and wrong with a file or a study, line by line",
    "init": "start a study from a file of your own: parameters and a column mapping to edit",
    "data": "fetch and check the registered real data",
    "room": "sum up what a room handed in",
    "diff": "say which reported numbers and verdicts changed between two results.json",
    "funnel": "an ordered funnel of an event log, for any window, in one scan",
    "drivers": "the share of an outcome that blocks of ratings explain, with intervals",
    "verdict": "what a survey decides, claim by claim, without a notebook",
    "workshop": "make exercise copies of the notebooks",
}
_MODULES = {"funnel": "funnel_command", "drivers": "drivers_command", "verdict": "verdict_command"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cxlab``; see ``cxlab --help``.

    Returns
    -------
    int
        0 success, 1 a failed notebook, 2 bad use or input, 3 a comparison found a change, 4 no disk or no
        registry, 130 interrupted.
    """
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except NotebookError as fault:
        return _fail(1, fault)
    except OutOfReach as fault:
        return _fail(4, fault)
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
        name = f"{fault.filename}: " if fault.filename else ""
        return _fail(2, f"{name}{fault.strerror or fault}")


def _run(arguments: list[str]) -> int:
    from cxlab import __version__

    words = "CX Lab: a workbook that tests claims on real data."
    parser = argparse.ArgumentParser(prog="cxlab", description=words)
    parser.add_argument("--version", action="version", version=f"cxlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = arguments[0] if arguments else ""
    if asked in _MODULES:  # these read their own options; only the module that was asked for is imported
        return importlib.import_module(f"cxlab.workbook.{_MODULES[asked]}").run(arguments[1:])
    for name, note in _COMMANDS.items():
        command = commands.add_parser(name, help=note, description=f"{note[0].upper()}{note[1:]}.")
        for flags, options in _OPTIONS.get(name, {}).items():
            command.add_argument(*flags.split(), **options)
    values = parser.parse_args(arguments)
    return _RUN[values.command](values)


def _fail(code: int, message: object) -> int:
    print(f"cxlab: {' '.join(str(message).split())}", file=sys.stderr)
    return code


def _print(lines: Sequence[str]) -> int:
    print("\n".join(lines), flush=True)
    return 0


def _report(values: argparse.Namespace) -> int:
    if values.jobs < 0:
        raise InputError(f"--jobs {values.jobs}: give 1 or more")
    if not (math.isfinite(values.timeout) and values.timeout > 0):
        raise InputError(f"--timeout {values.timeout:g}: give a number of seconds above 0")
    if values.min_cell is not None and values.min_cell < 1:
        raise InputError(f"--min-cell {values.min_cell}: give 1 or more")
    from cxlab.workbook.plan import Options
    from cxlab.workbook.report import build_report

    return build_report(Options(**{key: value for key, value in vars(values).items() if key != "command"}))


def _check(values: argparse.Namespace) -> int:
    file = values.file or values.mapping
    if file is None:
        raise InputError("name the file to check, such as: cxlab check their.csv --table survey")
    if (Path(file) / "rules.toml").is_file():
        from cxlab.data.claims import check_evidence

        return _print(check_evidence(file))
    from cxlab.data.check import check_path

    lines, good = check_path(file, table=values.table, mapping=values.mapping if values.file else None)
    _print(lines if good else lines[:-1])
    if not good:
        raise InputError(lines[-1])
    return 0


def _init(values: argparse.Namespace) -> int:
    from cxlab.data.check import init_study

    return _print(init_study(values.study, values.source, table=values.table, force=values.force))


def _data(values: argparse.Namespace) -> int:
    from cxlab.data.sources import fetch_all

    return _print(fetch_all(public=values.public, from_dir=values.folder))


def _room(values: argparse.Namespace) -> int:
    from cxlab.workbook.workshop import sum_up

    return _print(sum_up(values.folder))


def _diff(values: argparse.Namespace) -> int:
    from cxlab.workbook import diff, publish

    found = diff.compare(diff.read_results(values.old), diff.read_results(values.new))
    if values.markdown:
        if values.markdown.is_dir() or not values.markdown.absolute().parent.is_dir():
            raise InputError(f"--markdown {values.markdown}: name a file in a folder that is there")
        publish.write_whole(values.markdown, diff.summary(found))
    _print(diff.lines(found))
    return 3 if found.alarm else 0


def _workshop(values: argparse.Namespace) -> int:
    from cxlab.workbook.workshop import write_copies

    return _print(write_copies(values.out, fresh=values.fresh))


def _text(words: str, metavar: str | None = None, **more: Any) -> dict[str, Any]:
    return {"help": words, "metavar": metavar, **more}


def _flag(words: str) -> dict[str, Any]:
    return {"help": words, "action": "store_true"}


_TABLE = _text("which table it is: survey, events ... (data/README.md)", "TABLE")
_RUN = {
    "report": _report, "check": _check, "init": _init, "data": _data, "room": _room, "diff": _diff,
    "workshop": _workshop,
}  # fmt: skip
_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "report": {
        "--out": _text("folder (default: reports)", "DIR", type=Path, default=Path("reports")),
        "--params": _text("a study of your own data (cxlab init makes one)", "FILE.yaml", type=Path),
        "--only": _text("pages by number or name", "NN", nargs="+", default=[]),
        "-p": _text("a parameter for every page that has it; 02.NAME=VALUE for one page", "NAME=VALUE",
                    dest="given", action="append", default=[]),
        "--by": _text("also one report for each value of a column, and an overview", "COLUMN"),
        "--min-cell": _text("suppress what counts fewer people (default: 5)", "N", type=int),
        "--against": _text("compare with an older report; exit 3 on a change", "results.json", type=Path),
        "--fresh": _flag("run everything again"),
        "--jobs": _text("notebooks at a time (default: one a processor)", "N", type=int, default=0),
        "--timeout": _text("for each notebook (default: 600)", "SECONDS", type=float, default=600.0),
        "--strict": _flag("exit 1 when a part could not be made"),
        "--cluster": _text("with --by: a Dask scheduler, tcp://host:8786", "ADDRESS", default=""),
    },
    "check": {
        "file": _text("a file, a study or its mapping, or coded claims", "FILE_OR_STUDY", nargs="?"),
        "--table": _TABLE,
        "--mapping": _text("from your names and codes to ours (cxlab init)", "FILE.yaml"),
    },
    "init": {
        "study": _text("folder of the study; made when it is not there", "STUDY"),
        "--table": _TABLE,
        "--from": _text("your file, or a database's address", "FILE", dest="source", required=True),
        "--force": _flag("write the mapping anew (the old one is kept as .bak)"),
    },
    "data": {
        "--public": _flag("also the public files, each from its own address"),
        "--from": _text("take the files from a folder, without a network", "DIR", dest="folder"),
    },
    "room": {"folder": _text("progress and label files, and the register", "FOLDER", type=Path)},
    "diff": {
        "old": _text("results.json of the earlier run, or its report's folder", "OLD"),
        "new": _text("results.json of the later run, or its report's folder", "NEW"),
        "--markdown": _text("also write a summary, such as for a CI job", "FILE", type=Path),
    },
    "workshop": {
        "--out": _text("folder for the copies (default: workshop)", type=Path, default=Path("workshop")),
        "--fresh": _flag("replace copies that were worked in"),
    },
}  # fmt: skip
