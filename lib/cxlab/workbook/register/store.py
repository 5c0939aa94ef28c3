"""The register itself: opened with its fingerprint, saved under a lock, merged, backed up, never shortened by accident."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cxlab.evidence.errors import InputError

from .files import Content, decode, encode, put, read_bytes
from .merge import lost_rows, merge

__all__ = ["Register", "SaveReport"]

BACKUPS = 20
WAIT = 10.0  # seconds for another editor's save to end


class SaveReport(NamedTuple):
    """What a save did.

    Attributes
    ----------
    changed, added, removed : ids, compared with the file as it was just before
    merged : ids that somebody else had changed or added since this register was opened; their edits are kept
    backup : the copy of the file before the save, or None when nothing had to be written
    """

    changed: list[str]
    added: list[str]
    removed: list[str]
    merged: list[str]
    backup: Path | None

    def __str__(self) -> str:
        if self.backup is None:
            return "Nothing had changed; the file is as it was."
        parts = [
            f"{len(ids)} {word}"
            for ids, word in ((self.changed, "changed"), (self.added, "added"), (self.removed, "removed"))
            if ids
        ]
        text = f"Saved: {', '.join(parts) or 'nothing of yours had changed'}."
        if self.merged:
            text += f" Somebody else had edited {', '.join(self.merged)} meanwhile; those edits are kept."
        return text + f" The file before is {self.backup.name}."


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
    -----
    A save holds a lock, reads the file again and compares its fingerprint (sha256) with the one it was opened with.
    If somebody saved meanwhile, edits are merged cell by cell; where both changed one cell, nothing is written and your
    version goes to a draft beside the file. The file is replaced in one step, after a backup; rows disappear only when
    they are named in ``remove``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()  # a link stays a link, and all its users share one lock
        self.notes: list[str] = []
        self._recover()
        self._opened = decode(read_bytes(self.path), self.path)
        self.table = self._opened.table.copy()

    def reload(self) -> None:
        """Forget edits and read the file again."""
        self._opened = decode(read_bytes(self.path), self.path)
        self.table = self._opened.table.copy()

    def problems(self, table: pd.DataFrame | None = None) -> list[str]:
        """Return what is wrong, line by line; an empty list when the register can be used by the page.

        Missing and repeated ids come first: with those nothing is saved.
        """
        table = self.table if table is None else table
        found = _id_problems(table, self._line)
        if not found:
            from cxlab.evidence.tables.schemas import conform

            blank = table.replace(r"^\s*$", None, regex=True)
            checked = conform(blank, "initiatives", lines=[self._line(k) for k in range(len(table))])
            found += [str(fault) for fault in checked.faults]
            if not found and "status_history" in table:
                from cxlab.methods.initiatives import status_table

                try:
                    status_table(blank)
                except InputError as error:
                    found.append(str(error))
        return found

    def edit(self, rows: int = 12) -> Any:
        """Return an editable grid in a live notebook, or the first rows as a plain table in a report."""
        from cxlab.workbook.explore import is_live

        if not is_live():
            return self.table.head(rows)
        from .grid import editor

        return editor(self)

    def add(self, **cells: Any) -> None:
        """Add one row; ``id`` is needed, cells that are not named stay empty."""
        unknown = [name for name in cells if name not in self.table]
        if unknown:
            raise InputError(
                f"add: there is no column {unknown[0]!r}; the register has {', '.join(self.table)}"
            )
        self.table.loc[len(self.table)] = [str(cells.get(name, "")) for name in self.table]

    def save(self, table: pd.DataFrame | None = None, *, remove: Iterable[str] = ()) -> SaveReport:
        """Write the register back, with a backup; refuse rather than lose a row or somebody's edit.

        Parameters
        ----------
        table : DataFrame, optional
            The edited register; ``self.table`` by default.
        remove : ids that may disappear
            Any other row of the file that is not in ``table`` stops the save.

        Returns
        -------
        SaveReport

        Raises
        ------
        InputError
            For a missing or repeated id, a row that would be lost, a cell that two people changed, or a lock that is
            not released. Your version is then kept in a draft beside the file, named in the message.
        OutOfReach
            When the disk is full; the file is as it was.
        """
        mine = (
            (self.table if table is None else table)
            .fillna("")
            .astype(str)
            .astype(object)
            .reset_index(drop=True)
        )
        allowed = {str(one) for one in remove}
        with self._lock():
            found = _id_problems(mine, self._line)
            if found:
                self._refuse(mine, found[0] + "; give each initiative its own id and save again")
            if "id" not in mine or set(self._opened.table) - set(mine):
                gone = sorted(set(self._opened.table) - set(mine))
                self._refuse(mine, f"the column {gone[0]!r} is missing; a save keeps every column")
            try:
                now = decode(read_bytes(self.path), self.path)
            except InputError as error:
                self._refuse(mine, f"the file has changed so that it cannot be read ({error})")
            merged, others = self._merge(mine, now, allowed)
            report = _compare(now.table, merged, others)
            if merged.equals(now.table):
                self._opened, self.table = now, now.table.copy()
                return report
            backup = self._backup(now)
            put(encode(merged, now, self.path), self.path, self._part)
            self._opened = decode(read_bytes(self.path), self.path)
            self.table = self._opened.table.copy()
        return report._replace(backup=backup)

    def _merge(self, mine: pd.DataFrame, now: Content, allowed: set[str]) -> tuple[pd.DataFrame, list[str]]:
        base = self._opened
        lost = lost_rows(base.table, mine, allowed)
        if lost:
            self._refuse(
                mine, f"{_some(lost)} would be lost; name rows that may go: save(remove=[{lost[0]!r}])"
            )
        if now.digest == base.digest:
            return mine, []
        if _id_problems(base.table, self._line) or _id_problems(now.table, self._line):
            reason = (
                "somebody saved meanwhile, and rows without an own id cannot be merged; reload and edit again"
            )
            self._refuse(mine, reason)
        merged, others, clashes = merge(base.table, mine, now.table, allowed)
        if clashes:
            self._refuse(
                mine, f"somebody else changed the same meanwhile: {_some(clashes)}; nothing was written"
            )
        return merged, others

    def _refuse(self, mine: pd.DataFrame, reason: str) -> None:
        draft = self._free("draft")
        try:
            put(encode(mine, self._opened, self.path), draft, draft.with_name(f".{draft.name}.part"))
            kept = f"Your version is kept in {draft.name}."
        except Exception:  # the reason matters more than why the draft failed
            kept = "Your edits are still in this notebook."
        raise InputError(f"{self.path.name}: {reason}. {kept}")

    def _backup(self, content: Content) -> Path:
        backup = self._free("backup")
        put(content.raw, backup, backup.with_name(f".{backup.name}.part"))
        for old in self._numbered("backup")[:-BACKUPS]:
            old.unlink(missing_ok=True)
        return backup

    def _numbered(self, kind: str) -> list[Path]:
        pattern = f"{self.path.stem}.{kind}-[0-9][0-9][0-9][0-9]{self.path.suffix}"
        return sorted(self.path.parent.glob(pattern))

    def _free(self, kind: str) -> Path:
        known = self._numbered(kind)
        number = int(known[-1].stem.rsplit("-", 1)[1]) + 1 if known else 1
        return self.path.with_name(f"{self.path.stem}.{kind}-{number:04d}{self.path.suffix}")

    @property
    def _part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.saving")

    def _recover(self) -> None:
        """Set aside what an interrupted save left behind; the register itself is whole either way."""
        if not self._part.exists():
            return
        with self._lock():
            if self._part.exists():
                aside = self._free("interrupted")
                self._part.replace(aside)
                self.notes.append(
                    f"A save was interrupted before it took effect. The register is as it was before that save; what had "
                    f"been written is in {aside.name} (it may be incomplete)."
                )

    def _line(self, row: int) -> int:
        lines = self._opened.lines if hasattr(self, "_opened") else []
        return lines[row] if row < len(lines) else (lines[-1] if lines else 1) + row - len(lines) + 1

    @contextmanager
    def _lock(self) -> Iterator[None]:
        path = self.path.with_name(f".{self.path.name}.lock")
        try:
            handle = path.open("a+b")
        except OSError as error:
            raise InputError(
                f"{self.path.name}: the folder cannot be written ({error.strerror}); nothing was saved"
            ) from None
        with handle:
            limit = time.monotonic() + WAIT
            while not _try_lock(handle):
                if time.monotonic() > limit:
                    raise InputError(
                        f"{self.path.name}: somebody else is saving; nothing was written, try again in a moment"
                    )
                time.sleep(0.05)
            yield


def _try_lock(handle: Any) -> bool:
    # The operating system releases the lock when the process ends, however it ends.
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        import msvcrt

        try:
            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
    except OSError:
        return False
    return True


def _id_problems(table: pd.DataFrame, line: Any) -> list[str]:
    ids = table["id"].fillna("").astype(str).str.strip()
    missing = [line(k) for k in range(len(ids)) if not ids.iloc[k]]
    found = []
    if missing:
        rows = (
            f"row {missing[0]} has" if len(missing) == 1 else f"{len(missing)} rows ({_some(missing)}) have"
        )
        found.append(f"{rows} no id")
    twice = list(dict.fromkeys(ids[ids.duplicated() & (ids != "")]))
    if twice:
        found.append(f"the id {_some(twice)} occurs more than once")
    return found


def _compare(before: pd.DataFrame, after: pd.DataFrame, merged: list[str]) -> SaveReport:
    old, new = set(before["id"]), set(after["id"])
    a = before.drop_duplicates("id").set_index("id")
    b = after.drop_duplicates("id").set_index("id").reindex(columns=a.columns, fill_value="")
    changed = [one for one in after["id"] if one in old and not a.loc[one].equals(b.loc[one])]
    added = [one for one in after["id"] if one not in old]
    return SaveReport(changed, added, [one for one in before["id"] if one not in new], merged, None)


def _some(values: list, most: int = 3) -> str:
    text = ", ".join(str(value) for value in values[:most])
    return text if len(values) <= most else f"{text} and {len(values) - most} more"
