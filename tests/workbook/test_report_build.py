"""The whole command on a tiny workbook: what it publishes, what it costs the second time, what a failure leaves."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from .conftest import Workbook, files_of

pytestmark = pytest.mark.notebook

SPLIT = """
import cxlab as cx
import plotly.graph_objects as go
import pandas as pd
"""
FIGURE = """
figure = go.Figure(go.Bar(x=list({"b", "a", "c"}), y=[bootstrap, 2, 3]))
figure.update_layout(meta={"description": "Three bars."}, title="Bars")
figure
"""
FINDS = """
cx.record("share-product", bootstrap / 1000, low=0.1, high=0.3, unit="share of R2", n=250, headline=True)
cx.conclude(f"The product carries {bootstrap / 10:.0f} % of it.")
"""
ODD = """
class Thing: pass
print(Thing(), {"x", "y", "z"}, hash("word"))
pd.DataFrame({"a": [1.5, 2.5]}).style
"""
VERDICT = """
import json
from pathlib import Path
import cxlab as cx
found = json.loads(Path(results).read_text())
cx.record("claim-1", "supported" if found["02-split"]["share-product"]["value"] > 0.15 else "refuted", unit="verdict")
cx.conclude(f"One claim was judged, on {len(found)} page(s).")
print(results)
"""


@pytest.fixture(scope="module")
def book(shared_workbook):
    extra = "import cxlab as cx\n\n\ndef draw(k):\n    return go.Figure(go.Bar(y=[k]))\n\n\ncx.explore(draw, k=[1, 2])"
    shared_workbook.notebook(
        "02-split",
        SPLIT,
        FIGURE,
        FINDS,
        ODD,
        extra,
        ("solution", "1 / 0 if False else 'solved'"),
        order=2,
        minutes=7,
    )
    shared_workbook.notebook(
        "09-verdict", VERDICT, parameters='results: str = "none.json"  # what the pages found', order=9, needs_results=True,
        title="What did we learn?",
    )  # fmt: skip
    done = shared_workbook.report("--out", "site")
    assert done.returncode == 0, done.stderr
    return shared_workbook


def test_what_is_published(book):
    out = book.folder / "site"
    assert files_of(out).keys() == {
        "index.html", "02-split.html", "09-verdict.html", "results.json", "manifest.json", "assets/cxlab.css",
        "assets/cxlab.js", "assets/plotly.min.js", "notebooks/02-split.ipynb", "notebooks/09-verdict.ipynb",
    }  # fmt: skip
    results = json.loads((out / "results.json").read_text())
    assert results["02-split"]["share-product"] == {
        "value": 0.2,
        "low": 0.1,
        "high": 0.3,
        "unit": "share of R2",
        "n": 250,
    }
    assert results["09-verdict"]["claim-1"]["value"] == "supported"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["cxlab"] == 1 and manifest["parameters"]["02-split"]["bootstrap"] == "200"
    assert set(manifest["files"]) == files_of(out).keys() - {"manifest.json"}
    index = (out / "index.html").read_text()
    assert (
        "One claim was judged, on 1 page(s)." in index
        and "The product carries 20 % of it." in index
        and "7 minutes" in index
    )
    page = (out / "02-split.html").read_text()
    assert "solved" not in page and page.count('<figure class="chart"') == 2 and len(page) < 60_000
    nbformat.validate(nbformat.read(out / "notebooks" / "02-split.ipynb", as_version=4))


def test_two_fresh_builds_are_identical_byte_for_byte(book, tmp_path):
    there = tmp_path / "elsewhere" / "deep"
    there.parent.mkdir()
    done = book.report(
        "--out", str(there), "--fresh", PYTHONHASHSEED="77", CXLAB_CACHE=str(tmp_path / "cache")
    )
    assert done.returncode == 0, done.stderr
    assert files_of(there) == files_of(book.folder / "site")
    text = b"".join(
        content for name, content in files_of(there).items() if not name.startswith("assets/")
    ).decode()
    for word in (str(book.folder), str(tmp_path), "/tmp/", str(Path.home())):
        assert word not in text


def test_unchanged_inputs_run_nothing_and_import_nothing_heavy(book):
    before = {path: path.stat().st_mtime_ns for path in (book.folder / "site").rglob("*")}
    probe = (
        "import sys; from cxlab.workbook.cli import main; code = main(['report', '--out', 'site']); "
        "print(code, sorted({'papermill', 'nbformat', 'plotly', 'pandas', 'numpy', 'nbconvert', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=book.folder, env=book.env, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["site: nothing has changed, the report stands", "0 []"], done.stderr
    assert {path: path.stat().st_mtime_ns for path in (book.folder / "site").rglob("*")} == before


def test_a_damaged_report_is_made_again_from_the_cache(book):
    before = files_of(book.folder / "site")
    (book.folder / "site" / "02-split.html").write_text("half")
    done = book.report("--out", "site")
    assert done.returncode == 0 and "kept     02-split" in done.stdout
    assert files_of(book.folder / "site") == before


def test_a_parameter_reaches_its_page_and_a_move_beyond_the_interval_is_exit_3(book, tmp_path):
    old = book.folder / "site" / "results.json"
    done = book.report("--out", str(tmp_path / "moved"), "-p", "bootstrap=700", "--against", str(old))
    assert done.returncode == 3, done.stderr
    assert "1 changed beyond their intervals" in done.stdout
    page = (tmp_path / "moved" / "changes.html").read_text()
    assert "20 % (10 % to 30 %)" in page and "70 % (10 % to 30 %)" in page
    assert "set for this report" in (tmp_path / "moved" / "02-split.html").read_text()
    assert "# What changed" in (tmp_path / "moved" / "changes.md").read_text()
    again = book.report("--out", str(tmp_path / "moved"), "-p", "bootstrap=700", "--against", str(old))
    assert again.returncode == 3 and "nothing has changed" in again.stdout


def test_a_notebook_of_the_report_still_runs_by_plain_papermill(book, tmp_path):
    import papermill

    source = book.folder / "notebooks" / "02-split.ipynb"
    papermill.execute_notebook(
        str(source), str(tmp_path / "out.ipynb"), parameters={"bootstrap": 3}, progress_bar=False
    )
    assert "The product carries 0 %" in (tmp_path / "out.ipynb").read_text()


# ---------------------------------------------------------------- failures


def kernels(book) -> list[str]:
    """Return the command lines of processes that work for this workbook."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(book.folder).encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A workbook with one good page and its report, made once."""
    book = Workbook(tmp_path_factory.mktemp("good") / "book")
    book.notebook("01-good", "import cxlab as cx", "cx.conclude('All is well.')", order=1)
    assert book.report("--out", "site").returncode == 0
    return book


@pytest.fixture
def sound(published, workbook):
    """A workbook with a good report already published."""
    shutil.copytree(published.folder, workbook.folder, dirs_exist_ok=True)
    workbook.before = files_of(workbook.folder / "site")
    return workbook


def test_failed_notebooks_are_named_and_the_last_good_report_stays(sound):
    sound.notebook("02-raises", "import cxlab as cx", "x = 1\ny = x / 0", order=2)
    sound.notebook("03-noise", "import warnings\nwarnings.warn('look here')", order=3)
    sound.notebook(
        "04-twice", "import cxlab as cx", "for _ in range(2): cx.record('a', 1.0, unit='points')", order=4
    )
    sound.notebook("05-dies", "import os, signal", "os.kill(os.getpid(), signal.SIGKILL)", order=5)
    done = sound.report("--out", "site")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr
    # The parameters cell is the first code cell of each.
    assert "02-raises, code cell 3 (x = 1): ZeroDivisionError: division by zero" in done.stderr
    assert "03-noise, code cell 2" in done.stderr and "look here" in done.stderr
    assert "04-twice: NotebookError: 'a' is recorded twice" in done.stderr
    assert "05-dies, code cell 3" in done.stderr and "DeadKernelError" in done.stderr
    assert files_of(sound.folder / "site") == sound.before
    kept = [sound.folder / word for word in re.findall(r"\S+\.ipynb", done.stderr)]
    assert {path.name for path in kept} == {
        "02-raises.ipynb",
        "03-noise.ipynb",
        "04-twice.ipynb",
        "05-dies.ipynb",
    }
    assert all(path.is_file() and path.parent.name == "failed" for path in kept)
    assert sorted(path.name for path in sound.folder.iterdir()) == [".cache", "data", "notebooks", "site"]
    assert kernels(sound) == []


def test_a_time_out_names_the_cell(sound):
    sound.notebook("02-slow", "import time", "time.sleep(60)", order=2)
    done = sound.report("--out", "site", "--timeout", "4")
    assert done.returncode == 1
    assert "02-slow, code cell 3 (time.sleep(60)): TimeoutError: not done after 4 s" in done.stderr
    assert files_of(sound.folder / "site") == sound.before and kernels(sound) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_kernel_and_the_last_good_report(sound, how):
    sound.notebook(
        "02-slow", "import subprocess, time", "subprocess.Popen(['sleep', '61'])\ntime.sleep(60)", order=2
    )
    process = sound.start("--out", "site")
    deadline = time.monotonic() + 60
    while not any("sleep 61" in line for line in kernels(sound)) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    if how == signal.SIGINT:
        assert err.strip() == "cxlab: interrupted; nothing was published"
        assert kernels(sound) == []
        assert not list((sound.folder / ".cache").glob("run-*"))
    deadline = time.monotonic() + 10
    while any("forge" in line or "report" in line for line in kernels(sound)) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = kernels(sound)
    assert not [line for line in left if "python" in line]
    assert files_of(sound.folder / "site") == sound.before


def test_a_full_disk_is_exit_4(sound):
    sound.notebook("02-full", "raise OSError(28, 'No space left on device')", order=2)
    done = sound.report("--out", "site")
    assert done.returncode == 4 and "No space left" in done.stderr
    assert files_of(sound.folder / "site") == sound.before


def test_a_full_disk_while_writing_the_report_is_exit_4(sound):
    probe = (
        "import errno, shutil, sys; from cxlab.workbook.cli import main\n"
        "def full(*_): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "shutil.copyfile = full\nsys.exit(main(['report', '--out', 'site', '--fresh']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=sound.folder, env=sound.env, capture_output=True, text=True
    )
    assert done.returncode == 4 and "disk is full" in done.stderr
    assert files_of(sound.folder / "site") == sound.before
    assert sorted(path.name for path in sound.folder.iterdir()) == [".cache", "data", "notebooks", "site"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-p", "bootstrp=5"), "did you mean 'bootstrap'"),
        (("-p", "bootstrap=soon"), "must be int"),
        (("--only", "77"), "no page is called that"),
        (("--out", "data"), "no report of ours"),
        (("--params", "none.yaml"), "there is no such file"),
        (("--against", "none.json"), "none.json"),
        (("--by", "segment"), "--params"),
        (("--timeout", "0"), "above 0"),
    ],
)
def test_bad_use_is_exit_2_in_one_line_before_any_kernel(book, arguments, words):
    done = book.report(*arguments)
    assert done.returncode == 2 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stdout == ""
