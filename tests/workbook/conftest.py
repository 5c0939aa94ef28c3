"""A tiny workbook of its own for the report's tests: notebooks made on the spot, a cache nobody shares."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from cxlab.workbook.cli import main

ROOT = Path(__file__).parents[2]
PARAMETERS = (
    'bootstrap: int = 200  # resamples\nname: str = "plain"  # a word\nexact: bool = False  # all of them'
)
# A page in the usual form: an answer, a section with an answer, an explorer, words.
START = """
import pandas as pd
import plotly.graph_objects as go
import cxlab as cx
from cxlab.figures import general
from cxlab.questions.result import Number, Result
table = pd.DataFrame({"side": ["Product", "Experience"], "estimate": [0.4, 0.6]}).assign(low=0.3, high=0.7)
def split(k=60, **more):
    numbers = {"share": Number(k / 100, 0.5, 0.7, "share of R2", 250, "Experience's share")}
    title = f"Experience has the larger share: {k} %"
    draw = lambda: general.dots(table, title=title, x_title="share", label="side")
    return Result(f"Experience carries {k} % (50 to 70 %).", numbers, table, draw, ["One survey."], **more)
"""
LEAD = 'split(bootstrap // 10, id="split").lead("share", limits="What would change if a side changed.")'
EXPLORE = 'cx.explore(lambda days: split(days).with_numbers(), days={"a week": 7, "a day": 1, "a month": 30})'


def write_notebook(path: Path, *cells, title: str = "Does it hold?", parameters: str = PARAMETERS, **facts):
    """Write a notebook; a cell is source text, ``("md", text)`` or ``(tag, source)``."""
    made = []
    for number, cell in enumerate([("md", f"# {title}"), ("parameters", parameters), *cells]):
        kind, source = cell if isinstance(cell, tuple) else ("", cell)
        new = nbformat.v4.new_markdown_cell if kind == "md" else nbformat.v4.new_code_cell
        tags = {"tags": [kind]} if kind not in ("", "md") else {}
        made.append(new(source.strip(), id=f"c{number}", metadata=tags))
    spec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": spec, "cxlab": {"question": title, **facts}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=metadata), path)
    return path


class Workbook:
    """A folder with notebooks, and the command run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "sources.toml").write_text('[here]\ntable = "survey"\n[there]\ntable = "events"\n')
        for path in (ROOT / "data").glob("*.toml"):
            if path.name != "sources.toml":
                shutil.copy(path, folder / "data")
        glossary = 'term,meaning\nbootstrap,"Drawing people again, ""many"" times."\ncase mix,What differs.\n'
        (folder / "data" / "glossary.csv").write_text(glossary)
        self.env = {**os.environ, "CXLAB_HOME": str(folder), "CXLAB_CACHE": str(folder / ".cache")}

    def notebook(self, stem: str, *cells, **facts) -> Path:
        return write_notebook(self.folder / "notebooks" / f"{stem}.ipynb", *cells, **facts)

    def start(self, *arguments: str, **more) -> subprocess.Popen:
        command = [sys.executable, "-m", "cxlab", "report", "--jobs", "2", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env={**self.env, **more}, **pipes)

    def report(self, *arguments: str, **more) -> subprocess.CompletedProcess:
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def python(self, code: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True)


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
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def processes_of(book: Workbook) -> list[str]:
    """Return the command lines of processes that work for a workbook."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(book.folder).encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until(done, seconds=60):
    """Wait until something holds, and fail where it never does."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def refused(capsys):
    """Give the one plain line of a command that must end with exit 2 and print nothing else."""

    def run(*arguments):
        capsys.readouterr()
        assert main([*map(str, arguments)]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1 and not said.out
        return said.err

    return run
