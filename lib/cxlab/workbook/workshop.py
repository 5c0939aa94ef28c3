"""The workshop: exercise copies of the notebooks, and what a room handed in, summed up."""

import csv
import html
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell

from cxlab.data.errors import InputError
from cxlab.data.files import project_folder
from cxlab.questions.words import count, listed
from cxlab.workbook import glossary
from cxlab.workbook.exercises import exercises_of, question_text
from cxlab.workbook.publish import write_whole

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
    write_whole(out / "terms.html", glossary.sheet())
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
    table = table.reset_index().rename(columns={"wrong": "most common wrong answer"})
    write_whole(folder / "room.html", _page(lines, table))
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
    kept = json.loads(path.read_text(encoding="utf-8"))
    return str(kept.get("id") or path.name), [_tried(name, **one) for name, one in kept["exercises"].items()]


def _tried(name: str, state: str, tries: int, wrong: list, **more: Any) -> tuple[str, bool, bool, list[str]]:
    return name, state == "right", state != "right" and tries > 1, [str(one) for one in wrong]


def _labels(path: Path) -> list[list[str]]:
    """Return rater, statement and label of each row that has a label, and the file's name."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[row[name].strip() for name in LABELS] for row in csv.DictReader(file)]
    if not rows or not all(rater and statement for rater, statement, _ in rows):
        raise ValueError("no labels")
    return [[*row, path.name] for row in rows if row[2]]


def _page(lines: list[str], table: pd.DataFrame) -> str:
    body = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    with pd.option_context("display.max_colwidth", None):
        rows = table.to_html(index=False, border=0)
    style = "body{font:24px system-ui;margin:2em;max-width:60em}td,th{padding:.3em 1em;text-align:left}"
    return glossary.document("The room", style, body + rows)
