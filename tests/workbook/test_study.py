"""Reports on a study's own tables: pages that lack theirs, segments told apart, parts that fail alone."""

import json
import random
import shutil

import bench_hostile as hostile
import pandas as pd
import pytest
import yaml

from cxlab.questions.result import Result
from cxlab.workbook.segments import _counts, _judge, _Shown, slug

from .conftest import START, Workbook, files_of

pytestmark = pytest.mark.notebook

SPLIT = """
import cxlab as cx
from cxlab.questions.result import Number, Result, question

@question("survey", "product", "experience")
def split(survey):
    rows = len(survey.frame)
    if survey.frame["nps"].nunique() < 2:
        raise cx.InputError("nobody differs")
    numbers = {"people": Number(rows, unit="people", n=rows)}
    numbers["half"] = Number(0.5, 0.4, 0.6, "share of all", rows, "half of them")
    return Result(f"{rows} people answered.", numbers, data=survey)
"""
DATA = "survey = cx.survey(source, bootstrap=bootstrap)\nvisits = cx.open_source(visits, table='visits')"
SIZES = {"North": 60, "north": 30, "!a-3": 20, "a": 15, "a!": 9, "tiny": 3, "Ann Lee": 4, "flat": 12}
OWN = {  # a page that reads a study's survey and visits
    "parameters": 'source: str = "here"\nvisits: str = ""\nbootstrap: int = 200',
    "tables": {"source": "survey", "visits": "visits"},
}


def write_study(folder, sizes=SIZES, **params):
    folder.mkdir(parents=True, exist_ok=True)
    random.seed(2)
    draw = random.randint
    rows = [
        f"{5 if name == 'flat' else draw(0, 10)},{draw(1, 5)},{draw(1, 5)},{name}"
        for name, size in sizes.items()
        for _ in range(size)
    ]
    (folder / "answers.csv").write_text("\n".join(["nps,works,kind,region", *rows, ""]))
    mapping = {"table": "survey", "file": "answers.csv", "segments": ["region"]}
    mapping |= {"blocks": {"product": ["works"], "experience": ["kind"]}, "outcomes": {"recommend": ["nps"]}}
    (folder / "survey.yaml").write_text(yaml.safe_dump(mapping))
    study = {"study": "Our <b>riders</b>", "tables": {"survey": "survey.yaml"}, **params}
    (folder / "params.yaml").write_text(json.dumps(study))
    return folder / "params.yaml"


@pytest.fixture(scope="module")
def book(shared_workbook):
    make = shared_workbook.notebook
    cells = [SPLIT, DATA, 'split(survey).lead("people", "half", limits="Why.")']
    visits = {"parameters": 'visits: str = "there"', "tables": {"visits": "visits"}}
    plan = {"parameters": 'plan: str = "x"', "tables": {"plan": "initiatives"}}
    make("02-split", *cells, order=2, **OWN)
    make("07-ecosystem", "import cxlab", order=7, **visits)
    make("06-work", "import cxlab", order=6, **plan)
    make("10-your-customers", *cells, study_only=True, **OWN)
    make("00-start", START, parameters='source: str = "here"', order=0)
    write_study(shared_workbook.folder / "study")
    done = shared_workbook.report("--params", "study/params.yaml", "--out", "site", "--by", "region")
    assert done.returncode == 0, done.stderr
    shared_workbook.said = done.stdout
    return shared_workbook


def read(book, name):
    return (book.folder / name).read_text()


def test_the_opening_page_is_the_study_s_own_and_lists_what_it_lacks_in_one_line(book):
    index = read(book, "site/index.html")
    assert "<h1>Our &lt;b&gt;riders&lt;/b&gt;</h1>" in index
    assert index.index("10-your-customers.html") < index.index("02-split.html")
    assert "Not asked of these data: Work (needs initiatives), Ecosystem (needs visits)." in index
    assert not {"07-ecosystem.html", "00-start.html"} & files_of(book.folder / "site").keys()
    needs = json.loads(read(book, "site/manifest.json"))["needs"]
    assert needs == {"06-work": ["initiatives"], "07-ecosystem": ["visits"]}
    done = book.report("--out", "own", "--only", "10")  # a page of the studies stays out of our own report
    assert done.returncode == 2 and "no page is called that" in done.stderr


def test_every_value_has_a_report_of_its_own_and_keeps_its_case(book):
    counts = {}
    for path in (book.folder / "site" / "segments").glob("*/results.json"):
        results = json.loads(path.read_text())
        counts[path.parent.name] = results["02-split"]["people"]["value"] if results else "failed"
    expected = {slug(name): SIZES[name] for name in ("North", "north", "!a-3", "a", "a!")}
    assert counts == {**expected, slug("flat"): "failed"}
    segments = json.loads(read(book, "site/manifest.json"))["segments"]
    assert segments[f"segments/{slug('North')}"] == "region: North"
    assert len({name.lower() for name in counts}) == len(counts)


def test_small_segments_are_counted_and_never_named(book):
    files = files_of(book.folder / "site").items()
    text = b"".join(content for name, content in files if "assets" not in name).decode()
    assert "Ann Lee" not in text and "tiny" not in text and "Ann Lee" not in book.said
    assert json.loads(read(book, "site/manifest.json"))["segments_hidden"] == 2
    overview = read(book, "site/segments/index.html")
    assert "2 more values are not shown" in overview and "people</figcaption>" not in overview
    assert overview.count("<figcaption>half of them</figcaption>") == 2


def test_a_segment_that_fails_does_not_stop_the_others(book):
    failed = dict.fromkeys(("02-split", "10-your-customers"), "nobody differs")
    assert json.loads(read(book, "site/manifest.json"))["failed"] == {f"segments/{slug('flat')}": failed}
    assert "region: flat, 02-split: nobody differs" in read(book, "site/segments/index.html")
    assert "2 parts skipped" in book.said
    strict = book.report("--params", "study/params.yaml", "--out", "site", "--by", "region", "--strict")
    assert strict.returncode == 1 and "nothing has changed" in strict.stdout


@pytest.fixture
def more_pages(book):
    """Pages of one test alone."""
    paths = []
    yield lambda *cells, **facts: paths.append(book.notebook(*cells, **facts))
    for path in paths:
        path.unlink()


def test_a_study_s_page_whose_data_are_at_fault_is_told_and_the_rest_is_published(book, more_pages):
    write_study(book.folder / "flat", {"flat": 40, "more": 0})
    survey = {"parameters": 'source: str = "here"', "tables": {"source": "survey"}}
    more_pages("03-other", START, "split()", **survey)
    done = book.report("--params", "flat/params.yaml", "--out", "flat-site")
    assert done.returncode == 0, done.stderr
    index = read(book, "flat-site/index.html")
    assert "Not made this time: " in index and "Split (nobody differs)" in index and "03-other.html" in index


def test_two_builds_of_segments_are_identical(book, tmp_path):
    other = Workbook(tmp_path / "ö")
    shutil.copytree(book.folder / "notebooks", other.folder / "notebooks")
    write_study(other.folder / "study")
    arguments = ["--params", "study/params.yaml", "--out", "x", "--by", "region", "--jobs", "1"]
    assert other.report(*arguments).returncode == 0
    assert files_of(other.folder / "x") == files_of(book.folder / "site")


def test_whatever_is_read_makes_a_report_stale(book, more_pages):
    tables = {"survey": "survey.yaml", "events": "events.yaml"}
    params = write_study(book.folder / "s", {"a": 30}, tables=tables)
    log, head = params.parent / "log", "customer_id,event,timestamp\n"
    log.mkdir()
    (log / "1.csv").write_text(f"{head}a,buy,2024-01-01\nb,buy,2024-01-02\n")
    (params.parent / "events.yaml").write_text("table: events\nfile: log\n")
    rows = "import cxlab as cx\nprint(cx.open_source(log, table='events').to_pandas().shape)"
    more_pages("05-log", rows, parameters='log: str = "there"', tables={"log": "events"}, order=5)
    more = {
        "params.yaml": "", "answers.csv": "3,3,3,a\n", "survey.yaml": "title: New\n",
        "log/2.csv": f"{head}c,buy,2024-01-03\n",
    }  # fmt: skip
    for file, text in [("params.yaml", "\n"), *more.items(), ("params.yaml", "\n# a word\n")]:
        with open(params.parent / file, "a") as stream:
            stream.write(text)
        done = book.report("--params", str(params), "--out", "stale", "--only", "02", "05")
        assert done.returncode == 0 and ("nothing has changed" in done.stdout) is not bool(text), file
    assert "(3, " in read(book, "stale/05-log.html")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--by regoin", "did you mean 'region'"), ("-p source=there", "holds events"),
        ("--only 07", "no page asked for reads a table of this study"),
        ("-p source=bomb.yaml", "anchors"), ("-p source=deep.yaml", "not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_runs(book, arguments, words):
    (book.folder / "bomb.yaml").write_text("a: &a [1]\nb: [*a, *a]")
    (book.folder / "deep.yaml").write_text("[" * 3000)
    done = book.report("--params", "study/params.yaml", "--out", "wrong", *arguments.split())
    assert done.returncode == 2 and words in done.stderr and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1


def test_slugs_never_meet():
    values = [*["North", "north", "NORTH", "!a-3", "a", "a!", "-", "index", "ä", "ä"], "", "x" * 90, "x" * 91]
    assert len({slug(value).lower() for value in values}) == len(values)
    assert all(len(slug(value)) < 60 and "/" not in slug(value) for value in values)


def test_no_sum_or_difference_of_a_report_tells_of_one_to_four_people(tmp_path, monkeypatch):
    hostile.warm(tmp_path, monkeypatch.setenv)
    for seed in (4, 7):
        tables = hostile.make_study(tmp_path / f"s{seed}", seed)
        for window in ("1d", "30d"):
            assert hostile.funnel_leaks(tmp_path / f"s{seed}", tables["events"], window) == []
    command = ["report", "--params", str(tmp_path / "s7" / "params.yaml"), "--out", str(tmp_path / "out")]
    only = ["--by", "region", "-p", "bootstrap=20", "--only", "04", "05", "10"]
    code, _, err = hostile.say([*command, *only])
    assert code == 0, err
    assert hostile.report_leaks(tmp_path / "out", tables) == []
    pages = "".join(path.read_text() for path in (tmp_path / "out" / "segments").glob("*/05-*.html"))
    assert "its counts would tell of a few people" in pages


@pytest.mark.parametrize(
    ("table", "gone"),
    [
        ({"heads": [40, 3]}, True),  # a name that nobody thought of
        ({"seen so far": [40, 38]}, False),
        ({"heads": [40, None, 3]}, True),  # floats, since one is missing
        ({"one": [40], "other": [37]}, True),
        ({"themes": [4, 3]}, False),
        ({"share": [1.0, 0.0]}, False),
    ],
)
def test_a_whole_number_counts_people_unless_it_is_known_to_count_something_else(table, gone):
    kinds = [*"abc"][: len(next(iter(table.values())))]
    content = Result("Found.", table=pd.DataFrame({"kind": kinds, **table})).content()
    shown = _Shown((0, 0), "", _counts(content))
    _judge(shown, _Shown((0, 0), "", {}), 5)
    assert bool(shown.gone) == gone
