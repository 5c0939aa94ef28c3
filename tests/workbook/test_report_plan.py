import papermill
import pytest

from cxlab.evidence.errors import InputError
from cxlab.workbook.report import plan

from .conftest import PARAMETERS, write_notebook


@pytest.fixture
def pages(workbook, monkeypatch):
    monkeypatch.setenv("CXLAB_HOME", str(workbook.folder))
    from cxlab.evidence import sources

    sources.registry.cache_clear()
    survey = (
        'source: str = "here"  # data\nbootstrap: int = 100  # resamples\nlevel: float = 0.95  # confidence'
    )
    events = 'source: str = "there"  # data\nsteps: list = ["a", "b"]  # the path\nwindow: str | None = None  # days'
    workbook.notebook("02-split", order=2, tables=["survey"], parameters=survey)
    workbook.notebook("05-funnel", order=5, tables=["events"], parameters=events)
    workbook.notebook("99-template", order=99, report=False)
    workbook.notebook("01-words", order=1, parameters=PARAMETERS)
    yield plan.find_pages(workbook.folder / "notebooks")
    sources.registry.cache_clear()


def test_pages_stand_in_reading_order_and_the_template_is_left_out(pages):
    assert [page.stem for page in pages] == ["01-words", "02-split", "05-funnel"]
    assert pages[0].number == "01" and pages[0].question == "Does it hold?"


def test_parameters_agree_with_what_papermill_reads(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb")
    theirs = papermill.inspect_notebook(str(path))
    ours = plan.read_page(path).parameters
    assert list(ours) == list(theirs) == ["bootstrap", "name", "exact"]
    for name, parameter in ours.items():
        assert parameter.types == (theirs[name]["inferred_type_name"],)
        assert repr(parameter.default) == theirs[name]["default"].replace('"', "'")
        assert parameter.comment == theirs[name]["help"]


def test_parameters_without_a_type_take_that_of_their_value():
    found = plan.declared_parameters("a = 3\nb: float | None = None\nc = 'x'  # letter\nimport os\n")
    assert [(p.name, p.types) for p in found] == [("a", ("int",)), ("b", ("float", "None")), ("c", ("str",))]


@pytest.mark.parametrize(
    ("given", "stem", "expected"),
    [
        ("bootstrap=500", "01-words", 500),
        ("01.bootstrap=7", "01-words", 7),
        ("exact=False", "01-words", False),
        ("exact=yes", "01-words", True),
        ("name=a=b", "01-words", "a=b"),
        ("level=0.9", "02-split", 0.9),
        ("level=1", "02-split", 1.0),
        ("steps=x,y", "05-funnel", ["x", "y"]),
        ("steps=['x', 'y']", "05-funnel", ["x", "y"]),
        ("window=7d", "05-funnel", "7d"),
    ],
)
def test_a_value_becomes_the_declared_type(pages, given, stem, expected):
    plan.give_parameters(pages, [given])
    page = next(page for page in pages if page.stem == stem)
    value = page.given[given.split("=")[0].removeprefix("01.")]
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("bootsrap=5", "did you mean 'bootstrap'"),
        ("bootstrap=many", "bootstrap must be int, not 'many'"),
        ("bootstrap=1.5", "must be int"),
        ("exact=maybe", "must be bool"),
        ("level=nan", "must be float"),
        ("bootstrap", "write NAME=VALUE"),
        ("07.bootstrap=5", "no page is called that"),
        ("source=heer", "did you mean 'here'"),
        ("source=study/none.yaml", "there is no mapping file"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_would_be_right(pages, given, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        plan.give_parameters(pages, [given])


def test_a_scoped_parameter_reaches_one_page_only(pages):
    plan.give_parameters(pages, ["02.bootstrap=9"])
    assert {page.stem: page.given for page in pages if page.given} == {"02-split": {"bootstrap": 9}}


def test_a_source_reaches_the_pages_that_read_its_kind_of_table(pages):
    plan.give_parameters(pages, ["source=there"])
    assert {page.stem: page.given for page in pages if page.given} == {"05-funnel": {"source": "there"}}


def test_only_names_pages_by_number_or_name(pages):
    assert [page.stem for page in plan.select(pages, ["5", "01-words"])] == ["01-words", "05-funnel"]
    with pytest.raises(InputError, match="did you mean '02-split'"):
        plan.select(pages, ["02-spilt"])


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "01-broken.ipynb").write_text("{")
    with pytest.raises(InputError, match="01-broken.ipynb is not a notebook"):
        plan.find_pages(tmp_path)


def test_a_folder_without_notebooks_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no notebook"):
        plan.find_pages(tmp_path)
