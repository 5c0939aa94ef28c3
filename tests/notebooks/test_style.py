"""The notebooks' anatomy: what the template notebook asks of every page."""

import ast
import re
import statistics
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
STEMS = {path.stem for path in NOTEBOOKS}
KINDS = {"survey", "events", "visits", "contacts", "initiatives", "accounts", "ratings", "vignette", "stages"}
PAGES = [path for path in NOTEBOOKS if path.stem[:2] not in ("00", "99")]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def topic_page(request):
    return nbformat.read(request.param, as_version=4)


def code_of(notebook):
    exercises = {"exercise", "solution"}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if not exercises & set(cell.metadata.get("tags", []))]


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def headings(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    return [line for cell in cells for line in cell.source.splitlines() if line.startswith("#")]


def test_the_expected_notebooks_are_there():
    assert {path.stem[:2] for path in NOTEBOOKS} == {f"{i:02d}" for i in range(11)} | {"99"}


def test_is_valid_and_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert notebook.metadata["kernelspec"]["name"] == "python3"


def test_metadata_tell_the_report_what_it_needs(notebook):
    facts = notebook.metadata["cxlab"]
    assert facts["question"].endswith("?")
    assert 1 <= facts["minutes"] <= 60
    assert set(facts["tables"].values()) <= KINDS
    assert isinstance(facts["order"], int)
    parameters = {line.target.id for line in ast.parse(tagged(notebook, "parameters")[0].source).body}
    assert set(facts["tables"]) <= parameters


def test_one_title_that_is_a_question_opens_the_page(notebook):
    titles = [line for line in headings(notebook) if line.startswith("# ")]
    assert len(titles) == 1
    assert titles[0].endswith("?")
    assert notebook.cells[0].source.startswith("# ")


def test_goals_and_minutes_follow(notebook):
    opening = notebook.cells[1].source
    assert len(re.findall(r"^[*-] ", opening, flags=re.M)) >= 3
    assert "minutes" in opening.lower()


def test_import_is_one_cell_before_the_parameters(notebook):
    cells = code_of(notebook)
    assert len(lines_of(cells[0])) <= 4
    assert "import cxlab as cx" in cells[0].source
    assert "parameters" in cells[1].metadata.get("tags", [])


def test_parameters_are_annotated_literals_with_a_comment(notebook):
    (cell,) = tagged(notebook, "parameters")
    body = ast.parse(cell.source).body
    assert 1 <= len(body) <= 8
    assert all(isinstance(line, ast.AnnAssign) for line in body)
    for line in body:
        ast.literal_eval(line.value)
    last = [cell.source.splitlines()[line.end_lineno - 1] for line in body]
    assert all("#" in line for line in last)


def test_cells_are_few_and_short(notebook):
    cells = code_of(notebook)
    lengths = [len(lines_of(cell)) for cell in cells]
    assert len(cells) <= 25
    assert statistics.median(lengths) <= 2
    assert max(lengths) <= 10


def test_a_page_leads_with_its_answer_and_has_at_most_six_sections(topic_page):
    assert sum(".lead(" in cell.source for cell in code_of(topic_page)) == 1
    sections = [line for line in headings(topic_page) if line.startswith("## ")]
    sections = [line for line in sections if line not in ("## References", "## Exercises")]
    assert 1 <= len(sections) <= 6
    assert all(line.endswith("?") for line in sections)


def test_a_notebook_holds_no_machinery(notebook):
    for cell in code_of(notebook):
        if "parameters" in cell.metadata.get("tags", []):
            continue
        tree = ast.parse(cell.source)
        kinds = (ast.If, ast.IfExp, ast.FunctionDef, ast.ClassDef, ast.Try, ast.While)
        assert not any(isinstance(node, kinds) for node in ast.walk(tree)), cell.source
        assert "cx.record(" not in cell.source


def test_a_sentence_stands_before_each_section_cell(notebook):
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert len(cell.source.splitlines()) > 1 or "References" in cell.source, cell.source
        assert before is not cell


def test_widgets_have_one_door(notebook):
    source = "\n".join(cell.source for cell in code_of(notebook))
    assert not re.search(r"\b(interact|interactive|interact_manual|Output)\(", source)


def test_no_magic_and_no_warning_filters(notebook):
    source = "\n".join(cell.source for cell in code_of(notebook))
    assert not re.search(r"^[%!]", source, flags=re.M)
    assert "filterwarnings" not in source and "simplefilter" not in source
