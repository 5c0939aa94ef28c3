"""The published report in headless Chromium, opened from a file with the network off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

START = """
import cxlab as cx
import pandas as pd
import plotly.graph_objects as go
from cxlab.charts import style
"""
DRAW = """
def draw(days, side):
    figure = go.Figure(go.Bar(x=["within", "later"], y=[days, 30 - days], marker_color=style.COLOURS[side]))
    text = f"Two bars: {days} of 30 days."
    return style.finish(figure, title=f"How many {side} orders came within {days} days of the first visit?", description=text)


cx.explore(draw, days=[1, 7, 30], side=["product", "experience"])
"""
STILL = """
figure = go.Figure(go.Scatter(x=[1, 2, 3], y=[2, 1, 3], mode="lines+markers"))
style.finish(figure, title="A line", description="A line that falls and rises.", simulated=True)
"""
TABLE = 'pd.DataFrame({f"a long column number {i}": [i * 1.5] for i in range(14)}, index=pd.Index(["row"], name="what"))'
SAYS = """
cx.record("share-product", 0.4, low=0.3, high=0.5, unit="share of R2", n=250, headline=True)
cx.record("share-experience", 0.6, low=0.5, high=0.7, unit="share of R2", n=250, headline=True)
cx.conclude("The experience carries 60 % [50 %, 70 %] of what is explained; <img src=x onerror=alert(1)>.")
"""
PROSE = """
After this page you can read $R^2$, and a formula:

$$\\frac{\\text{explained}}{\\text{all there is to explain}} = R^2$$

## Who carries more?

A sentence with `code_that_is_long_enough_to_need_a_break_somewhere` and a table:

| word | meaning |
|---|---|
| share | part of one |
"""


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory) -> Path:
    """A report of one page, built by the command."""
    home = tmp_path_factory.mktemp("book")
    (home / "data").mkdir()
    (home / "data" / "sources.toml").write_text("")
    (home / "notebooks").mkdir()
    code = nbformat.v4.new_code_cell
    cells = [
        nbformat.v4.new_markdown_cell(
            "# Which side carries more of what is explained?\n" + PROSE, id="prose"
        ),
        code(
            "seed: int = 1  # the same seed, the same numbers",
            id="parameters",
            metadata={"tags": ["parameters"]},
        ),
        *[code(source.strip(), id=f"c{i}") for i, source in enumerate([START, DRAW, STILL, TABLE, SAYS])],
    ]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    facts = {"question": "Which side carries more?", "minutes": 6, "order": 2}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec, "cxlab": facts})
    nbformat.write(notebook, home / "notebooks" / "02-split.ipynb")
    env = {**os.environ, "CXLAB_HOME": str(home), "CXLAB_CACHE": str(home / ".cache")}
    done = subprocess.run(
        [sys.executable, "-m", "cxlab", "report"],
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home / "reports"


@pytest.fixture
def visit(chromium, site):
    """Open a page of the report offline; whatever it complains of or asks for is kept."""
    contexts = []

    def open_page(name: str, *, width: int = 1280, scheme: str = "light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.faults, page.asked = [], []
        page.on(
            "console",
            lambda message: (
                page.faults.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("dialog", lambda dialog: (page.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((site / name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def draw_all(page) -> None:
    for figure in page.locator("figure.chart").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=15_000)


def test_the_report_opens_offline_without_a_complaint_or_an_outside_request(visit):
    for name in ("index.html", "02-split.html"):
        page = visit(name)
        draw_all(page)
        assert page.faults == []
        assert page.asked and all(url.startswith(("file://", "data:", "blob:")) for url in page.asked)
    assert page.locator("math").count() == 2


def test_a_key_press_on_a_slider_redraws_the_chart(visit):
    page = visit("02-split.html")
    draw_all(page)
    title = page.locator("figure.chart .gtitle").first
    before = title.text_content()
    assert "within 1 days" in before.replace("\xa0", " ")
    page.locator("input[type=range]").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("b => document.querySelector('.gtitle').textContent !== b", arg=before)
    assert page.locator("figure.chart output").first.text_content() == "7"
    assert page.locator("input[type=range]").first.get_attribute("aria-valuetext") == "7"
    assert page.locator("figure.chart figcaption").first.text_content() == "Two bars: 7 of 30 days."
    page.locator("select").first.select_option(label="experience")
    page.wait_for_function("() => document.querySelector('.gtitle').textContent.includes('experience')")
    assert page.faults == []


def test_every_chart_gives_its_numbers_as_a_table_of_the_state_shown(visit):
    page = visit("02-split.html")
    first, second, *_ = page.locator("figure.chart details.data").all()
    cells = "node => [...node.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    first.locator("summary").click()
    first.locator("table").wait_for()
    assert first.evaluate(cells) == [["what", "value"], ["within", "1"], ["later", "29"]]
    page.locator("input[type=range]").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => document.querySelector('details.data td').textContent === 'within' && document.querySelectorAll('details.data td')[1].textContent === '7'"
    )
    second.locator("summary").click()
    second.locator("table").wait_for()
    assert second.evaluate(cells)[1:] == [["1", "2"], ["2", "1"], ["3", "3"]]
    assert page.faults == []


def test_numbers_of_every_kind_of_chart_can_be_read(chromium, tmp_path):
    """Intervals, tick words, series beside their ticks, a grid, a flow; frames and arrows are left out."""
    charts = [
        {"data": [
            {"type": "scatter", "name": "<b>a</b>", "x": [0.5, 0.25], "y": [0.2, 1.2], "error_x": {"array": [0.1, 0.1], "arrayminus": [0.2, 0.2]}},
            {"type": "scatter", "x": [0, 1, None], "y": [0, 1, None], "mode": "lines", "hoverinfo": "skip"},
        ], "layout": {"xaxis": {"title": {"text": "share"}}, "yaxis": {"tickvals": [0, 1], "ticktext": ["one", "two"]}}},
        {"data": [{"type": "heatmap", "x": ["p", "q"], "y": ["r"], "z": [[123456, 0.123456]]}]},
        {"data": [{"type": "sankey", "node": {"label": ["in", "out"]}, "link": {"source": [0], "target": [1], "value": [7]}}]},
        {"data": [{"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "hoverinfo": "skip"}]},
    ]  # fmt: skip
    import plotly

    from cxlab.workbook.report import pages

    script = (pages.TEMPLATES / "assets" / "cxlab.js").read_text(encoding="utf-8")
    library = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    figures = "".join(
        '<figure class="chart"><div class="plot"></div><details class="data"><summary>Numbers</summary></details>'
        f'<script type="application/json">{json.dumps(chart)}</script></figure>'
        for chart in charts
    )
    (tmp_path / "p.html").write_text(
        f"<!doctype html><body>{figures}<script>{library}</script><script>{script}</script>", encoding="utf-8"
    )
    page = chromium.new_page()
    page.goto((tmp_path / "p.html").as_uri())
    page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    draw_all(page)
    found = page.evaluate(
        "() => [...document.querySelectorAll('details')].map((each) => each.hidden ? null :"
        " [...each.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.textContent)))"
    )
    page.close()
    assert found == [
        [["series", "what", "share", "low", "high"], ["a", "one", "0.5", "0.3", "0.6"], ["a", "two", "0.25", "0.05", "0.35"]],
        [["", "p", "q"], ["r", "123,456", "0.1235"]],
        [["from", "to", "how many"], ["in", "out", "7"]],
        None,
    ]  # fmt: skip


def test_charts_are_drawn_when_they_come_near_the_window(visit):
    page = visit("02-split.html")
    page.context.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => "
        "{ document.querySelectorAll('figure.chart')[1].style.marginTop = '9000px' })"
    )
    page.reload()
    page.locator("figure.chart .main-svg").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 1
    draw_all(page)
    assert page.locator(".js-plotly-plot").count() == 2


def test_dark_paper_turns_the_ink_over(visit):
    fills = {}
    for scheme in ("light", "dark"):
        page = visit("02-split.html", scheme=scheme)
        draw_all(page)
        fills[scheme] = page.evaluate("() => getComputedStyle(document.querySelector('.gtitle')).fill")
    assert fills == {"light": "rgb(31, 41, 51)", "dark": "rgb(230, 233, 236)"}


@pytest.mark.parametrize("name", ["index.html", "02-split.html"])
def test_nothing_scrolls_sideways_at_390_pixels(visit, name):
    page = visit(name, width=390)
    draw_all(page)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.gtitle, .gtitle tspan')].filter(t => t.getBoundingClientRect().right > 390).length"
    )
    assert wide == 0


def test_paper_shows_every_chart_in_light_colours(visit):
    page = visit("02-split.html", scheme="dark")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2")
    assert (
        page.evaluate("() => getComputedStyle(document.querySelector('.gtitle')).fill") == "rgb(31, 41, 51)"
    )
    page.emulate_media(media="print", color_scheme="light")
    assert not page.locator("details.code").first.is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "02-split.html"])
def test_axe_finds_no_serious_fault(visit, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.base")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page = visit(name, scheme=scheme)
    draw_all(page)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate(script)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    grave = [
        {
            "id": v["id"],
            "nodes": [n["html"][:120] for n in v["nodes"][:3]],
            "why": v["nodes"][0]["failureSummary"][:300],
        }
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert not grave, json.dumps(grave, indent=1)


def test_the_keyboard_reaches_content_and_pages(visit):
    page = visit("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.locator(".answers h2 a").first.click()
    page.wait_for_url("**/02-split.html")
    assert page.locator("h1").text_content() == "Which side carries more of what is explained?"
    page.locator("a[rel=next]").click()
    page.wait_for_url("**/index.html")
