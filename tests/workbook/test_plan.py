"""Which notebooks run, with which parameters: types, ranges and names are checked before anything runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.data.errors import InputError
from cxlab.workbook import plan

from .conftest import write_notebook

PARAMETERS = """
source: str = "here"  # the survey
steps: list[str] = ["a", "b"]
window: int | None = 7  # days
limit: float = 0.5
knot: float = 0.0
exact: bool = False
seed: int = 1
shift: int = -3
old = "plain #"  # with # in it
"""
MISSPELT = '{"cells": [], "metadata": {"cxlab": {"minuets": 3}}}'
UNFIT = (
    "exact=perhaps seed=1.5 seed=-1 limit=-1 seed=1e3 limit=nan limit=inf limit=x seed=True seed=99999999999 "
    "window=[1] nothing=1 x =1 source=nowhere source=none.yaml source=there steps=" + "[" * 5000
)


@pytest.fixture
def pages(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sources.toml").write_text('[here]\ntable = "survey"\n[there]\ntable = "events"\n')
    monkeypatch.setenv("CXLAB_HOME", str(tmp_path))
    more = {"parameters": PARAMETERS, "tables": {"source": "survey"}}
    write_notebook(tmp_path / "n" / "02-product-or-experience.ipynb", title="B?", order=2, **more)
    write_notebook(tmp_path / "n" / "01-claims.ipynb", title="A?", order=1, parameters="seed: int = 1")
    write_notebook(tmp_path / "n" / "99-template.ipynb", report=False)
    write_notebook(tmp_path / "n" / "10-mine.ipynb", study_only=True, order=0, **more)
    return plan.find_pages(tmp_path / "n")


def test_pages_come_in_reading_order_with_what_they_say_of_themselves(pages, tmp_path):
    assert [(page.stem, page.name) for page in pages] == [
        ("01-claims", "Claims"),
        ("02-product-or-experience", "Product or experience"),
    ]
    assert pages[1].question == "B?" and pages[1].number == "02" and pages[1].tables == {"source": "survey"}
    assert [page.number for page in plan.find_pages(tmp_path / "n", study=True)] == ["10", "02", "01"]
    found = pages[1].parameters
    assert found["window"].types == ("int", "None") and found["window"].comment == "days"
    assert found["steps"].types == ("list",) and found["old"].types == ("str",)
    assert found["old"].comment == "with # in it"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("steps=x,y", ["x", "y"]), ("steps=['x']", ["x"]), ("window=none", None), ("window=3", 3),
        ("limit=2", 2.0), ("limit=1e-3", 0.001), ("exact=yes", True), ("exact=False", False), ("old=5", "5"),
        ("shift=-9", -9), ("knot=-0.5", -0.5), ("02.seed=4", 4),
    ],
)  # fmt: skip
def test_values_become_what_the_page_declares(pages, text, value):
    plan.give_parameters(pages, [text])
    given = pages[1].given[text.partition("=")[0].rpartition(".")[2]]
    assert given == value and type(given) is type(value) and "seed" not in pages[0].given


@pytest.mark.parametrize("text", UNFIT.split(), ids=range(18))
def test_what_does_not_fit_is_refused(pages, text):
    with pytest.raises(InputError):
        plan.give_parameters(pages, [text])


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_value(text):
    for kind in ("int", "float", "bool", "list", "dict", "None", "str"):
        parameter = plan.Parameter("x", (kind,), None, "")
        try:
            value = plan._checked(parameter, text, "-p")
        except InputError:
            continue
        assert isinstance(value, plan._TYPES[kind])


def test_sources_and_pages_are_found_by_name_and_misspelt_ones_told(pages):
    assert plan.kind_of("here", "") == "survey" and plan.kind_of("simulated-visits", "") == "visits"
    with pytest.raises(InputError, match="did you mean 'there'"):
        plan.kind_of("ther", "")
    assert [page.number for page in plan.select(pages, ["2", "01-claims"])] == ["01", "02"]
    with pytest.raises(InputError, match="did you mean '01-claims'"):
        plan.select(pages, ["01-claim"])


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": [], "metadata": []}', MISSPELT])
def test_a_broken_notebook_is_told(tmp_path, text):
    (tmp_path / "01.ipynb").write_text(text)
    with pytest.raises(InputError, match=r"01\.ipynb"):
        plan.read_page(tmp_path / "01.ipynb")


def test_a_parameters_cell_that_computes_and_a_folder_without_notebooks_are_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        plan.read_page(write_notebook(tmp_path / "01.ipynb", parameters="seed: int = 1 + x"))
    with pytest.raises(InputError, match="no notebook"):
        plan.find_pages(tmp_path / "empty")
