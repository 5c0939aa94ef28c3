"""The notebooks' anatomy: what the template notebook asks of every page."""

import ast
import re
import statistics
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
KINDS = {"survey", "events", "visits", "contacts", "initiatives", "accounts", "ratings", "vignette", "stages"}
MACHINERY = (ast.If, ast.IfExp, ast.FunctionDef, ast.ClassDef, ast.Try, ast.While)
DOORS = r"\b(interact|interactive|interact_manual|Output|cx\.record)\(|^[%!]|filterwarnings|simplefilter"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def tagged(notebook, *tags):
    return [cell for cell in notebook.cells if set(tags) & set(cell.metadata.get("tags", []))]


def code_of(notebook):
    aside = tagged(notebook, "exercise", "solution")
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell not in aside]


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def headings(notebook, level):
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    return [line for cell in cells for line in lines_of(cell) if line.startswith(f"{level} ")]


def test_the_expected_notebooks_are_there():
    assert {path.stem[:2] for path in NOTEBOOKS} == {f"{i:02d}" for i in range(11)} | {"99"}


def test_is_valid_and_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert notebook.metadata["kernelspec"]["name"] == "python3"


def test_metadata_tell_the_report_what_it_needs(notebook):
    facts = notebook.metadata["cxlab"]
    assert facts["question"].endswith("?") and 1 <= facts["minutes"] <= 60
    assert set(facts["tables"].values()) <= KINDS and isinstance(facts["order"], int)
    parameters = {line.target.id for line in ast.parse(tagged(notebook, "parameters")[0].source).body}
    assert set(facts["tables"]) <= parameters


def test_a_title_that_is_a_question_opens_the_page_and_goals_and_minutes_follow(notebook):
    (title,) = headings(notebook, "#")
    assert title.endswith("?") and notebook.cells[0].source.startswith("# ")
    opening = notebook.cells[1].source
    goals = r"After this page you can\n\n(?:[*-] [^*]+?\n){3,}\n\*\*Minutes:\*\* \d+\.?$"
    assert re.search(goals, opening)  # the report leaves it out


def test_one_cell_imports_and_the_next_has_annotated_literals_with_a_comment(notebook):
    imports, second, *_ = code_of(notebook)
    (cell,) = tagged(notebook, "parameters")
    assert len(lines_of(imports)) <= 4 and "import cxlab as cx" in imports.source and second == cell
    body = ast.parse(cell.source).body
    assert 1 <= len(body) <= 8 and all(isinstance(line, ast.AnnAssign) for line in body)
    for line in body:
        ast.literal_eval(line.value)
        assert "#" in cell.source.splitlines()[line.end_lineno - 1]


def test_cells_are_few_and_short_and_hold_no_machinery(notebook):
    lengths = [len(lines_of(cell)) for cell in code_of(notebook)]
    assert len(lengths) <= 25 and statistics.median(lengths) <= 2 and max(lengths) <= 10
    for cell in code_of(notebook):
        assert not re.search(DOORS, cell.source, flags=re.M), cell.source
        if cell not in tagged(notebook, "parameters"):
            assert not any(isinstance(node, MACHINERY) for node in ast.walk(ast.parse(cell.source)))


def test_each_section_begins_with_a_sentence(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert len(cell.source.splitlines()) > 1 or "References" in cell.source, cell.source


@pytest.mark.parametrize("notebook", NOTEBOOKS[1:-1], ids=lambda path: path.stem, indirect=True)
def test_a_page_leads_with_its_answer_and_has_at_most_six_sections(notebook):
    assert sum(".lead(" in cell.source for cell in code_of(notebook)) == 1
    sections = [line for line in headings(notebook, "##") if line not in ("## References", "## Exercises")]
    assert 1 <= len(sections) <= 6 and all(line.endswith("?") for line in sections)
