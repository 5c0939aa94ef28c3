"""The workshop in JupyterLab: keys move controls, settings can be copied, an attendee does exercises."""

import os
import re
import subprocess
import sys

import nbformat
import papermill
import pytest
import yaml
from attendee import Attendee, small_copies
from lab_server import IDLE, ROOT, lab_server, run_all, show_explorer

from cxlab.workbook.executed import EXPLORE, outputs_of
from cxlab.workbook.glossary import read_glossary

PAGE = "02-product-or-experience.ipynb"
# Two pages here; all nine, about three minutes, in make bench.
CHOSEN = "0[1-9]*" if os.environ.get("CXLAB_ALL_PAGES") else "0[23]*"
PAGES = sorted(path.stem for path in (ROOT / "notebooks").glob(f"{CHOSEN}.ipynb"))
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.cells.length"
CHANGED = "(before) => document.querySelector('[data-shown] .cx-finding').textContent !== before"


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    """Return the address of a JupyterLab over the attendees' copies."""
    folder = tmp_path_factory.mktemp("lab")
    with lab_server(folder, small_copies(folder / "copies")) as address:
        yield address


@pytest.fixture
def page(chromium):
    """Return a page whose console says nothing wrong."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert faults == []
    context.close()


@pytest.mark.parametrize("stem", PAGES)
def test_an_attendee_errs_asks_gets_it_right_and_sees_progress(lab, page, stem):
    """03 with the keyboard alone, from the list of files on."""
    attendee = Attendee(page, lab, stem, keyboard=stem.startswith("03"))
    attendee.do(f"{stem[:2]}.1")
    attendee.do(f"{stem[:2]}.2")
    assert f"{stem[:2]}\n2 of 4\n{stem[:2]}.3, {stem[:2]}.4" in attendee.progress()


def test_keys_change_the_answer_and_copied_settings_give_it_again_elsewhere(lab, page, tmp_path):
    assert run_all(page, lab, PAGE) == []
    _move(page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    page.goto(f"{lab}/lab/tree/{PAGE}?reset")  # its kernel still runs
    page.wait_for_function(IDLE, timeout=90_000)
    _move(page)
    output = show_explorer(page)
    finding = output.locator(".cx-finding").text_content()
    output.locator("input[type=range]").press("ArrowLeft")
    page.wait_for_function(CHANGED, arg=finding)
    finding = output.locator(".cx-finding").text_content()
    output.get_by_role("button", name="copy these settings").click()
    settings = output.get_by_role("textbox", name="settings").input_value()
    assert page.evaluate("() => navigator.clipboard.readText()") == settings
    told, out = yaml.safe_load(settings), str(tmp_path / "out.ipynb")
    assert told | {"bootstrap": 40, "spread": 0.75, "source": "ecsi-mobile"} == told
    (tmp_path / "settings.yaml").write_text(settings)
    papermill.execute_notebook(ROOT / "notebooks" / PAGE, out, parameters=told, progress_bar=False)
    (content,) = outputs_of(nbformat.read(out, 4), EXPLORE)
    figure = content["figures"][content["controls"][0]["start"]]
    assert figure["finding"] == finding
    report = [sys.executable, "-m", "cxlab", "report", "--only", "02", "--out", str(tmp_path / "report")]
    subprocess.run([*report, "--params", str(tmp_path / "settings.yaml")], cwd=ROOT, check=True)
    page.goto((tmp_path / "report" / PAGE.replace("ipynb", "html")).as_uri())
    chart = page.locator("figure.chart:has(input[type=range])").first
    assert chart.locator("output").text_content() == "three quarters"
    assert finding in " ".join(page.locator(".finding").all_text_contents()).replace("\xa0", " ")
    chart.get_by_role("button", name="copy these settings").click()
    assert chart.get_by_role("textbox").input_value() == settings


def test_the_sheet_of_terms_prints_on_two_pages(page, tmp_path):
    small_copies(tmp_path)
    page.goto((tmp_path / "terms.html").as_uri())
    assert page.locator("dt").count() == len(read_glossary()) > 30
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 2


def _move(page) -> None:
    output = show_explorer(page)
    finding, control = output.locator(".cx-finding").first, output.locator(".cx-explore input").first
    before, cells = finding.text_content(), page.evaluate(CELLS)
    assert control.evaluate("(node) => node.labels[0].textContent.trim()")
    assert finding.get_attribute("role") == "status"
    control.focus()
    at = int(control.input_value())
    page.keyboard.press("x")  # cuts a cell where it reaches the notebook
    page.keyboard.press("ArrowLeft" if at else "ArrowRight")
    page.wait_for_function(CHANGED, arg=before)
    assert control.get_attribute("aria-valuetext") == output.locator("output").first.text_content()
    page.keyboard.press("ArrowRight" if at else "ArrowLeft")
    page.wait_for_function(CHANGED.replace("!==", "==="), arg=before)
    assert page.evaluate(CELLS) == cells
