"""The command line: one plain message for a fault, an exit code that a job can read, nothing imported too early."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from cxlab.evidence.errors import NotebookError, OutOfReach

__all__ = ["main"]

_COMMANDS = {
    "report": "run the notebooks and publish the report",
    "check": "say what is right and wrong with a file, line by line",
    "init": "start a study from a file of your own: parameters and a column mapping to edit",
    "data": "fetch and check the registered real data",
    "diff": "say which reported numbers and verdicts changed between two results.json",
    "funnel": "an ordered funnel of an event log, for any window, in one scan",
    "drivers": "the share of an outcome that blocks of ratings explain, with intervals",
    "workshop": "make exercise copies of the notebooks",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cxlab``; see ``cxlab --help``.

    Returns
    -------
    int
        0 success, 1 a failed notebook, 2 bad use or input, 3 a comparison found a change, 4 no disk or no registry,
        130 interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(arguments)
    except NotebookError as fault:
        return _fail(1, fault)
    except OutOfReach as fault:
        return _fail(4, fault)
    except ValueError as fault:  # InputError, and what the methods say of a wrong argument
        if os.environ.get("CXLAB_DEBUG"):
            raise
        return _fail(2, fault)
    except KeyboardInterrupt:
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
    parser = argparse.ArgumentParser(
        prog="cxlab", description="CX Lab: a workbook that tests claims on real data."
    )
    from cxlab import __version__

    parser.add_argument("--version", action="version", version=f"cxlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only the module of the command that was asked for is imported: `cxlab --help` stays instant.
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, note in _COMMANDS.items():
        command = commands.add_parser(name, help=note, description=f"{note[0].upper()}{note[1:]}.")
        if name == asked:
            module = importlib.import_module(f"cxlab.workbook.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    values = parser.parse_args(arguments)
    return values.run(values)


def _fail(code: int, message: object) -> int:
    text = " ".join(str(message).split())
    print(f"cxlab: {text}", file=sys.stderr)
    return code
