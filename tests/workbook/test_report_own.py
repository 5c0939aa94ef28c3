"""Reports on a reader's own data: one page per table that is there, one report per segment that is large enough."""

import json
import random
from types import SimpleNamespace

import pytest
import yaml

from cxlab.evidence.errors import InputError
from cxlab.workbook.report import own, plan

from .conftest import files_of

READS = """
import cxlab as cx
survey = cx.open_source(source)
cx.record("mean-loyalty", survey["loyalty"].mean(), unit="points", n=len(survey), headline=True)
cx.conclude(f"{len(survey)} customers gave {survey['loyalty'].mean():.2f} points, seed {seed}.")
"""
EVIL = "<b onclick=alert(1)>east</b>"
MAPPING = {
    "table": "survey",
    "title": "Customers of ours",
    "file": {"path": "../their.csv"},
    "columns": {"id": "respondent", "Gebiet": "segment"},
    "range": [1, 10],
    "blocks": {"product": ["Q1"], "experience": ["Q2"]},
    "outcomes": {"loyalty": ["Q3"]},
    "segments": ["Gebiet"],
}


def write_study(folder, segments: dict[str, int], **parameters):
    """Write a study whose file holds so many rows of each segment, and an e-mail address in each."""
    draw = random.Random(1)
    lines = ["id;Gebiet;Q1;Q2;Q3;mail"]
    for segment, count in segments.items():
        for _ in range(count):
            answers = ";".join(str(draw.randint(1, 10)) for _ in range(3))
            lines.append(f"{len(lines)};{segment};{answers};person{len(lines)}@example.org")
    (folder / "their.csv").write_text("\n".join(lines) + "\n")
    (folder / "study").mkdir(exist_ok=True)
    (folder / "study" / "survey.yaml").write_text(yaml.safe_dump(MAPPING))
    params = {"study": "Ours, 2026", "tables": {"survey": "survey.yaml"}, "parameters": parameters}
    (folder / "study" / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture(scope="module")
def book(shared_workbook):
    head = 'source: str = "here"  # data\nseed: int = 1  # seed'
    shared_workbook.notebook(
        "02-loyalty", READS, parameters=head, order=2, tables=["survey"], title="How loyal?"
    )
    shared_workbook.notebook(
        "05-funnel", "1 / 0", parameters=head, order=5, tables=["survey", "events"], title="Who leaves?"
    )
    shared_workbook.notebook("00-start", "1 / 0", parameters=head, order=0, title="Does it work?")
    write_study(shared_workbook.folder, {"north": 30, "south": 20, "west": 9, "tiny": 2, EVIL: 12}, seed=7)
    done = shared_workbook.report("--params", "study/params.yaml", "--by", "Gebiet", "--out", "site")
    assert done.returncode == 0, done.stderr
    return shared_workbook


@pytest.mark.notebook
def test_pages_are_made_of_own_data_and_what_is_missing_is_said(book):
    site = book.folder / "site"
    index = (site / "index.html").read_text()
    assert (
        "73 customers gave" in index
        and "seed 7" in index
        and "Customers of ours" in index
        and "Ours, 2026" in index
    )
    assert "Needs this table: events." in index and not (site / "05-funnel.html").exists()
    assert "Does it work?" not in index
    manifest = json.loads((site / "manifest.json").read_text())
    assert manifest["needs"] == {"05-funnel": ["events"]}
    assert manifest["parameters"]["02-loyalty"]["source"] == "study/survey.yaml"


@pytest.mark.notebook
def test_each_large_segment_has_a_report_and_small_ones_cannot_be_reckoned(book):
    site = book.folder / "site"
    results = {
        path.parent.name: json.loads(path.read_text()) for path in site.glob("segments/*/results.json")
    }
    assert {name: found["02-loyalty"]["mean-loyalty"]["n"] for name, found in results.items()} == {
        "north": 30, "south": 20, "b-onclick-alert-1-east-b": 12,
    }  # fmt: skip
    overview = (site / "segments" / "index.html").read_text()
    assert "tiny, west" in overview and "everyone" in overview and "<b onclick" not in overview
    assert "30 customers gave" in overview and "73 customers gave" in overview


@pytest.mark.notebook
def test_nothing_personal_no_path_and_no_markup_of_the_data_reaches_a_page(book):
    files = files_of(book.folder / "site")
    text = b"".join(content for name, content in files.items() if "assets/" not in name).decode()
    assert "@example.org" not in text and str(book.folder) not in text and "<b onclick" not in text


@pytest.mark.notebook
def test_a_file_with_faults_is_exit_2_with_its_line_and_leaves_the_report(book):
    before = files_of(book.folder / "site")
    good = (book.folder / "their.csv").read_text()
    try:
        (book.folder / "their.csv").write_text(good.replace("\n2;north;", "\n2;north;99"))
        done = book.report("--params", "study/params.yaml", "--out", "site")
    finally:
        (book.folder / "their.csv").write_text(good)
    assert done.returncode == 2
    assert (
        len(done.stderr.strip().splitlines()) == 1
        and "line 3" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert files_of(book.folder / "site") == before


@pytest.mark.notebook
@pytest.mark.parametrize(("by", "words"), [("Gebeit", "did you mean"), ("id", "at most")])
def test_a_column_that_is_no_segment_is_refused(book, by, words):
    done = book.report("--params", "study/params.yaml", "--by", by, "--out", "other")
    assert done.returncode == 2 and words in done.stderr and not (book.folder / "other").exists()


def page(stem, *, tables=(), optional=(), **defaults):
    parameters = {name: plan.Parameter(name, ("str",), value, "") for name, value in defaults.items()}
    return plan.Page(
        SimpleNamespace(stem=stem),
        stem,
        stem,
        None,
        list(tables),
        1,
        True,
        False,
        parameters,
        optional=list(optional),
    )


def study_of(tmp_path, **tables):
    return SimpleNamespace(
        path=tmp_path / "params.yaml",
        parameters={},
        notebooks={},
        missing=lambda wanted: [table for table in wanted if table not in tables],
        source_of=lambda table: tables.get(table),
    )


def test_each_source_parameter_gets_the_mapping_of_its_table(tmp_path):
    several = page("06", tables=["initiatives", "pain"], source="", pain_source="")
    spare = page("09", optional=["survey"], survey_source="")
    lacking = page("08", tables=["ladder"], source="")
    own.give([], [several, spare, lacking], study_of(tmp_path, initiatives="i.yaml", pain="p.yaml"), {})
    assert several.given == {"source": "i.yaml", "pain_source": "p.yaml"} and several.missing == []
    assert spare.given == {} and spare.missing == []
    assert lacking.missing == ["ladder"] and lacking.given == {}


def test_a_second_source_that_names_a_sample_is_never_shown_under_the_readers_name(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "table_of", lambda source, origin: {"mobile": "survey"}[source])
    hostage = page("08", tables=["ladder"], optional=["survey"], source="", survey_source="mobile")
    own.give([], [hostage], study_of(tmp_path, ladder="l.yaml"), {})
    assert hostage.missing == ["survey"]
    full = page("08", tables=["ladder"], optional=["survey"], source="", survey_source="mobile")
    own.give([], [full], study_of(tmp_path, ladder="l.yaml", survey="s.yaml"), {})
    assert full.given == {"source": "l.yaml", "survey_source": "s.yaml"}


def test_a_study_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="cxlab init"):
        own.read(tmp_path / "params.yaml")
