"""A register of initiatives that a team keeps in a CSV or Excel file: no save loses a row or somebody's edit.

Contents
    write_template   a file to start from, with its rules
    Register         open, check, edit and save
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from filelock import FileLock, Timeout

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import regular_file
from cxlab.data.mapping import Mapping
from cxlab.data.study import converted
from cxlab.questions.delivery import status_table
from cxlab.workbook.explore import is_live
from cxlab.workbook.register_files import put, read, set_cell, write

BACKUPS = 20
WAIT = 10.0  # seconds for another editor's save to end
YES_NO = "yes,no"
# Column: what to write, example, and what Excel allows (a list, or 'number' or 'part').
COLUMNS: dict[str, tuple[str, str, str]] = {
    "id": ("the project's own number, never used twice", "P-001", ""),
    "title": ("a few words", "call back within an hour", ""),
    "area": ("what it works on, in the words of the complaints", "customer service", ""),
    "level": ("account, unit or corporate", "unit", "account,unit,corporate"),
    "side": ("product or experience", "experience", "product,experience"),
    "customer_focused": ("yes or no, coded by one person", "yes", YES_NO),
    "customer_focused_2": ("yes or no, coded by another who has not seen the first", "yes", YES_NO),
    "team": ("who is responsible", "service desk", ""),
    "impact_low": ("expected impact if it goes badly", "3", "number"),
    "impact": ("expected impact, most likely", "5", "number"),
    "impact_high": ("expected impact if it goes well", "9", "number"),
    "cost": ("in one currency", "20000", "number"),
    "due": ("day it is promised for, as 2026-06-30", "2026-06-30", ""),
    "done": ("day it was finished; empty while open", "", ""),
    "status_history": (
        "one DATE STATUS a report, parted by semicolons: on schedule, at risk, late or done",
        "2026-01-31 on schedule; 2026-02-28 at risk",
        "",
    ),
    "compensation_linked": ("yes or no: does somebody's pay depend on it?", "no", YES_NO),
}


class SaveReport(NamedTuple):
    """What a save did: ids that were changed, added and removed, and the backup (None: nothing to write)."""

    changed: list[str]
    added: list[str]
    removed: list[str]
    backup: Path | None

    def __str__(self) -> str:
        if self.backup is None:
            return "Nothing had changed; the file is as it was."
        done = {"changed": self.changed, "added": self.added, "removed": self.removed}
        parts = [f"{len(ids)} {word}" for word, ids in done.items() if ids]
        return f"Saved: {', '.join(parts) or 'ids mended'}. The file before is {self.backup.name}."


class Register:
    """A register of initiatives in a CSV or Excel file.

    Parameters
    ----------
    path : str or Path
        An existing file with a column ``id``; :func:`write_template` makes one.

    Attributes
    ----------
    table : DataFrame
        All cells as text, exactly as in the file. Edit it (or use :meth:`edit`), then :meth:`save`.
    notes : list of str
        What was found on opening, such as a save that had been interrupted.

    Notes
    ----- A save holds a lock beside the file and reads the file again. If somebody else saved meanwhile, or
    if anything would be lost, nothing is written and your version is kept in a numbered draft. The file is
    replaced in one step, after a numbered backup.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = regular_file(path).resolve()  # a link stays a link, and all its users share one lock
        self.notes: list[str] = []
        self._recover()
        self.reload()

    def reload(self) -> None:
        """Forget edits and read the file again."""
        self._opened = read(self.path)
        self.table = self._opened.table.copy()

    def problems(self) -> list[str]:
        """Return what is wrong, line by line; an empty list when the page can use the register."""
        if found := self._id_problems(self.table):
            return found
        blank = self.table.replace(r"^\s*$", None, regex=True)
        found = [str(fault) for fault in converted(Mapping("initiatives", source=blank)).faults]
        try:
            status_table(blank if "status_history" in blank else blank.assign(status_history=None))
        except InputError as error:
            found.append(str(error))
        return found

    def add(self, **cells: Any) -> None:
        """Add one row; ``id`` is needed, cells that are not named stay empty."""
        unknown = [name for name in cells if name not in self.table]
        if unknown:
            names = ", ".join(self.table)
            raise InputError(f"add: there is no column {unknown[0]!r}; the register has {names}")
        self.table.loc[len(self.table)] = [str(cells.get(name, "")) for name in self.table]

    def save(self, table: pd.DataFrame | None = None, *, remove: Iterable[str] = ()) -> SaveReport:
        """Write the register back, with a backup; refuse rather than lose a row or somebody's edit.

        Parameters
        ----------
        table : DataFrame, optional
            The edited register; ``self.table`` by default.
        remove : ids that may disappear
            Any other row of the file that is not in ``table`` stops the save.

        Raises
        ------
        InputError
            For a missing or repeated id, a row or column that would be lost, a cell that the file cannot
            hold, a file that somebody else saved meanwhile, or a lock that is not released. Your version is
            then kept in a draft beside the file.
        OutOfReach
            When the disk is full; the file is as it was.
        """
        mine = (self.table if table is None else table).fillna("").astype(str).astype(object)
        mine = mine.reset_index(drop=True)
        with self._lock():
            try:
                self._refuse_losses(mine, {str(one) for one in remove})
                before = self._opened
                mine = mine[[*before.table, *(name for name in mine if name not in before.table)]]
                report = _compare(before.table, mine)
                if mine.equals(before.table):
                    return report
                raw = write(mine, before, self.path.name)
            except InputError as error:
                raise InputError(f"{self.path.name}: {error}. {self._keep_draft(mine)}") from None
            backup = self._new("backup", self.path.suffix, before.raw)
            put(raw, self.path, self._part)
            for old in self._numbered("backup")[:-BACKUPS]:
                old.unlink(missing_ok=True)
            self.reload()
        return report._replace(backup=backup)

    def edit(self, rows: int = 12) -> Any:
        """Return an editable grid in a live notebook, or the first rows as a plain table in a report."""
        return _editor(self) if is_live() else self.table.head(rows)

    def _refuse_losses(self, mine: pd.DataFrame, allowed: set[str]) -> None:
        base = self._opened.table
        gone = [name for name in base if name not in mine]
        if gone:
            raise InputError(f"the column {gone[0]!r} is missing; a save keeps every column")
        if found := self._id_problems(mine):
            raise InputError(f"{found[0]}; give each initiative its own id and save again")
        if read(self.path).digest != self._opened.digest:
            raise InputError(
                "somebody else saved meanwhile, and nothing was written; call reload() and edit again"
            )
        own = base["id"][(base["id"].str.strip() != "") & ~base["id"].duplicated(keep=False)]
        lost = [one for one in own if one not in set(mine["id"]) and one not in allowed]
        if lost:
            raise InputError(
                f"{_some(lost)} would be lost; name rows that may go: save(remove=[{lost[0]!r}])"
            )
        # Rows without an own id are known by their place alone: they may be mended, and rows added below.
        if len(own) < len(base) and len(mine) < len(base):
            raise InputError("a row would be lost; give every row its own id before any is removed")

    def _keep_draft(self, mine: pd.DataFrame) -> str:
        out = io.StringIO(newline="")
        csv.writer(out).writerows([list(mine.columns), *mine.to_numpy().tolist()])
        try:
            draft = self._new("draft", ".csv", out.getvalue().encode("utf-8-sig", "replace"))
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
            target = self.path.with_name(f"{self.path.stem}.{kind}-{number:04d}{suffix}")
            try:
                return put(raw, target)
            except FileExistsError:
                continue

    @property
    def _part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.saving")

    def _recover(self) -> None:
        """Set aside what an interrupted save left behind; the register itself is whole either way."""
        if not self._part.exists():
            return
        with self._lock():
            if self._part.exists():
                aside = self._new("interrupted", self.path.suffix, regular_file(self._part).read_bytes())
                self._part.unlink()
                self.notes.append(
                    "A save was interrupted before it took effect. The register is as it was; what had been "
                    f"written is in {aside.name} (it may be incomplete)."
                )

    def _id_problems(self, table: pd.DataFrame) -> list[str]:
        ids, lines = table["id"].str.strip(), self._opened.lines
        last = lines[-1] if lines else self._opened.head
        lines = [*lines, *range(last + 1, last + 1 + len(ids))]
        missing = [line for line, one in zip(lines, ids, strict=False) if not one]
        twice = list(dict.fromkeys(ids[ids.duplicated() & (ids != "")]))
        found = [f"row {missing[0]} has no id"] if len(missing) == 1 else []
        found += [f"{len(missing)} rows ({_some(missing)}) have no id"] if len(missing) > 1 else []
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
    """Write an empty register with one example row, as ``.csv`` or ``.xlsx``; return its path.

    Excel gets drop-down lists, rules for numbers, and a note on each column's head. An existing file is never
    overwritten.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise InputError(f"{path.name}: a register ends in .csv or .xlsx")
    example = [value for _, value, _ in COLUMNS.values()]
    if path.suffix.lower() == ".csv":
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\r\n").writerows([list(COLUMNS), example])
        raw = out.getvalue().encode("utf-8-sig")  # so that Excel reads accents right
    else:
        raw = _template_workbook(example)
    try:
        return put(raw, path)
    except FileExistsError:
        raise InputError(f"{path.name}: exists already; a template never overwrites a register") from None


def _template_workbook(example: list[str]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book, out = Workbook(), io.BytesIO()
    sheet = book.active
    sheet.title, sheet.freeze_panes = "initiatives", "B2"
    sheet.append(list(COLUMNS))
    for k, (name, (words, _, rule)) in enumerate(COLUMNS.items(), start=1):
        letter = get_column_letter(k)
        set_cell(sheet.cell(2, k), example[k - 1])
        sheet[f"{letter}1"].comment = Comment(words, "CX Lab")
        sheet.column_dimensions[letter].width = max(12, len(name) + 2)
        if rule:
            number = rule == "number"
            kind = (
                {"type": "decimal", "operator": "greaterThanOrEqual", "formula1": "0"}
                if number
                else {"type": "list", "formula1": f'"{rule}"'}
            )
            check = DataValidation(**kind, allow_blank=True, error=words, errorTitle=name)
            check.add(f"{letter}2:{letter}500")
            sheet.add_data_validation(check)
    book.save(out)
    return out.getvalue()


def _compare(before: pd.DataFrame, after: pd.DataFrame) -> SaveReport:
    a, b = ({row["id"]: row for row in table.to_dict("records")} for table in (before, after))
    changed = [one for one, row in b.items() if one in a and any(row[c] != a[one].get(c, "") for c in row)]
    return SaveReport(changed, [one for one in b if one not in a], [one for one in a if one not in b], None)


def _some(values: list, most: int = 3) -> str:
    text = ", ".join(str(value) for value in values[:most])
    return text if len(values) <= most else f"{text} and {len(values) - most} more"


def _editor(register: Register) -> Any:
    """Return the grid, buttons that say what they did, and a line that reports; only Save writes the file."""
    import ipywidgets as widgets
    from ipydatagrid import DataGrid

    sizes = {"base_column_size": 110, "column_widths": {"title": 200, "status_history": 320}}
    grid = DataGrid(
        register.table.copy(), editable=True, selection_mode="cell", layout={"height": "360px"}, **sizes
    )
    said = widgets.HTML()

    def tell(text: str) -> None:
        said.value = f"<div role='status'>{html.escape(text)}</div>"

    def keep(change: dict[str, Any]) -> None:
        register.table.loc[change["row"], change["column"]] = str(change["value"] or "")

    def act(what: Callable[[], str]) -> Callable[[Any], None]:
        def clicked(_button: Any) -> None:
            try:
                tell(what())
            except (InputError, OutOfReach) as error:
                tell(str(error))
            else:
                grid.data = register.table.copy()

        return clicked

    def check() -> str:
        problems = register.problems()
        return f"{len(problems)} to mend. {problems[0]}" if problems else "No problems found."

    def add() -> str:
        register.table.loc[len(register.table)] = ""
        return "A row was added at the end; give it an id before you save."

    def reload() -> str:
        register.reload()
        return "Read again; edits that were not saved are gone."

    actions = {"Save": lambda: str(register.save()), "Check": check, "Add a row": add, "Reload": reload}
    buttons = [widgets.Button(description=label) for label in actions]
    for button, action in zip(buttons, actions.values(), strict=True):
        button.on_click(act(action))
    grid.on_cell_change(keep)
    tell(" ".join(register.notes) or "Double-click a cell to edit; nothing is written before Save.")
    return widgets.VBox([widgets.HBox(buttons), grid, said])
