"""A person's first minutes: JupyterLab opens page 02, runs it, and a key on a slider changes the chart."""

from __future__ import annotations

import time

from lab_server import run_all, show_explorer

PAGE = "02-product-or-experience.ipynb"


def test_page_02_runs_and_a_key_on_its_slider_changes_the_chart(lab, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    assert run_all(page, lab, PAGE) == []
    output = show_explorer(page)
    chart = output.locator(".js-plotly-plot").first
    state = "node => JSON.stringify(node.data.map((trace) => [trace.x, trace.y, trace.z])) + node.layout.title?.text"
    before = chart.evaluate(state)
    output.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    deadline = time.monotonic() + 30
    while chart.evaluate(state) == before and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert chart.evaluate(state) != before
    page.close()
