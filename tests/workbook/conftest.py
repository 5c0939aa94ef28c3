"""A tiny workbook of its own for the report's tests: notebooks made on the spot, a cache nobody shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

PARAMETERS = (
    'bootstrap: int = 200  # resamples\nname: str = "plain"  # a word\nexact: bool = False  # all of them'
)


def write_notebook(
    path: Path, *cells, title: str = "Does it hold?", parameters: str | None = PARAMETERS, **facts
):
    """Write a notebook; a cell is source text, ``("md", text)`` or ``(tag, source)``."""
    made = [nbformat.v4.new_markdown_cell(f"# {title}", id="title")]
    if parameters:
        made.append(nbformat.v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}))
    for number, cell in enumerate(cells):
        kind, source = cell if isinstance(cell, tuple) else ("", cell)
        if kind == "md":
            made.append(nbformat.v4.new_markdown_cell(source, id=f"c{number}"))
        else:
            tags = {"tags": [kind]} if kind else {}
            made.append(nbformat.v4.new_code_cell(source, id=f"c{number}", metadata=tags))
    spec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(
        cells=made, metadata={"kernelspec": spec, "cxlab": {"question": title, **facts}}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


class Workbook:
    """A folder with notebooks, and the command run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data" / "samples").mkdir(parents=True)
        (folder / "data" / "sources.toml").write_text('[here]\ntable = "survey"\n[there]\ntable = "events"\n')
        self.env = {**os.environ, "CXLAB_HOME": str(folder), "CXLAB_CACHE": str(folder / ".cache")}

    def notebook(self, stem: str, *cells, **facts) -> Path:
        return write_notebook(self.folder / "notebooks" / f"{stem}.ipynb", *cells, **facts)

    def start(self, *arguments: str, **more) -> subprocess.Popen:
        command = [sys.executable, "-m", "cxlab", "report", "--jobs", "2", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.env, **more},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def report(self, *arguments: str, **more) -> subprocess.CompletedProcess:
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def workbook(tmp_path) -> Workbook:
    """An empty workbook."""
    return Workbook(tmp_path / "book")


@pytest.fixture(scope="module")
def shared_workbook(tmp_path_factory) -> Workbook:
    """One workbook for the tests of a module."""
    return Workbook(tmp_path_factory.mktemp("shared") / "book")


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
