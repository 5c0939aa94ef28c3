"""A register of initiatives of a team in a CSV or Excel file: no save loses a row or somebody's edit."""

import contextlib
import csv
import io
import os
import re
import shutil
from collections.abc import Iterable
from datetime import date, datetime, time
from glob import escape
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from openpyxl import Workbook, load_workbook
from openpyxl.cell import Cell
from openpyxl.utils.exceptions import IllegalCharacterError

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import regular_file
from cxlab.data.read import check_workbook
from cxlab.questions.result import listed

BACKUPS = 20
WAIT = 10.0  # seconds for another editor's save to end
EXAMPLE = {
    "id": "P-001", "title": "call back within an hour", "area": "customer service", "level": "unit",
    "side": "experience", "customer_focused": "yes", "customer_focused_2": "yes", "team": "service desk",
    "impact_low": "3", "impact": "5", "impact_high": "9", "cost": "20000", "due": "2026-06-30", "done": "",
    "status_history": "2026-01-31 on schedule; 2026-02-28 at risk", "compensation_linked": "no",
}  # fmt: skip


class Register:
    """A register in a CSV (UTF-8) or Excel file with a column ``id``; :func:`write_template` makes one.

    ``table`` holds all cells as text, exactly as in the file: edit it, then :meth:`save`. If somebody else
    saved meanwhile, or if anything would be lost, nothing is written and your version is kept in a numbered
    draft. The file is replaced in one step, after a numbered backup. ``cxlab check FILE --table initiatives``
    tells what a page could not read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = regular_file(path).resolve()  # a link stays a link, and all its users share one lock
        self.reload()

    def reload(self) -> None:
        """Forget edits and read the file again."""
        if _is_excel(regular_file(self.path)):
            check_workbook(self.path)
        self._raw = self.path.read_bytes()
        self._before = _parsed(self._raw, self.path)
        self.table = self._before.copy()

    def save(self, *, remove: Iterable[str] = ()) -> str:
        """Write ``table`` back, with a backup, and say so; refuse rather than lose anything.

        Rows of the file that are not in the table stop the save, but for ids in ``remove``; rows of a
        workbook are removed in Excel, where formulas follow. A refusal is an InputError that names the draft;
        OutOfReach says that the disk is full, the file is then as it was.
        """
        mine = self.table.fillna("").astype(str).astype(object).reset_index(drop=True)
        with self._lock():
            try:
                self._refuse_losses(mine, {str(one) for one in remove})
                mine = mine[[*self._before, *(name for name in mine if name not in self._before)]]
                if mine.equals(self._before):
                    return "Nothing had changed; the file is as it was."
                raw = self._written(mine)
            except InputError as error:
                draft = _put(_delimited(mine, ",", "\n", "utf-8-sig"), self._next("draft", ".csv"))
                raise InputError(f"{self.path.name}: {error}. Your version is kept in {draft.name}") from None
            backup = _put(self._raw, self._next("backup", self.path.suffix))
            _put(raw, self.path)
            for old in self._numbered("backup")[:-BACKUPS]:
                old.unlink(missing_ok=True)
            self.reload()
        return f"Saved: {len(mine)} rows. The file before is {backup.name}."

    def _refuse_losses(self, mine: pd.DataFrame, allowed: set[str]) -> None:
        if gone := [name for name in self._before if name not in mine]:
            raise InputError(f"the column {gone[0]!r} is missing; a save keeps every column")
        ids = mine["id"].str.strip()
        odd = ids[(ids == "") | ids.duplicated()]
        if len(odd):
            raise InputError(f"row {odd.index[0] + 2} has no id of its own ({odd.iloc[0]!r}); give it one")
        if regular_file(self.path).read_bytes() != self._raw:
            raise InputError("somebody else saved meanwhile; nothing was written, reload() and edit again")
        before = self._before["id"]
        lost = [one for one in before if one.strip() and one not in {*mine["id"], *allowed}]
        if lost:
            raise InputError(f"{listed(lost)} would be lost; name what may go: save(remove={lost})")
        # Rows without an own id are known by their place alone: they may be mended, and rows added below.
        if len(mine) + len(allowed & set(before)) < len(before):
            raise InputError("a row would be lost; give every row its own id before any is removed")

    def _written(self, mine: pd.DataFrame) -> bytes:
        """Return the table as the bytes of a file like this one; refuse what that could not hold."""
        if not _is_excel(self.path):
            raw = _delimited(mine, *_form(self._raw))
        elif len(mine) < len(self._before):
            raise InputError("a row of a workbook is removed in Excel, where formulas follow")
        else:
            raw = _filled(_opened(self._raw, self.path), mine)
        differs = (_parsed(raw, self.path).reindex_like(mine) != mine).to_numpy()
        if differs.any():
            row, column = (places[0] for places in differs.nonzero())
            raise InputError(
                f"{mine['id'][row]}, column {mine.columns[column]!r} would not be read again as it stands "
                "(a workbook's cell holds 32,767 characters, and no cell control characters)"
            )
        return raw

    def _numbered(self, kind: str) -> list[Path]:
        return sorted(self.path.parent.glob(f"{escape(self.path.stem)}.{kind}-{'[0-9]' * 6}.*"))

    def _next(self, kind: str, suffix: str) -> Path:
        number = 1 + max((int(file.stem[-6:]) for file in self._numbered(kind)), default=0)
        return self.path.with_name(f"{self.path.stem}.{kind}-{number:06d}{suffix}")

    def _lock(self) -> Any:
        try:
            return FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=WAIT).acquire()
        except OSError:
            reason = "somebody else is saving, or the folder cannot be written; nothing was saved, try again"
            raise InputError(f"{self.path.name}: {reason}") from None


def write_template(path: str | Path) -> Path:
    """Write a register with one example row, as a new ``.csv`` or ``.xlsx``; return its path."""
    path, table = Path(path), pd.DataFrame([EXAMPLE])
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise InputError(f"{path.name}: a register ends in .csv or .xlsx")
    if path.exists():
        raise InputError(f"{path.name}: exists already; a template never overwrites a register")
    if _is_excel(path):
        book = Workbook()
        book.active.title = "initiatives"
        return _put(_filled(book, table), path)
    return _put(_delimited(table, ",", "\r\n", "utf-8-sig"), path)  # so that Excel reads accents


def _is_excel(path: Path) -> bool:
    return path.suffix.lower() == ".xlsx"


def _parsed(raw: bytes, path: Path) -> pd.DataFrame:
    """Return a file's table of text; nothing is converted."""
    try:
        if _is_excel(path):
            cells = _opened(raw, path).worksheets[0].iter_rows(values_only=True)
            rows = [[_text(value) for value in row] for row in cells]
        else:
            text = io.StringIO(raw.decode("utf-8-sig"), newline="")
            rows = list(csv.reader(text, delimiter=_form(raw)[0]))
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: its letters are not UTF-8; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path.name}: cannot be read ({error})") from None
    while rows and not any(rows[-1]):
        rows.pop()
    head = [cell.strip() for cell in rows[0]] if rows else []
    while head and not head[-1]:
        head.pop()
    if "id" not in head or "" in head or len(set(head)) < len(head):
        raise InputError(f"{path.name}: needs a column 'id', every column once; it has {listed(head)}")
    for line, row in enumerate(rows, start=1):
        if not any(row) or any(row[len(head) :]):
            raise InputError(f"{path.name}: row {line} is blank, or longer than the header; mend it first")
    body = [[*row, *[""] * len(head)][: len(head)] for row in rows[1:]]
    return pd.DataFrame(body, columns=head, dtype=object)


def _form(raw: bytes) -> tuple[str, str, str]:
    """Return delimiter, line end and encoding of a CSV file."""
    head = raw.split(b"\n", 1)[0].decode("utf-8", "replace")
    encoding = "utf-8-sig" if head.startswith("\ufeff") else "utf-8"
    return max(",;\t", key=head.count), "\r\n" if head.endswith("\r") else "\n", encoding


def _delimited(table: pd.DataFrame, delimiter: str, newline: str, encoding: str) -> bytes:
    return table.to_csv(index=False, sep=delimiter, lineterminator=newline).encode(encoding, "replace")


def _opened(raw: bytes, path: Path) -> Workbook:
    """Return a workbook, unless its first sheet holds what a save from here would change or drop."""
    try:
        book = load_workbook(io.BytesIO(raw))
    except Exception:  # openpyxl raises a dozen kinds for a file that is no workbook
        raise InputError(f"{path.name}: is no workbook that can be read; save it as .xlsx or CSV") from None
    plain, cells = str | int | float | datetime | date | time | None, chain(*book.worksheets[0].iter_rows())
    odd = ["merged cells" for _ in book.worksheets[0].merged_cells.ranges]
    odd += ["charts or pictures" for sheet in book.worksheets if sheet._charts or sheet._images]
    odd += [f"an array formula in {cell.coordinate}" for cell in cells if not isinstance(cell.value, plain)]
    if odd:
        raise InputError(f"{path.name}: holds {odd[0]}, which a save would harm; take that out first")
    return book


def _filled(book: Workbook, table: pd.DataFrame) -> bytes:
    """Write head and rows into the first sheet: changed cells only, so that formats stay."""
    for line, values in enumerate([list(table), *table.to_numpy().tolist()], start=1):
        for column, value in enumerate(values, start=1):
            cell = book.worksheets[0].cell(line, column)
            if _text(cell.value) != value:
                with contextlib.suppress(IllegalCharacterError):  # reading it again will tell
                    _set(cell, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _set(cell: Cell, value: str) -> None:
    """Put a text into a cell, as the number or day that it stands for where that is read as the same text."""
    typed: Any = value
    with contextlib.suppress(ValueError):
        if re.fullmatch(r"-?[0-9]{1,15}([.][0-9]{1,10})?", value):
            typed = float(value) if "." in value else int(value)
        elif cell.is_date:
            typed = datetime.fromisoformat(value)
    if isinstance(typed, str) or _text(typed) != value:
        cell.value = value or None
        cell.data_type = "s" if value else "n"  # text that begins with = stays text
    else:
        cell.value = typed


def _put(raw: bytes, target: Path) -> Path:
    """Write a file aside and rename it, so that nobody sees half of it; return its path."""
    part = target.with_name(f".{target.name}.saving")
    try:
        with part.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        words = f"cannot be written ({error.strerror}), all is as it was; free some space, save again"
        raise OutOfReach(f"{target.name}: {words}") from None
    return target
