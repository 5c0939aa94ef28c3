import json
import re

import pytest
from bs4 import BeautifulSoup

from cxlab.workbook.report import pages

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def cell(source, *outputs, tag=None, kind="code"):
    metadata = {"tags": [tag]} if tag else {}
    return {
        "cell_type": kind,
        "metadata": metadata,
        "source": source,
        **({"outputs": list(outputs)} if kind == "code" else {}),
    }


def shown(**data):
    names = {
        "html": "text/html",
        "markdown": "text/markdown",
        "plain": "text/plain",
        "plotly": "application/vnd.plotly.v1+json",
    }
    mimes = {names.get(k, f"application/vnd.cxlab.{k}+json"): v for k, v in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": mimes}


FIGURE = {
    "data": [{"type": "bar", "x": ["a"], "y": [1]}],
    "layout": {
        "title": {"text": "How many<br>answers"},
        "height": 300,
        "template": {"data": {"bar": []}},
        "meta": {"description": "A bar for each answer.", "simulated": True},
    },
}
CONTEXT = {
    "stem": "02-split", "number": "02", "title": "Which side?", "question": "Which side?", "minutes": 9,
    "parameters": [{"name": "seed", "value": "1", "given": True, "comment": "same seed, same numbers"}],
    "pages": [{"stem": "02-split", "number": "02", "question": "Which side?", "href": "02-split.html"}],
    "previous": None, "next": {"href": "03-cause.html", "question": "Cause?"}, "root": "", "home": "index.html",
    "versions": [("pandas", "3")], "segment": "",
}  # fmt: skip


def render(*cells, **context):
    html = pages.render({"cells": list(cells), "metadata": {}}, {**CONTEXT, **context})
    return html, BeautifulSoup(html, "html.parser")


def test_solutions_are_left_out_and_exercises_hide_their_code():
    html, soup = render(
        cell("# Which side?", kind="markdown"),
        cell("secret = 42", shown(plain="right"), tag="solution"),
        cell("cx.exercise('02.1', expected=7)", tag="exercise"),
        cell("seed = 1", tag="parameters"),
        cell("shown = 1"),
    )
    assert "secret" not in html and "expected" not in html and "seed = 1" not in html
    assert [code.get_text(strip=True) for code in soup.select("details.code .highlight")] == ["shown=1"]
    assert len(soup.select("h1")) == 1


def test_the_first_conclusion_is_the_answer_and_parameters_and_sources_stand_at_the_foot():
    source = {
        "name": "here",
        "title": "A survey",
        "licence": "CC0",
        "sha256": "abc",
        "simulated": False,
        "citation": "T 2005",
    }
    record = {
        "name": "share",
        "value": 0.4823,
        "low": 0.3,
        "high": 0.61,
        "unit": "share of R2",
        "n": 250,
        "headline": True,
    }
    html, soup = render(
        cell("x", shown(source=source), shown(record=record)),
        cell("y", shown(conclusion={"sentence": "It is **both**."})),
    )
    assert soup.select_one(".answer").get_text(" ", strip=True) == "In one sentence It is both ."
    assert [td.get_text() for td in soup.select(".foot table")[0].select("tbody th, tbody td")] == [
        "share", "48.2 %", "30 % to 61 %", "share of R2", "250",
    ]  # fmt: skip
    foot = soup.select_one(".foot").get_text(" ", strip=True)
    for words in ("seed", "set for this report", "A survey", "CC0", "abc", "T 2005", "pandas 3"):
        assert words in foot
    assert soup.select_one(".title .badge") is None


def test_simulated_data_are_said_in_the_heading():
    _, soup = render(cell("x", shown(source={"name": "a", "simulated": True})))
    assert soup.select_one(".title .badge").get_text() == "simulated data"
    _, soup = render(
        cell(
            "x",
            shown(source={"name": "a", "simulated": True}),
            shown(source={"name": "b", "simulated": False}),
        )
    )
    assert soup.select_one(".title .badge").get_text() == "partly simulated data"


def test_a_chart_has_a_role_a_name_and_a_description():
    html, soup = render(cell("x", shown(plotly=FIGURE)))
    plot = soup.select_one(".plot")
    assert plot["role"] == "img" and plot["aria-label"] == "How many answers"
    assert soup.select_one("#" + plot["aria-describedby"]).get_text() == "A bar for each answer."
    assert "template" not in soup.select_one("figure script").string
    assert soup.select_one(".title .badge")["class"] == ["badge"]


def test_arrays_in_base64_become_lists_of_rounded_numbers_and_gaps():
    import numpy as np
    import plotly.graph_objects as go

    figure = go.Figure(go.Heatmap(x=np.array([1, 2]), z=np.array([[2 / 3, np.nan]])))
    assert "bdata" in figure.to_json()
    (trace,) = pages._chart(json.loads(figure.to_json()), explored=False)["bundle"]["data"]
    assert trace["x"] == [1, 2]
    assert trace["z"] == [[0.666667, None]]


def test_an_explorer_has_one_labelled_control_for_each_argument():
    second = {"data": [], "layout": {}}
    content = {
        "controls": [
            {"name": "days", "label": "days", "kind": "slider", "values": ["1", "7"]},
            {"name": "side", "label": "side", "kind": "select", "values": ["a", EVIL]},
        ],
        "states": [0, 1, 1, 0],
        "figures": [FIGURE, second],
        "layout": {},
    }
    html, soup = render(cell("x", shown(explore=content, plotly=FIGURE)))
    controls = soup.select("figure .control")
    assert [label["for"] for label in soup.select("figure label")] == [
        c.select_one("input, select")["id"] for c in controls
    ]
    assert soup.select_one("input[type=range]")["max"] == "1"
    assert '"sizes":[2,2]' in soup.select_one("figure script").string
    assert "<script>alert" not in html


def test_text_from_data_never_becomes_markup_or_script():
    figure = {"data": [{"name": EVIL}], "layout": {"title": {"text": EVIL}, "meta": {"description": EVIL}}}
    record = {"name": EVIL, "value": EVIL, "low": None, "high": None, "unit": EVIL, "n": None}
    html, soup = render(
        cell(
            "x",
            shown(plotly=figure),
            shown(record=record),
            shown(source={"name": EVIL, "title": EVIL, "notes": [EVIL]}),
        ),
        cell(
            "y",
            shown(conclusion={"sentence": f"It is {EVIL}"}),
            shown(markdown=f"A {EVIL} [a](javascript:alert(3))"),
        ),
        cell(
            "z",
            {"output_type": "stream", "name": "stdout", "text": EVIL},
            shown(html=f"<table><td>1</td></table>{EVIL}"),
        ),
        title=EVIL,
        parameters=[{"name": "p", "value": EVIL, "given": True, "comment": EVIL}],
        segment=EVIL,
    )
    scripts = [script for script in soup.select("script") if script.get("type") != "application/json"]
    assert {script.get("src") for script in scripts} == {"assets/plotly.min.js", "assets/cxlab.js"}
    assert not [tag for tag in soup.find_all(onerror=True) if tag.find_parent(class_="table") is None]
    assert "javascript:" not in html
    # What a table's own HTML might still hold does not run: the page allows no inline script.
    policy = soup.select_one("meta[http-equiv]")["content"]
    assert "script-src 'self' file:;" in policy and "default-src 'none'" in policy


def test_math_becomes_mathml():
    _, soup = render(cell("The share $R^2$:\n\n$$\\frac{a}{b}$$", kind="markdown"))
    assert len(soup.select("math")) == 2 and soup.select_one('math[display="block"] mfrac')


def test_nothing_is_asked_of_the_network_and_the_page_is_small():
    html, _ = render(cell("# T\n\nText", kind="markdown"), cell("x", shown(plotly=FIGURE)))
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html)
    assert len(html) < 20_000


def test_tables_lose_their_frame_and_a_mere_count_and_set_words_to_the_left():
    import pandas as pd

    table = pd.DataFrame({"step": ["visit", "<b>"], "rate": [0.5, None]})
    html, soup = render(
        cell("x", shown(html=table.to_html())), cell("y", shown(html=table.set_index("step").to_html()))
    )
    counted, named = soup.select("table.dataframe")
    assert counted.get("border") is None and "<style" not in html
    assert [cell.get_text() for cell in counted.select("th, td")] == [
        "step",
        "rate",
        "visit",
        "0.5",
        "<b>",
        "–",
    ]
    assert [cell.get_text() for cell in counted.select(".words")] == ["step", "visit", "<b>"]
    assert [cell.get_text() for cell in named.select("tbody th")] == ["visit", "<b>"]
    assert [[cell.get_text() for cell in row.select("th")] for row in named.select("thead tr")] == [
        ["step", "rate"]
    ]


@pytest.mark.parametrize(
    ("sentence", "expected"), [("It **is** so.", "It is so."), ("a < b & c", "a &lt; b &amp; c")]
)
def test_a_sentence_as_plain_text(sentence, expected):
    assert pages.plain(sentence) == expected
