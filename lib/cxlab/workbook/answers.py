"""What ``cxlab funnel``, ``drivers`` and ``verdict`` share: finding a study's table, printing an answer."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError

FORMATS = ("table", "json", "csv")


def table_of(name: str, kind: str) -> str:
    """Return a study's own table: a mapping file or a source's name; the name itself where it is no study."""
    path = Path(name)
    if path.name != "params.yaml" and not (path / "params.yaml").is_file():
        return name
    from cxlab.data.study import read_study

    study = read_study(path)
    if kind not in study.tables:
        raise InputError(f"the study {study.name} has no table of {kind}; add one with cxlab init")
    return str(study.tables[kind])


def print_answer(
    style: str, facts: dict[str, Any], rows: list[dict], shown: list[dict], notes: list[str]
) -> None:
    """Print an answer in one of ``FORMATS``.

    JSON holds ``facts`` and ``rows``, CSV the rows, a table ``shown`` (the rows as people read them, all
    text) with ``notes`` below.
    """
    if style == "json":
        print(json.dumps(facts | {"table": rows}, indent=2, allow_nan=False))
    elif style == "csv":
        writer = csv.DictWriter(sys.stdout, rows[0] if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    else:
        lines = [list(row) for row in shown[:1]] + [list(row.values()) for row in shown]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        names = [isinstance(rows[0].get(name), str) for name in shown[0]] if shown else []
        for line in lines:
            cells = zip(line, widths, names, strict=True)
            print(*(f"{cell:{'<' if name else '>'}{width}}" for cell, width, name in cells), sep="  ")
        print(*notes, sep="\n")


def _safe(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    risky = isinstance(value, str) and (value.lstrip()[:1] in tuple("=+-@|") or value[:1] in tuple("\t\r"))
    return f"'{value}" if risky and value.strip() else value
