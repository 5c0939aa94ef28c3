"""The register to start from: its columns, what each may hold, and an example row to write over."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from cxlab.evidence.errors import InputError

from .files import put

__all__ = ["COLUMNS", "write_template"]

# column: (what to write, example)
COLUMNS: dict[str, tuple[str, str]] = {
    "id": ("the project's own number, never used twice", "P-001"),
    "title": ("a few words", "call back within an hour"),
    "area": ("what it works on, in the words of the complaints", "customer service"),
    "level": ("account, unit or corporate", "unit"),
    "side": ("product or experience", "experience"),
    "customer_focused": ("yes or no, coded by one person", "yes"),
    "customer_focused_2": ("yes or no, coded by another who has not seen the first", "yes"),
    "team": ("who is responsible", "service desk"),
    "impact_low": ("expected impact if it goes badly", "3"),
    "impact": ("expected impact, most likely", "5"),
    "impact_high": ("expected impact if it goes well", "9"),
    "effort": ("person-days", "30"),
    "cost": ("in one currency", "20000"),
    "due": ("day it is promised for, as 2026-06-30", "2026-06-30"),
    "done": ("day it was finished; empty while open", ""),
    "progress": ("share of the work done, 0 to 1", "0.2"),
    "status_history": ("one DATE STATUS a report, parted by semicolons: on schedule, at risk, late or done", "2026-01-31 on schedule; 2026-02-28 at risk"),
    "compensation_linked": ("yes or no: does somebody's pay depend on it?", "no"),
}  # fmt: skip
LISTS = {
    "level": "account,unit,corporate",
    "side": "product,experience",
    "customer_focused": "yes,no",
    "customer_focused_2": "yes,no",
    "compensation_linked": "yes,no",
}
NUMBERS = ("impact_low", "impact", "impact_high", "effort", "cost")
ROWS = 500


def write_template(path: str | Path) -> Path:
    """Write an empty register with one example row.

    Parameters
    ----------
    path : str or Path
        Ends in ``.csv`` or ``.xlsx``. Excel gets drop-down lists, rules for numbers, and a note on each column's head that
        explains it.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        For another ending, or when the file exists: a template never overwrites a register.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise InputError(f"{path.name}: a register ends in .csv or .xlsx")
    if path.exists():
        raise InputError(
            f"{path.name}: exists already; a template never overwrites a register (choose another name)"
        )
    example = [value for _, value in COLUMNS.values()]
    if path.suffix.lower() == ".csv":
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\r\n").writerows([list(COLUMNS), example])
        raw = out.getvalue().encode("utf-8-sig")  # so that Excel reads accents right
    else:
        raw = _excel(example)
    put(raw, path, path.with_name(f".{path.name}.saving"))
    return path


def _excel(example: list[str]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.active
    sheet.title = "initiatives"
    sheet.append(list(COLUMNS))
    sheet.append(
        [float(v) if n in (*NUMBERS, "progress") else v for n, v in zip(COLUMNS, example, strict=True)]
    )
    sheet.freeze_panes = "B2"
    for k, name in enumerate(COLUMNS, start=1):
        letter = get_column_letter(k)
        sheet[f"{letter}1"].font = Font(bold=True)
        sheet[f"{letter}1"].comment = Comment(COLUMNS[name][0], "CX Lab")
        sheet.column_dimensions[letter].width = max(12, len(name) + 2)
        cells = f"{letter}2:{letter}{ROWS}"
        if name in LISTS:
            rule = DataValidation(type="list", formula1=f'"{LISTS[name]}"', allow_blank=True)
        elif name in NUMBERS:
            rule = DataValidation(
                type="decimal", operator="greaterThanOrEqual", formula1="0", allow_blank=True
            )
        elif name == "progress":
            rule = DataValidation(
                type="decimal", operator="between", formula1="0", formula2="1", allow_blank=True
            )
        elif name == "id":
            rule = DataValidation(
                type="custom", formula1=f"COUNTIF(${letter}$2:${letter}${ROWS},{letter}2)=1"
            )
        else:
            continue
        rule.error, rule.errorTitle = COLUMNS[name][0], name
        sheet.add_data_validation(rule)
        rule.add(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
