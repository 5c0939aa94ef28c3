"""The published report in headless Chromium, opened from a file with the network off: every page."""

import collections
import functools
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("0*.ipynb"))
PAGES = ["index", "how-to-read", *STEMS]
every_page = pytest.mark.parametrize("name", PAGES)
every_notebook = pytest.mark.parametrize("name", STEMS)


@pytest.fixture(scope="session")
def site(chromium, tmp_path_factory) -> Path:
    """The whole report, built by the command; ``CXLAB_SITE`` names one that is built already."""
    if os.environ.get("CXLAB_SITE"):
        return Path(os.environ["CXLAB_SITE"])
    out = tmp_path_factory.mktemp("report") / "site"
    command = [sys.executable, "-m", "cxlab", "report", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=600, check=True)
    return out


@pytest.fixture
def visit(chromium, site):
    """Open a page of the report offline; whatever it complains of or asks for is kept."""
    contexts = []

    def open_page(name: str, *, width: int = 1280, **more):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, offline=True, **more))
        page = contexts[-1].new_page()
        page.faults, page.asked = [], []
        page.on("console", lambda said: said.type in ("error", "warning") and page.faults.append(said.text))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def still(visit):
    """Open a page without its scripts."""
    return functools.partial(visit, java_script_enabled=False)


def draw_all(page) -> None:
    for figure in page.locator("figure.chart:has(script)").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".picture").dispatch_event("click")
        figure.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=30_000)


def holding(site, text) -> str:
    return next(stem for stem in STEMS if text in (site / f"{stem}.html").read_text())


@every_page
def test_a_page_is_short_answers_on_its_first_screen_and_never_scrolls_sideways(still, name):
    size = "() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth]"
    page, limit = still(name), 6_000 if name == "index" else 9_000
    high, wide = page.evaluate(size)
    assert high <= limit and wide <= 1280, (high, wide)
    small = page.evaluate("""() => ['p', 'li', 'dd', 'dt', 'td', 'a']
        .flatMap((tag) => [...document.querySelectorAll(`main ${tag}`)])
        .filter((e) => e.offsetParent && !e.closest('svg') && parseFloat(getComputedStyle(e).fontSize) < 16)
        .map((e) => e.textContent.slice(0, 40))""")
    assert small == []
    if name in STEMS and page.locator(".lead .finding").count():
        assert page.locator(".lead .finding").bounding_box()["y"] < 400
        boxes = [picture.bounding_box() for picture in page.locator(".lead svg:visible").all()]
        assert all(box["y"] + box["height"] <= 900 for box in boxes), boxes
    assert page.locator("details .finding, [hidden] .finding").count() == 0
    narrow = still(name, width=390)
    high, wide = narrow.evaluate(size)
    assert high <= 2 * limit and wide <= 390, (high, wide)
    sideways = narrow.evaluate("""() => [...document.querySelectorAll('.picture svg text')]
        .filter((t) => t.checkVisibility() && t.getBoundingClientRect().right > 391)
        .map((t) => t.textContent)""")
    assert sideways == []


@every_notebook
def test_without_a_script_charts_have_pictures_or_numbers_and_titles_and_the_page_is_light(still, site, name):
    page = still(name)
    bare = page.evaluate("""() => [...document.querySelectorAll('figure.chart')]
        .filter((f) => ![...f.querySelectorAll('.picture svg[aria-label]')].some((s) => s.checkVisibility())
            && !f.closest('section')?.querySelector('details.numbers')).map((f) => f.id)""")
    assert bare == []
    first = sum((site / file).stat().st_size for file in (f"{name}.html", "assets/cxlab.css"))
    assert first < 500_000, first
    titles = page.evaluate("""() => [...document.querySelectorAll('figure.chart figcaption')]
        .filter((f) => !f.querySelector('.badge')).map((f) => f.firstChild.textContent.trim())""")
    # On real data a title holds a number, or says that nothing was found.
    assert [title for title in titles if not re.search(r"\d|\bno\b", title, re.IGNORECASE)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@every_page
def test_axe_finds_nothing_serious_offline_and_nobody_complains(visit, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.base")
    page = visit(name, color_scheme=scheme)
    draw_all(page)
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.faults == [] and all(url.startswith(("file://", "data:", "blob:")) for url in page.asked)
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    grave = {
        fault["id"]: [(node["html"][:120], node["failureSummary"][:300]) for node in fault["nodes"][:3]]
        for fault in found
        if fault["impact"] in ("serious", "critical")
    }
    assert not grave, json.dumps(grave, indent=1)


def test_a_key_on_a_slider_changes_finding_picture_and_words(visit, site):
    page = visit(holding(site, 'type="range"'))
    chart = page.locator("figure.chart:has(input[type=range])").first
    said = page.locator(".result:has(input[type=range]) .finding").first
    before, slider = said.text_content(), chart.locator("input[type=range]").first
    assert said.get_attribute("aria-live") == "polite"
    slider.focus()
    page.keyboard.press("Home" if int(slider.input_value()) else "End")
    image = chart.locator(".js-plotly-plot .main-svg").first
    image.wait_for()
    word = json.loads(slider.get_attribute("data-words"))[int(slider.input_value())]
    assert slider.get_attribute("aria-valuetext") == chart.locator("output").first.text_content() == word
    assert said.text_content() != before and page.faults == []
    assert image.get_attribute("aria-label") == said.text_content()
    assert not chart.locator(".picture").is_visible()


def test_search_finds_words_on_other_pages_and_keys_reach_them(visit):
    page = visit("index")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.locator("search input").fill("customers")
    page.locator(".hits a").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.matches('.hits a')")
    page.locator("search input").fill("zzzzzz")
    page.locator(".hits", has_text="Nothing found.").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(".hits").text_content() == "" and page.faults == []


def test_words_explain_themselves_on_focus_and_code_shows_on_request(visit, site):
    page = visit(holding(site, 'class="term"'))
    term = page.locator(".term:visible").first
    tip = term.locator("[role=tooltip]")
    assert not tip.is_visible()
    term.focus()
    tip.wait_for(state="visible", timeout=5_000)  # a busy machine draws late
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
    code = page.locator(".code").first
    assert not code.is_visible()
    page.locator(".switch").click()
    code.wait_for(state="visible", timeout=5_000)
    assert page.locator(".switch").get_attribute("aria-pressed") == "true"


def test_pages_lead_to_each_other_by_name(visit):
    page = visit(STEMS[1])
    assert page.locator("nav[aria-label=Pages] a").nth(1).inner_text() == "Claims and words"
    page.locator("a[rel=next]").click()
    page.wait_for_url(f"**/{STEMS[2]}.html")
    page.locator(".toc a").first.click()
    assert "#" in page.url
    page.locator(".anchor").first.click()
    assert page.url.endswith("#chart-1")


def test_paper_shows_charts_in_light_colours_and_no_buttons(visit):
    page = visit(STEMS[2], color_scheme="dark")
    draw_all(page)
    page.emulate_media(media="print", color_scheme="light")
    assert page.locator(".picture svg").first.is_visible()
    assert not page.locator(".js-plotly-plot, .toc").first.is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"


@every_page
def test_prose_is_easy_to_read(still, name, monkeypatch):
    textstat = pytest.importorskip("textstat")
    counts = importlib.import_module("textstat.backend.counts._count_syllables")
    known = counts.get_cmudict("en_US")
    # This release of textstat stumbles over words that its dictionary lacks.
    monkeypatch.setattr(counts, "get_cmudict", lambda lang: collections.defaultdict(list, known))
    prose = still(name).evaluate("""() => [...document.querySelectorAll('main p, main li, main dd')]
        .filter((e) => e.checkVisibility() && !e.querySelector('p'))
        .filter((e) => !e.closest('svg, .toc, .site, .made, .sentences'))
        .map((e) => e.innerText.trim()).filter((t) => /[.?!]$/.test(t))""")
    text = re.sub(r"\s*\([^()]*\d[^()]*\)", "", " ".join(prose))  # intervals
    text = re.sub(r"[−-]?\d[\d,.]*( %)?", "", text).replace(" .", ".").replace(" ,", ",")
    ease = textstat.flesch_reading_ease(text)
    length = len(text.split()) / max(1, len(re.findall(r"[.?!](?:\s|$)", text)))
    assert ease >= 50 and length <= 20, (ease, length)
    for one in prose if name == "index" else ():
        bare = re.sub(r"\([^()]*\)|(?<=\d) of \d+", "", one)  # an interval, a part of a whole
        assert len(re.findall(r"(?<![\w.])[−-]?\d[\d,.]*", bare)) <= 2, one
