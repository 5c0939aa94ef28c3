"""The workshop: is everything in place, exercise copies, a pack for a room without internet, what came back.

A pack is one folder with wheels, data, notebooks and the built report (``make pack``).
"""

import csv
import itertools
import json
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell

from cxlab import __version__
from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import cache_folder, project_folder, sha256_of
from cxlab.questions.result import Number, Result, count, listed
from cxlab.workbook.exercises import exercises_of, question_text
from cxlab.workbook.glossary import read_glossary
from cxlab.workbook.page import TEMPLATES
from cxlab.workbook.publish import hashes_of, write_whole

_PARTS = "jupyterlab ipywidgets pandas plotly papermill duckdb statsmodels scikit-learn"
_AGAIN = "rm .venv/.ready && make lab"


def in_place() -> Result:
    """Is everything in place? The table has a row a part: ``part version fix`` (empty, or a command)."""
    parts = {"python": platform.python_version(), "cxlab": __version__}
    for part in _PARTS.split():
        parts[part] = next((found.version for found in distributions(name=part)), "")
    table = pd.DataFrame(parts.items(), columns=["part", "version"])
    table["fix"] = table["version"].map(lambda found: "" if found else _AGAIN)
    sound = int((table["fix"] == "").sum())
    finding = f"Everything is in place: all {sound} parts answer."
    if sound < len(table):
        finding = f"{len(table) - sound} of {len(table)} parts need mending. Type in a terminal: {_AGAIN}"
    number = Number(sound, unit="parts", n=len(table), label="parts in place")
    return Result(finding, {"parts-in-place": number}, table)


SUMS = "SHA256SUMS"


def make_pack(out: Path, *, python: str = "") -> list[str]:
    """Fill a new folder from which ``make workshop OFFLINE=folder`` sets up without a network.

    ``python`` is the attendees' version, such as ``"3.12"``; empty: this one. Wheels are for this machine's
    platform. Returns what to print.
    """
    root = project_folder()
    if out.exists() and any(out.iterdir()) and not (out / SUMS).is_file():
        raise InputError(f"{out} holds files but no {SUMS}; name an empty folder")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(root / "reports", out / "report")
    shutil.copytree(cache_folder() / "sources", out / "sources")
    shutil.copytree(root / "notebooks", out / "notebooks", ignore=shutil.ignore_patterns(".*"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary", ":all:", "--dest", str(out / "wheels")]
    command += ["--python-version", python] if python else []
    for lock in ("installer.lock", "requirements.lock"):
        fetch = [*command, "-r", str(root / "lib" / lock)]
        done = subprocess.run(fetch, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            fault = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "no answer")
            raise OutOfReach(f"a wheel could not be fetched: {fault.removeprefix('ERROR: ')}")
    files = hashes_of(out)
    size = sum((out / name).stat().st_size for name in files) / 1e6
    sums = "".join(f"{digest}  {name}\n" for name, digest in files.items())
    (out / SUMS).write_text(sums, encoding="utf-8")
    python = python or platform.python_version().rpartition(".")[0]
    return [
        f"{out}: {len(files)} files, {size:.0f} MB, listed with their hashes in {SUMS}",
        f"it serves Python {python} on {platform.system()} {platform.machine()}",
        f"in the room: copy the project and {out.name}, then make workshop OFFLINE={out.name}",
    ]


def unpack(pack: Path) -> list[str]:
    """Check a pack against its hashes and put its data where the notebooks look for them."""
    if not (pack / SUMS).is_file():
        raise InputError(f"{pack} is no pack: it has no {SUMS}")
    for line in (pack / SUMS).read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        if not (pack / name).is_file() or sha256_of(pack / name) != expected:
            raise InputError(f"{name} in {pack} is missing or damaged; copy the pack again")
    shutil.copytree(pack / "sources", cache_folder() / "sources", dirs_exist_ok=True)
    return [f"{pack}: every file is whole; the data are in place"]


LABELS = ["rater", "statement", "label"]


def write_copies(out: Path, *, fresh: bool = False) -> list[str]:
    """Write the attendees' notebooks, each exercise beside its section, and the sheet of terms.

    A copy in which somebody worked is kept unless ``fresh``. Returns what was written and what was kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    written, kept = [], []
    for path in sorted((project_folder() / "notebooks").glob("0*.ipynb")):
        copy = with_exercises(nbformat.read(path, as_version=4), path.stem[:2])
        target = out / path.name
        if fresh or not target.exists():
            write_whole(target, nbformat.writes(copy) + "\n")
            written.append(target.stem)
        elif changed := _changed(target, copy):
            kept.append(f"{target.stem} ({count(changed, 'cell')} changed)")
    terms = TEMPLATES.get_template("terms.html.j2").render(terms=read_glossary())
    write_whole(out / "terms.html", terms)
    lines = [f"{out}: {count(len(written), 'exercise notebook')} written; terms.html prints on two pages"]
    if kept:
        lines.append(f"kept, since somebody worked in them (--fresh replaces them): {listed(kept)}")
    return lines


def _changed(path: Path, copy: Any) -> int:
    """Return how many cells of an attendee's file are not as the copy would be written; all if unreadable."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        theirs = Counter("".join(cell["source"]) for cell in cells)
    except (OSError, ValueError, KeyError, TypeError):
        return len(copy.cells)
    return (theirs - Counter(cell.source for cell in copy.cells)).total()


def with_exercises(notebook: Any, number: str) -> Any:
    """Return the notebook with its exercises as cells: the question, and ``cx.check("02.1", ...)``."""
    end = new_code_cell("cx.progress()", id="progress")
    cells, section = [], "lead"
    for cell in [*notebook.cells, end]:
        if cell is end or cell.source.startswith("## "):
            for name in [name for name, where in exercises_of(number).items() if where == section]:
                place = name.replace(".", "-")
                cells.append(new_markdown_cell(question_text(name), id=f"ask-{place}"))
                cells.append(new_code_cell(f'cx.check("{name}", ...)', id=f"try-{place}"))
            section = cell.source.splitlines()[0][3:].strip()
        cells.append(cell)
    notebook.cells = cells
    return notebook


def sum_up(folder: Path) -> list[str]:
    """Sum up what a room handed in: write ``room.html`` and the merged labels, return what to print.

    The folder holds ``progress*.json`` (one a person) and CSV files with the columns ``rater statement
    label``; broken files are skipped by name. Only counts are shown, never names.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; put the files that people handed in into one")
    skipped: list[str] = []
    notes = sorted(folder.glob("progress*.json"), key=lambda path: (path.stat().st_mtime, path.name))
    people = dict(_readable(notes, _progress, skipped))  # a later file of one person replaces the earlier
    sheets = sorted({*folder.glob("*.csv")} - {folder / "room-ratings.csv"})
    labels = pd.DataFrame(itertools.chain(*_readable(sheets, _labels, skipped)), columns=[*LABELS, "file"])
    labels = labels[labels["file"] == labels.groupby("rater")["file"].transform("first")]
    lines = [f"{count(len(people), 'person', 'people')} handed in their progress"]
    states = pd.DataFrame(itertools.chain(*people.values()), columns=["exercise", "done", "stuck", "wrong"])
    table = states.groupby("exercise").agg({"done": "sum", "stuck": "sum", "wrong": _commonest})
    if table["stuck"].any():
        name = table["stuck"].idxmax()
        lines.append(f"most people are stuck at exercise {name}: {table['stuck'][name]} of {len(people)}")
    if len(labels):
        write_whole(folder / "room-ratings.csv", labels[LABELS].to_csv(index=False))
        mapping = "table: ratings\nfile: room-ratings.csv\ntitle: Labels of this room\n"
        columns = "columns: {rater: rater, statement: statement, label: label}\n"
        write_whole(folder / "room-ratings.yaml", mapping + columns)
        raters = count(labels["rater"].nunique(), "rater")
        lines.append(f"labels of {raters} merged; open them on page 01 with ratings=room-ratings.yaml")
    if skipped:
        lines.append(f"skipped, since they could not be read: {listed(skipped)}")
    made = TEMPLATES.get_template("room.html.j2").render(lines=lines, rows=table.itertuples())
    write_whole(folder / "room.html", made)
    return [*lines, f"written: {folder / 'room.html'}"]


def _commonest(answers: pd.Series) -> str:
    return "".join(f"{words} ({times})" for words, times in Counter(answers.sum()).most_common(1))


def _readable(paths: list[Path], read: Callable[[Path], Any], skipped: list[str]) -> Iterator[Any]:
    """Yield what each file holds; ``skipped`` gets the names of those that cannot be read."""
    for path in paths:
        try:
            yield read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
            skipped.append(path.name)


def _progress(path: Path) -> tuple[str, list[tuple[str, bool, bool, list[str]]]]:
    """Return who handed in a file, and the exercises tried: name, done, stuck, wrong answers."""
    kept, tried = json.loads(path.read_text(encoding="utf-8")), []
    for name, one in kept["exercises"].items():
        done, stuck = one["state"] == "right", one["tries"] > 1
        tried.append((name, done, stuck and not done, list(map(str, one["wrong"]))))
    return str(kept.get("id") or path.name), tried


def _labels(path: Path) -> list[list[str]]:
    """Return rater, statement and label of each row that has a label, and the file's name."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[row[name].strip() for name in LABELS] for row in csv.DictReader(file)]
    if not rows or not all(rater and statement for rater, statement, _ in rows):
        raise ValueError("no labels")
    return [[*row, path.name] for row in rows if row[2]]
