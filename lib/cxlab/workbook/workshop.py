"""The workshop: exercise copies of the notebooks, and what a room handed in, summed up."""

import csv
import html
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError
from cxlab.data.files import project_folder
from cxlab.questions.words import count, listed
from cxlab.workbook import glossary
from cxlab.workbook.exercises import exercises_of, question_text


def write_copies(out: Path, *, fresh: bool = False) -> list[str]:
    """Write the attendees' notebooks, each exercise beside its section, and the sheet of terms.

    A copy in which somebody worked is kept unless ``fresh``. Returns what was written and what was kept.
    """
    import nbformat

    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the copies")
    out.mkdir(parents=True, exist_ok=True)
    written, kept = [], []
    for path in sorted((project_folder() / "notebooks").glob("0*.ipynb")):
        copy = with_exercises(nbformat.read(path, as_version=4), path.stem[:2])
        target = out / path.name
        if target.exists() and not fresh:
            if changed := _changed(target, copy):
                kept.append(f"{target.stem} ({count(changed, 'cell')} changed)")
            continue
        part = target.with_suffix(".part")
        nbformat.write(copy, part)
        os.replace(part, target)
        written.append(target.stem)
    _replace(out / "terms.html", glossary.sheet())
    lines = [f"{out}: {count(len(written), 'exercise notebook')} written; terms.html prints on two pages"]
    if kept:
        lines.append(f"kept, since somebody worked in them (--fresh replaces them): {listed(kept)}")
    if (out / "progress.json").is_file():
        lines.append("kept: progress.json, which exercises are done")
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
    from nbformat.v4 import new_code_cell, new_markdown_cell

    waiting = exercises_of(number)
    cells, section = [], "lead"

    def ask(done: str) -> None:
        for name in [name for name, where in waiting.items() if where == done]:
            place = name.replace(".", "-")
            cells.append(new_markdown_cell(question_text(name), id=f"ask-{place}"))
            cells.append(new_code_cell(f'cx.check("{name}", ...)', id=f"try-{place}"))
            del waiting[name]

    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            ask(section)
            section = cell.source.splitlines()[0][3:].strip()
        cells.append(cell)
    ask(section)
    if waiting:
        raise InputError(f"exercises {listed(waiting)} name a section that notebook {number} does not have")
    notebook.cells = [*cells, new_code_cell("cx.progress()", id="progress")]
    return notebook


def sum_up(folder: Path) -> list[str]:
    """Sum up what a room handed in: write ``room.html`` and the merged labels, return what to print.

    The folder holds ``progress*.json`` (one a person) and CSV files with the columns ``rater statement
    label``; broken files are skipped by name. Only counts are shown, never names.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; put the files that people handed in into one")
    skipped: list[str] = []
    people, labels = list(_progress(folder, skipped)), list(_labels(folder, skipped))
    lines = [f"{count(len(people), 'person', 'people')} handed in their progress"]
    done, stuck = Counter(), Counter()
    wrong: dict[str, Counter[str]] = {}
    for name, state in (each for exercises in people for each in exercises.items()):
        done[name] += state["state"] == "right"
        stuck[name] += state["state"] != "right" and state["tries"] > 1
        wrong.setdefault(name, Counter()).update(map(str, state["wrong"]))
    rows = []
    for name in sorted(wrong):
        common = "".join(f"{words} ({times})" for words, times in wrong[name].most_common(1))
        rows.append((name, done[name], stuck[name], common))
    if stuck.total():
        name, times = stuck.most_common(1)[0]
        lines.append(f"most people are stuck at exercise {name}: {times} of {len(people)}")
    if labels:
        raters = {row["rater"] for row in labels}
        _write_labels(folder, labels)
        merged = f"{count(len(labels), 'label')} of {count(len(raters), 'rater')} merged"
        lines.append(f"{merged}; open them on page 01 with ratings=room-ratings.yaml")
    if skipped:
        lines.append(f"skipped, since they could not be read: {listed(skipped)}")
    _replace(folder / "room.html", _page(lines, rows))
    return [*lines, f"written: {folder / 'room.html'}"]


def _progress(folder: Path, skipped: list[str]) -> Iterable[dict[str, dict[str, Any]]]:
    seen: dict[str, dict] = {}
    for path in sorted(folder.glob("progress*.json"), key=lambda path: (path.stat().st_mtime, path.name)):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            exercises = kept["exercises"]
            if not all(
                isinstance(state[key], kind)
                for state in exercises.values()
                for key, kind in {"tries": int, "wrong": list, "state": str}.items()
            ):
                raise ValueError("not a progress file")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            skipped.append(path.name)
            continue
        seen[str(kept.get("id") or path.name)] = exercises  # a later file of one person replaces the earlier
    return seen.values()


def _labels(folder: Path, skipped: list[str]) -> Iterable[dict[str, str]]:
    raters: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        if path.name == "room-ratings.csv":
            continue
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
            found = [{key: row[key].strip() for key in ("rater", "statement", "label")} for row in rows]
        except (OSError, ValueError, KeyError, AttributeError, csv.Error):
            skipped.append(path.name)
            continue
        if not found or not all(row["rater"] and row["statement"] for row in found):
            skipped.append(path.name)
            continue
        for row in found:
            if row["label"] and raters.setdefault(row["rater"], path.name) == path.name:
                yield row


def _write_labels(folder: Path, labels: list[dict[str, str]]) -> None:
    target = folder / "room-ratings.csv"
    part = target.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["rater", "statement", "label"])
        writer.writeheader()
        writer.writerows(labels)
    os.replace(part, target)
    mapping = "table: ratings\nfile: room-ratings.csv\ntitle: Labels of this room\n"
    columns = "columns: {rater: rater, statement: statement, label: label}\n"
    _replace(folder / "room-ratings.yaml", mapping + columns)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _page(lines: list[str], rows: list[tuple[str, int, int, str]]) -> str:
    body = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    head = "<tr><th>exercise</th><th>done</th><th>stuck</th><th>most common wrong answer</th></tr>"
    cells = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    style = "body{font:24px system-ui;margin:2em;max-width:60em}td,th{padding:.3em 1em;text-align:left}"
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>The room</title><style>{style}</style>"
        f"<h1>The room</h1>{body}<table>{head}{cells}</table></html>\n"
    )
