"""The whole command on a tiny workbook: what it publishes, what a second run costs, what a failure leaves."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import nbformat
import pytest

from .conftest import EXPLORE, LEAD, START, Workbook, files_of, processes_of, wait_until

pytestmark = pytest.mark.notebook

ODD = """
class Thing: pass
print(Thing(), {"x", "y", "z"}, hash("word"))
display(pd.DataFrame({"b": [1.5]}).style)
pd.DataFrame({"a": [1.5, 2.5]})
"""
VERDICT = """
import json
from pathlib import Path
import pandas as pd
import cxlab as cx
from cxlab.questions.result import Number, Result
found = json.loads(Path(results).read_text())
word = "supported" if found["02-split"]["share"]["value"] > 0.15 else "refuted"
judged = Result(f"One claim was judged: {word}.", {"claim-1": Number(word, unit="verdict")})
judged.lead("claim-1", limits="Causes.")
"""
MEANS = """
sentences = pd.DataFrame({"sentence": ["Ask twice.", "Ask again."]})
Result("Two things follow.", table=sentences, id="business")
"""


@pytest.fixture(scope="module")
def book(shared_workbook):
    cells = [("md", "What is asked."), START, LEAD, ("md", "## Who carries more?"), "split(bootstrap // 10)"]
    cells += [EXPLORE, ODD, ("solution", "'solved'"), ("md", "## References\n\nA book.")]
    shared_workbook.notebook("02-split", *cells, order=2, minutes=7)
    results = {"parameters": 'results: str = "none.json"  # found', "needs_results": True}
    shared_workbook.notebook("09-verdict", VERDICT, MEANS, "print(results)", **results, order=9)
    done = shared_workbook.report("--out", "site")
    assert done.returncode == 0, done.stderr
    return shared_workbook


def test_what_is_published(book):
    out = book.folder / "site"
    assert files_of(out).keys() == {
        "index.html", "02-split.html", "09-verdict.html", "how-to-read.html", "search.js", "results.json",
        "manifest.json", "assets/cxlab.css", "assets/cxlab.js", "assets/plotly.min.js",
        "notebooks/02-split.ipynb",
        "notebooks/09-verdict.ipynb", "numbers/02-split-01.csv", "numbers/02-split-02.csv",
        "numbers/09-verdict-01.csv", "numbers/09-verdict-02.csv",
    }  # fmt: skip
    results = json.loads((out / "results.json").read_text())
    share = {"value": 0.2, "low": 0.5, "high": 0.7, "unit": "share of R2", "n": 250, "simulated": False}
    assert results["02-split"] == {"share": {**share, "source": "", "label": "Experience's share"}}
    assert results["09-verdict"]["claim-1"]["value"] == "supported"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["schema"] == 2 and manifest["parameters"]["02-split"]["bootstrap"] == "200"
    assert set(manifest["files"]) == files_of(out).keys() - {"manifest.json"}
    index = (out / "index.html").read_text()
    assert "One claim was judged: supported." in index and "<li>Ask twice.</li>" in index
    page = (out / "02-split.html").read_text()
    assert "<th>a</th>" in page and "<td>2.5</td>" in page and "Out[" not in page and "&#39;x&#39;" in page
    assert "solved" not in page and "What would change if a side changed." in page
    notebook = nbformat.read(out / "notebooks" / "02-split.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"][:3] == [1, 2, 3]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_builds_are_identical_byte_for_byte_also_in_a_folder_with_other_letters(book, tmp_path, jobs):
    there = tmp_path / "anderswö" / "deep"
    there.parent.mkdir()
    other = Workbook(tmp_path / "bücher '1'")
    shutil.copytree(book.folder / "notebooks", other.folder / "notebooks")
    more = {"PYTHONHASHSEED": "77", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    done = other.report("--out", str(there), "--fresh", "--jobs", jobs, **more)
    assert done.returncode == 0, done.stderr
    assert files_of(there) == files_of(book.folder / "site")
    texts = [content for name, content in files_of(there).items() if not name.startswith("assets/")]
    for word in (str(book.folder), str(tmp_path), "/tmp/", "b\\xfc", str(Path.home()), "run-"):
        assert word not in b"".join(texts).decode()


def test_unchanged_inputs_run_nothing_and_import_nothing_heavy(book):
    before = {path: path.stat().st_mtime_ns for path in (book.folder / "site").rglob("*")}
    heavy = "{'papermill', 'nbformat', 'plotly', 'pandas', 'numpy', 'jinja2', 'mistune'}"
    probe = "import sys; from cxlab.workbook.cli import main; code = main(['report', '--out', 'site']); "
    done = book.python(f"{probe}print(code, sorted({heavy} & set(sys.modules)))")
    assert done.stdout.splitlines() == ["site: nothing has changed, the report stands", "0 []"], done.stderr
    assert {path: path.stat().st_mtime_ns for path in (book.folder / "site").rglob("*")} == before


def test_a_damaged_report_is_made_again_from_the_cache(book):
    before = files_of(book.folder / "site")
    (book.folder / "site" / "02-split.html").write_text("half")
    done = book.report("--out", "site")
    assert done.returncode == 0 and "kept     02-split" in done.stdout
    assert files_of(book.folder / "site") == before


def test_an_older_report_that_was_put_back_is_not_called_current(book, tmp_path):
    shutil.copytree(book.folder / "site", tmp_path / "a")
    assert book.report("--out", str(tmp_path / "b"), "-p", "bootstrap=400").returncode == 0
    shutil.rmtree(tmp_path / "b")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    done = book.report("--out", str(tmp_path / "b"), "-p", "bootstrap=400")
    assert "nothing has changed" not in done.stdout
    assert "40\u00a0%" in (tmp_path / "b" / "02-split.html").read_text()


def test_a_parameter_reaches_its_page_and_a_move_beyond_the_interval_is_exit_3(book, tmp_path):
    old, out = book.folder / "site" / "results.json", tmp_path / "moved"
    arguments = ["--out", str(out), "-p", "02.bootstrap=900", "--against", str(old)]
    done = book.report(*arguments)
    assert done.returncode == 3, done.stderr
    assert "2 pages, 2 numbers (1 changed), 0 parts skipped" in done.stdout
    assert "1 changed beyond their intervals" in done.stdout
    assert "0.2 (0.5 to 0.7)" in (out / "changes.html").read_text()
    assert "(set for this report)" in (out / "02-split.html").read_text()
    assert "What changed" in (out / "changes.html").read_text()
    again = book.report(*arguments)
    assert again.returncode == 3 and "nothing has changed" in again.stdout


# ---------------------------------------------------------------- failures


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A workbook with one good page and its report, made once."""
    book = Workbook(tmp_path_factory.mktemp("good") / "book")
    book.notebook("01-good", START, LEAD, order=1)
    assert book.report("--out", "site").returncode == 0
    return book


@pytest.fixture
def sound(published, workbook):
    """A workbook with a good report already published."""
    shutil.copytree(published.folder, workbook.folder, dirs_exist_ok=True)
    workbook.before = files_of(workbook.folder / "site")
    return workbook


def litter(book) -> set[str]:
    ours = {".cache", "data", "notebooks", "site", ".site.lock"}
    runs = (book.folder / ".cache").glob("run-*")
    return {path.name for path in (*book.folder.iterdir(), *runs)} - ours


CHART = "class Chart:\n    def _ipython_display_(self): raise ValueError('no picture')\nChart()"
TWICE = "import cxlab as cx\nfor i in (1, 2): cx.record('a', i, unit='points')"
FAILING = {  # the parameters cell is the first code cell of each
    "02-raises, code cell 2 (x = 1)": ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero"),
    "03-noise, code cell 2": ("import warnings\nwarnings.warn('look here')", "look here"),
    "04-twice: NotebookError": (TWICE, "'a' is recorded twice"),
    "05-dies, code cell 2": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "killed"),
    "06-grammar, code cell 2": ("a = = 1", "SyntaxError"),
    "07-undrawn, code cell 2": (CHART, "ValueError: no picture"),
}


def test_failed_notebooks_are_named_and_the_last_good_report_stays(sound):
    for place, (cell, _) in FAILING.items():
        sound.notebook(re.match(r"[\w-]+", place)[0], cell, order=int(place[:2]))
    done = sound.report("--out", "site")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr
    for place, (_, words) in FAILING.items():
        assert place in done.stderr and words in done.stderr
    assert files_of(sound.folder / "site") == sound.before
    kept = [sound.folder / word for word in re.findall(r"\S+\.ipynb", done.stderr)]
    assert {path.name[:2] for path in kept} == {"02", "03", "04", "06", "07"}
    assert all(path.is_file() and path.parent.name == "failed" for path in kept)
    assert litter(sound) == set() and processes_of(sound) == []


@pytest.mark.parametrize(
    ("cell", "code", "words"),
    [
        ("time.sleep(60)", 1, "02-bad, code cell 3 (time.sleep(60)): TimeoutError: not done after 4 s"),
        ("raise OSError(28, 'No space left on device')", 4, "No space left"),
    ],
)
def test_a_time_out_names_the_cell_and_a_full_disk_is_exit_4(sound, cell, code, words):
    sound.notebook("02-bad", "import time", cell, order=2)
    done = sound.report("--out", "site", "--timeout", "4")
    assert done.returncode == code and words in done.stderr
    assert files_of(sound.folder / "site") == sound.before and processes_of(sound) == []


def test_an_interrupt_leaves_no_process_and_the_last_good_report(sound):
    sound.notebook("02-slow", "import subprocess", "subprocess.run(['sleep', '61'])", order=2)
    process = sound.start("--out", "site")
    wait_until(lambda: any("sleep 61" in line for line in processes_of(sound)))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130 and err.strip() == "cxlab: interrupted; nothing was published"
    assert processes_of(sound) == [] and litter(sound) == set()
    assert files_of(sound.folder / "site") == sound.before


@pytest.mark.parametrize("moment", range(5))
def test_a_kill_leaves_a_whole_report_and_the_next_start_leaves_nothing(sound, tmp_path, moment):
    secret = "import tempfile, pathlib\npathlib.Path(tempfile.mkdtemp(), '0.csv').write_text('a reader')"
    sound.notebook("02-more", secret, START, LEAD, "import time; time.sleep(0.3)", order=2)
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    process = sound.start("--out", "site", "--fresh", TMPDIR=str(tmp))
    time.sleep(0.15 + 0.45 * moment)
    process.kill()
    process.communicate(timeout=30)
    wait_until(lambda: not any("python" in line for line in processes_of(sound)), seconds=10)
    found = files_of(sound.folder / "site")
    assert found == sound.before or "02-more.html" in found
    assert {*json.loads(found["manifest.json"])["files"], "manifest.json"} == set(found)
    assert sound.report("--out", "site", TMPDIR=str(tmp)).returncode == 0
    assert list(tmp.iterdir()) == [] and litter(sound) == set()


def test_two_builders_of_one_folder_take_turns(sound, tmp_path):
    other = Workbook(tmp_path / "other")
    shutil.copytree(sound.folder / "notebooks", other.folder / "notebooks")
    out = str(tmp_path / "shared")
    for attempt in range(2):
        arguments = ["--out", out, "--fresh", "-p", f"bootstrap={500 + attempt}"]
        both = [each.start(*arguments) for each in (sound, other)]
        assert [process.communicate(timeout=180) and process.returncode for process in both] == [0, 0]
        found = files_of(tmp_path / "shared")
        assert {*json.loads(found["manifest.json"])["files"], "manifest.json"} == set(found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("-p bootstrp=5", "did you mean 'bootstrap'"), ("-p 77.bootstrap=5", "no page is called that"),
        ("--only 77", "no page is called that"), ("--out data", "no report of ours"),
        ("--params none.yaml", "none.yaml"), ("--against none.json", "none.json"),
        ("--by segment", "--params"), ("--cluster tcp://x:1", "--by"), ("--timeout 0", "above 0"),
        ("--timeout inf", "above 0"), ("--timeout nan", "above 0"), ("--jobs -1", "above 0"),
        ("--min-cell 0", "above 0"),
    ],
)  # fmt: skip
def test_bad_use_is_exit_2_in_one_line_before_any_process(book, arguments, words):
    done = book.report(*arguments.split())
    assert done.returncode == 2 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stdout == ""
