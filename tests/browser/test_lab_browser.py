"""A person's first minutes: JupyterLab runs page 02, and keys move its controls and nothing else."""

from __future__ import annotations

from lab_server import IDLE, run_all, show_explorer

PAGE = "02-product-or-experience.ipynb"
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.cells.length"


def test_keys_on_controls_change_the_answer_and_reopening_keeps_them(lab, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    faults = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    assert run_all(page, lab, PAGE) == []
    _move(page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    page.goto(f"{lab}/lab/tree/{PAGE}?reset")  # its kernel still runs
    page.wait_for_function(IDLE, timeout=90_000)
    _move(page)
    assert [fault for fault in faults if "widget" in fault.lower() or "model" in fault.lower()] == []
    page.close()


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
    page.wait_for_function(
        "(before) => document.querySelector('[data-explorer] .cx-finding').textContent !== before", arg=before
    )
    assert control.get_attribute("aria-valuetext") == output.locator("output").first.text_content()
    page.keyboard.press("ArrowRight" if at else "ArrowLeft")
    page.wait_for_function(
        "(before) => document.querySelector('[data-explorer] .cx-finding').textContent === before", arg=before
    )
    assert page.evaluate(CELLS) == cells
