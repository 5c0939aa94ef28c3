"""``cxlab check FILE --table T [--mapping FILE.yaml]``: what is right and wrong with a file, line by line."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="CSV, Parquet, Excel, DuckDB file or a database's address; a study's mapping file, or the folder of the coded claims",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        help="which table it is: survey, events, contacts ... (data/README.md lists all)",
    )
    parser.add_argument(
        "--mapping", metavar="FILE.yaml", help="from your names and codes to ours (cxlab init writes one)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 when the file opens as the table. Faults are told in one line on stderr (exit 2)."""
    from cxlab.evidence.check import check_file
    from cxlab.evidence.errors import InputError

    file, mapping = args.file, args.mapping
    if file is None and mapping is None:
        raise InputError("name the file to check, such as: cxlab check their.csv --table survey")
    if mapping is None and file.endswith((".yaml", ".yml")):
        file, mapping = None, file
    if mapping is None and (Path(file) / "rules.toml").is_file():
        from cxlab.evidence.claims import check_evidence

        print("\n".join(check_evidence(file)))
        return 0
    report = check_file(file, table=args.table, mapping=mapping)
    print("\n".join(report.lines()), flush=True)
    if not report.ok:
        raise InputError(report.summary())
    return 0
