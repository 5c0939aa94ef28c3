"""A register of initiatives of a team in a CSV or Excel file: no save loses a row or somebody's edit."""

import csv
import errno
import io
import os
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from cxlab.data.delimited import decode
from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import regular_file
from cxlab.data.mapping import Mapping
from cxlab.data.read import check_workbook
from cxlab.data.study import converted
from cxlab.questions.initiatives import status_table

BACKUPS = 20
WAIT = 10.0  # seconds for another editor's save to end
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
EXAMPLE = {
    "id": "P-001", "title": "call back within an hour", "area": "customer service", "level": "unit",
    "side": "experience", "customer_focused": "yes", "customer_focused_2": "yes", "team": "service desk",
    "impact_low": "3", "impact": "5", "impact_high": "9", "cost": "20000", "due": "2026-06-30", "done": "",
    "status_history": "2026-01-31 on schedule; 2026-02-28 at risk", "compensation_linked": "no",
}  # fmt: skip


class Register:
    """A register in a CSV or Excel file with a column ``id``; :func:`write_template` makes one.

    ``table`` holds all cells as text, exactly as in the file: edit it, then :meth:`save`. A save holds a lock
    beside the file and reads the file again. If somebody else saved meanwhile, or if anything would be lost,
    nothing is written and your version is kept in a numbered draft. The file is replaced in one step, after a
    numbered backup.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = regular_file(path).resolve()  # a link stays a link, and all its users share one lock
        self.reload()

    def reload(self) -> None:
        """Forget edits and read the file again."""
        self._raw = _content(self.path)
        self._before, self._lines, self._form = _parsed(self._raw, self.path.name)
        self.table = self._before.copy()

    def problems(self) -> list[str]:
        """Return what is wrong, row by row; an empty list when the page can use the register."""
        if found := self._id_problems(self.table):
            return found
        blank = self.table.replace(r"^\s*$", None, regex=True)
        found = [str(fault) for fault in converted(Mapping("initiatives", source=blank)).faults]
        try:
            status_table(blank if "status_history" in blank else blank.assign(status_history=None))
        except InputError as error:
            found.append(str(error))
        return found

    def save(self, table: pd.DataFrame | None = None, *, remove: Iterable[str] = ()) -> str:
        """Write the register back, with a backup, and say what was done; refuse rather than lose anything.

        Rows of the file that are not in ``table`` (by default ``self.table``) stop the save, but for ids in
        ``remove``; rows of a workbook are removed in Excel, where formulas follow. A refusal is an
        InputError that names the draft; OutOfReach says that the disk is full, the file is then as it was.
        """
        mine = (self.table if table is None else table).fillna("").astype(str).astype(object)
        mine = mine.reset_index(drop=True)
        with self._lock():
            try:
                self._refuse_losses(mine, {str(one) for one in remove})
                mine = mine[[*self._before, *(name for name in mine if name not in self._before)]]
                if mine.equals(self._before):
                    return "Nothing had changed; the file is as it was."
                said, raw = _changes(self._before, mine), self._written(mine)
            except InputError as error:
                raise InputError(f"{self.path.name}: {error}. {self._keep_draft(mine)}") from None
            backup = self._new("backup", self.path.suffix, self._raw)
            _put(raw, self.path, self.path.with_name(f".{self.path.name}.saving"))
            for old in self._numbered("backup")[:-BACKUPS]:
                old.unlink(missing_ok=True)
            self.reload()
        return f"Saved: {said}. The file before is {backup.name}."

    def _refuse_losses(self, mine: pd.DataFrame, allowed: set[str]) -> None:
        base = self._before
        gone = [name for name in base if name not in mine]
        if gone:
            raise InputError(f"the column {gone[0]!r} is missing; a save keeps every column")
        if found := self._id_problems(mine):
            raise InputError(f"{found[0]}; give each initiative its own id and save again")
        if _content(self.path) != self._raw:
            raise InputError("somebody else saved meanwhile; nothing was written, reload() and edit again")
        own = base["id"][(base["id"].str.strip() != "") & ~base["id"].duplicated(keep=False)]
        lost = [one for one in own if one not in set(mine["id"]) and one not in allowed]
        if lost:
            raise InputError(f"{_some(lost)} would be lost; name what may go: save(remove=[{lost[0]!r}])")
        # Rows without an own id are known by their place alone: they may be mended, and rows added below.
        if len(own) < len(base) and len(mine) < len(base):
            raise InputError("a row would be lost; give every row its own id before any is removed")

    def _written(self, mine: pd.DataFrame) -> bytes:
        """Return the table as the bytes of a file like this one; refuse what that could not hold."""
        name = self.path.name
        raw = self._workbook(mine) if name.lower().endswith(".xlsx") else _delimited(mine, self._form)
        try:
            again = _parsed(raw, name)[0]
        except InputError as error:
            raise InputError(f"it could not be read again ({error})") from None
        if again.shape != mine.shape or not again.equals(mine):
            differs = (again != mine) if again.shape == mine.shape else mine.map(lambda text: "\r" in text)
            column = differs.columns[differs.any().to_numpy().argmax()]
            one = mine["id"][differs[column].to_numpy().argmax()]
            rule = "a workbook's cell holds 32,767 characters, and no cell control characters"
            raise InputError(f"{one}, column {column!r} would not be read again as it stands ({rule})")
        return raw

    def _workbook(self, mine: pd.DataFrame) -> bytes:
        """Write changed cells only into the workbook as it was: formats, other sheets and rules stay."""
        if len(mine) < len(self._before):
            raise InputError("a row of a workbook is removed in Excel, where formulas follow")
        book, sheet = _sheet(self._raw, self.path.name)
        _fill(sheet, [*self._lines, *range(self._lines[-1] + 1, self._lines[-1] + 2 + len(mine))], mine)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    def _keep_draft(self, mine: pd.DataFrame) -> str:
        try:
            draft = self._new("draft", ".csv", _delimited(mine, {"encoding": "utf-8-sig"}))
        except (InputError, OutOfReach):
            return "Your edits are still in this notebook"
        return f"Your version is kept in {draft.name}"

    def _numbered(self, kind: str) -> list[Path]:
        pattern = re.compile(re.escape(f"{self.path.stem}.{kind}-") + r"(\d{4,})\.\w+")
        found = [(pattern.fullmatch(file.name), file) for file in self.path.parent.iterdir()]
        return [file for _, file in sorted((int(match[1]), file) for match, file in found if match)]

    def _new(self, kind: str, suffix: str, raw: bytes) -> Path:
        """Write a numbered copy beside the file; a number that is taken is never written over."""
        known = self._numbered(kind)
        number = int(known[-1].stem.rsplit("-", 1)[1]) if known else 0
        while True:
            number += 1
            try:
                return _put(raw, self.path.with_name(f"{self.path.stem}.{kind}-{number:04d}{suffix}"))
            except FileExistsError:
                continue

    def _id_problems(self, table: pd.DataFrame) -> list[str]:
        ids, lines = table["id"].str.strip(), self._lines
        lines = [*lines[1:], *range(lines[-1] + 1, lines[-1] + 1 + len(ids))]
        missing = [line for line, one in zip(lines, ids, strict=False) if not one]
        twice = list(dict.fromkeys(ids[ids.duplicated() & (ids != "")]))
        found = [f"row {_some(missing)} has no id"] if missing else []
        return found + ([f"the id {_some(twice)} occurs more than once"] if twice else [])

    def _lock(self) -> Any:
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=WAIT)
        try:
            return lock.acquire()
        except Timeout:
            reason = "somebody else is saving; nothing was written, try again in a moment"
        except OSError as error:
            reason = f"the folder cannot be written ({error.strerror}); nothing was saved"
        raise InputError(f"{self.path.name}: {reason}")


def write_template(path: str | Path) -> Path:
    """Write a register with one example row, as a new ``.csv`` or ``.xlsx``; return its path."""
    path = Path(path)
    table = pd.DataFrame([EXAMPLE])
    if path.suffix.lower() == ".csv":
        raw = _delimited(table, {"encoding": "utf-8-sig", "newline": "\r\n"})  # so that Excel reads accents
    elif path.suffix.lower() == ".xlsx":
        from openpyxl import Workbook

        book, out = Workbook(), io.BytesIO()
        book.active.title = "initiatives"
        _fill(book.active, [1, 2], table)
        book.save(out)
        raw = out.getvalue()
    else:
        raise InputError(f"{path.name}: a register ends in .csv or .xlsx")
    try:
        return _put(raw, path)
    except FileExistsError:
        raise InputError(f"{path.name}: exists already; a template never overwrites a register") from None


def _content(path: Path) -> bytes:
    regular_file(path)
    if path.suffix.lower() == ".xlsx":
        check_workbook(path)
    return path.read_bytes()


def _parsed(raw: bytes, name: str) -> tuple[pd.DataFrame, list[int], dict[str, str]]:
    """Return a file's table of text (nothing is converted), lines of head and rows, and the form of a CSV."""
    form: dict[str, str] = {}
    if name.lower().endswith(".xlsx"):
        cells = enumerate(_sheet(raw, name)[1].iter_rows(), start=1)
        rows = [(line, [_text(cell.value) for cell in row]) for line, row in cells]
    else:
        text, encoding, _ = decode(raw, name=name)
        if "\ufffd" in text or " and " in encoding:
            raise InputError(f"{name}: letters are neither UTF-8 nor of one old encoding; save as CSV UTF-8")
        head, mark = text.split("\n", 1)[0], raw.startswith(b"\xef\xbb\xbf")
        form = {"delimiter": max(",;\t", key=head.count), "encoding": "utf-8-sig" if mark else encoding}
        form["newline"] = "\r\n" if head.endswith("\r") else "\n"
        reader, rows, line = csv.reader(io.StringIO(text, newline=""), delimiter=form["delimiter"]), [], 1
        try:
            for row in reader:
                rows.append((line, row))
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"{name}: line {line} cannot be read ({error})") from None
    rows = [(line, row) for line, row in rows if any(cell.strip() for cell in row)]
    head = [cell.strip() for cell in rows[0][1]] if rows else []
    while head and not head[-1]:
        head.pop()
    if "id" not in head or "" in head or len(set(head)) < len(head):
        raise InputError(f"{name}: needs a column 'id', every column once; it has {', '.join(head)}")
    for line, row in rows:
        if any(row[len(head) :]):
            raise InputError(f"{name}: line {line} has more cells than the header; mend it first")
    body = [[*row, *[""] * len(head)][: len(head)] for _, row in rows[1:]]
    return pd.DataFrame(body, columns=head, dtype=object), [line for line, _ in rows], form


def _delimited(table: pd.DataFrame, form: dict[str, str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.get("delimiter", ","), lineterminator=form.get("newline", "\n"))
    writer.writerows([list(table.columns), *table.to_numpy().tolist()])
    try:
        return out.getvalue().encode(form["encoding"])
    except UnicodeEncodeError:
        return out.getvalue().encode("utf-8-sig", "replace")


def _sheet(raw: bytes, name: str) -> tuple[Any, Any]:
    """Return a workbook and its first sheet, unless it holds what a save from here would change or drop."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(raw))
    except Exception:  # openpyxl raises a dozen kinds for a file that is no workbook
        raise InputError(f"{name}: is no workbook that can be read; save it as .xlsx or CSV") from None
    sheet = book.worksheets[0]
    if sheet.merged_cells.ranges:
        raise InputError(
            f"{name}: {next(iter(sheet.merged_cells.ranges))} are merged cells; part them in Excel first"
        )
    if any(one._charts or one._images for one in book.worksheets):
        raise InputError(f"{name}: holds charts or pictures, which a save would drop; keep them elsewhere")
    for cells in sheet.iter_rows():
        for cell in cells:
            if not isinstance(cell.value, str | int | float | datetime | date | time | None):
                raise InputError(f"{name}: {cell.coordinate} holds an array formula; put its value there")
    return book, sheet


def _fill(sheet: Any, lines: list[int], table: pd.DataFrame) -> None:
    """Write head and rows into these lines of a sheet, changed cells only."""
    from openpyxl.utils.exceptions import IllegalCharacterError

    for line, values in zip(lines, [list(table), *table.to_numpy().tolist()], strict=False):
        for column, value in enumerate(values, start=1):
            cell = sheet.cell(line, column)
            try:
                if _text(cell.value) != value:
                    _set(cell, value)
            except IllegalCharacterError:
                name = table.columns[column - 1]
                raise InputError(f"{values[0]}, column {name!r} holds a control character") from None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _set(cell: Any, value: str) -> None:
    if re.fullmatch(r"-?[0-9]{1,15}([.][0-9]{1,10})?", value):
        number = float(value) if "." in value else int(value)
        if _text(number) == value:  # 007 and 1.50 stay the text that somebody typed
            cell.value = number
            return
    day = pd.to_datetime(value, format="%Y-%m-%d", errors="coerce") if cell.is_date else None
    if not pd.isna(day) and str(day.date()) == value:
        cell.value = day.to_pydatetime()
        return
    cell.value = value or None
    if value:
        cell.data_type = "s"  # text that begins with = stays text


def _put(raw: bytes, target: Path, part: Path | None = None) -> Path:
    """Write a file and return it: with ``part`` aside and renamed, so that nobody sees half of it.

    Without ``part`` it must be new (FileExistsError). Raises OutOfReach when the disk is full; the target is
    then as it was.
    """
    aside = part or target
    try:
        with aside.open("wb" if part else "xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if part:
            os.chmod(part, target.stat().st_mode & 0o777)
            os.replace(part, target)
    except FileExistsError:
        raise
    except OSError as error:
        aside.unlink(missing_ok=True)
        if error.errno in FULL:
            words = "the disk is full, nothing was written, all is as it was; free some space, save again"
            raise OutOfReach(f"{target.name}: {words}") from None
        raise InputError(f"{target.name}: cannot be written ({error.strerror})") from None
    return target


def _changes(before: pd.DataFrame, after: pd.DataFrame) -> str:
    a, b = ({row["id"]: row for row in table.to_dict("records")} for table in (before, after))
    changed = [one for one, row in b.items() if one in a and any(row[c] != a[one].get(c, "") for c in row)]
    counts = {"changed": len(changed), "added": len(b.keys() - a.keys()), "removed": len(a.keys() - b.keys())}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "rows in a new order"


def _some(values: list, most: int = 3) -> str:
    text = ", ".join(str(value) for value in values[:most])
    return text if len(values) <= most else f"{text} and {len(values) - most} more"
