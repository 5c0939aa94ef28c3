"""The notebooks' anatomy: what the template notebook asks of every page."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
STEMS = {path.stem for path in NOTEBOOKS}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_the_expected_notebooks_are_there():
    assert {"00-start-here", "02-product-or-experience", "99-template"} <= STEMS


def test_is_valid_and_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code_of(notebook))
    assert notebook.metadata["kernelspec"]["name"] == "python3"


def test_metadata_tell_the_report_what_it_needs(notebook):
    facts = notebook.metadata["cxlab"]
    assert facts["question"].endswith("?")
    assert 1 <= facts["minutes"] <= 60
    assert isinstance(facts["tables"], list)
    assert isinstance(facts["order"], int)


def test_one_title_that_is_a_question_opens_the_page(notebook):
    titles = [
        line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
    ]
    titles = [line for line in titles if line.startswith("# ")]
    assert len(titles) == 1
    assert titles[0].endswith("?")
    assert notebook.cells[0].source.startswith("# ")


def test_goals_minutes_and_data_follow(notebook):
    opening = "\n".join(cell.source for cell in notebook.cells[:3] if cell.cell_type == "markdown")
    assert len(re.findall(r"^[*-] ", opening, flags=re.M)) >= 3
    assert "minutes" in opening.lower() and "data used" in opening.lower()


def test_imports_are_one_short_cell_before_the_parameters(notebook):
    cells = code_of(notebook)
    assert len(lines_of(cells[0])) <= 6
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


def test_cells_are_short(notebook):
    lengths = sorted(len(lines_of(cell)) for cell in code_of(notebook))
    assert statistics.median(lengths) <= 3
    assert lengths[int(0.9 * (len(lengths) - 1))] <= 10
    assert lengths[-1] <= 15


def test_machinery_lives_in_the_package(notebook):
    defs = [
        line
        for cell in code_of(notebook)
        for line in cell.source.splitlines()
        if line.startswith(("def ", "class "))
    ]
    outside = [line for line in defs if not line.startswith(("def view", "def draw"))]
    assert len(outside) <= 1


def test_prose_carries_the_page(notebook):
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words >= 10 * sum(len(lines_of(cell)) for cell in code_of(notebook))


def test_a_sentence_stands_before_each_cell(notebook):
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", []):
            assert before.cell_type == "markdown" or "parameters" in cell.metadata.get("tags", []), (
                cell.source
            )


def test_the_closing_sections_stand_in_order(notebook):
    titles = [
        line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
    ]
    titles = [line for line in titles if line.startswith("## ")]
    assert titles[-1] == "## References"
    assert titles[-2].startswith("## Exercises")
    assert any(title.startswith("## What we found") for title in titles)


def test_findings_are_recorded_and_concluded(notebook):
    source = "\n".join(cell.source for cell in code_of(notebook))
    assert "cx.record(" in source or "record" in source
    assert "cx.conclude(" in source


def test_exercises_have_checks_and_solutions(notebook):
    assert tagged(notebook, "exercise") and tagged(notebook, "solution")
    asked = set(re.findall(r'cx\.exercise\(\s*"([^"]+)"', "\n".join(c.source for c in code_of(notebook))))
    solved = set(
        re.findall(r'cx\.answer\(\s*"([^"]+)"', "\n".join(c.source for c in tagged(notebook, "solution")))
    )
    assert asked == solved


def test_widgets_have_one_door(notebook):
    source = "\n".join(cell.source for cell in code_of(notebook))
    assert not re.search(r"\b(interact|interactive|interact_manual|Output)\(", source)


def test_no_magic_and_no_warning_filters(notebook):
    source = "\n".join(cell.source for cell in code_of(notebook))
    assert not re.search(r"^[%!]", source, flags=re.M)
    assert "filterwarnings" not in source and "simplefilter" not in source
