"""``cxlab diff OLD NEW``: which reported numbers and verdicts changed between two results.json."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

__all__ = ["add_arguments", "run", "write_whole"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("old", metavar="OLD", help="results.json of the earlier run, or its report's folder")
    parser.add_argument("new", metavar="NEW", help="results.json of the later run, or its report's folder")
    parser.add_argument("--html", metavar="FILE", help="also write a page")
    parser.add_argument("--markdown", metavar="FILE", help="also write a summary, such as for a CI job")


def run(args: argparse.Namespace) -> int:
    """Print what changed; 0 when nothing did beyond its interval, 3 otherwise."""
    from cxlab.workbook.diff import compare, page, read_results, summary

    comparison = compare(read_results(args.old), read_results(args.new))
    for target, text in ((args.html, page), (args.markdown, summary)):
        if target:
            write_whole(Path(target), text(comparison))
    print(comparison.headline())
    words = {"moved": "verdict", "beyond": "beyond", "gone": "gone", "changed": "changed", "new": "new"}
    for change in comparison.of(*words):
        by = (
            f" ({change.difference:+.4g} {change.unit})".replace(" )", ")")
            if change.difference is not None
            else ""
        )
        before, after = (_plain(record.get("value", "-")) for record in (change.old, change.new))
        print(
            f"  {words[change.kind]:8} {_plain(change.notebook)} {_plain(change.name)}: {before} -> {after}{by}"
        )
    return 3 if comparison.alarm else 0


def _plain(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    from cxlab.evidence.errors import InputError

    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} is not there; make it, or name another file")
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
