"""The register's grid in JupyterLab as a person meets it: a double click, a word, Save, and the file has it."""

from __future__ import annotations

import csv
import time

import nbformat
import pytest
from lab_server import IDLE

CODE = """from cxlab.workbook.register import Register, write_template
write_template("register.csv")
Register("register.csv").edit()"""


def until(what, seconds=30):
    """Wait until ``what()`` is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.2)
    pytest.fail("it did not happen in time")


def test_a_cell_is_edited_and_saved_by_hand(lab, chromium, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "work" / "grid.ipynb")
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(f"{lab}/lab/tree/grid.ipynb?reset")
    page.wait_for_function(IDLE, timeout=90_000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_role("button", name="Save", exact=True).last.wait_for(timeout=90_000)
    canvas = page.locator(".jp-OutputArea-output .lm-DataGrid-canvas, .jp-OutputArea-output canvas").first
    canvas.wait_for(timeout=60_000)
    box = canvas.bounding_box()
    # The second column, 'title', in the first row below the header.
    page.mouse.dblclick(box["x"] + 64 + 110 + 60, box["y"] + 20 + 10)
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("typed by hand")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    page.locator(".jp-OutputArea-output button", has_text="Save").click()
    path = tmp_path / "work" / "register.csv"

    def rows():
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    until(lambda: rows()[0]["title"] == "typed by hand")
    assert rows()[0]["id"] == "P-001" and len(rows()) == 1
    assert "Saved: 1 changed" in page.locator(".jp-OutputArea-output [role=status]").inner_text()
    assert (tmp_path / "work" / "register.backup-0001.csv").exists()
    page.close()
