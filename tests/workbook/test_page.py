"""An executed notebook becomes a page: answer first, workings folded, nothing that runs."""

import copy
import json
import re

import nbformat
import pandas as pd
import plotly.graph_objects as go

from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import PLOTLY, RESULT, Number, Result, plotly_json
from cxlab.workbook import executed, page

MADE_UP = Table(frame=None, kind="visits", name="simulated-visits", simulated=True)
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
CONTEXT = {
    "stem": "02-split", "name": "Split", "question": "Which?", "root": "",
    "pages": [{"stem": "02-split", "name": "Split", "question": "Which?"}],
    "parameters": [], "segment": "",
    "previous": None, "next": {"stem": "03", "name": "Next one"}, "versions": [("Python", "3")],
}  # fmt: skip


def figure(title="Experience leads: 60 %"):
    table = pd.DataFrame({"side": ["Product", "Experience"], "estimate": [0.4, 0.6]})
    table = table.assign(low=table["estimate"] - 0.1, high=table["estimate"] + 0.1)
    return general.dots(table, title=title, x_title="share", label="side", percent=True)


def result(finding="Experience leads.", name="share", **more):
    numbers = {name: Number(0.6, 0.5, 0.7, "share of R2", 1250, "Experience's share")}
    return Result(finding, numbers, **more)


def shown(data):
    return nbformat.v4.new_output("display_data", data)


def outputs(*results):
    """What displaying results leaves in a cell."""
    found = []
    for one in results:
        found.append({RESULT: json.loads(json.dumps(one.content())), "text/html": "<p>x</p>"})
        if one.draw:
            found.append({PLOTLY: plotly_json(one.figure())})
        found.append({"application/vnd.cxlab.part+json": {}, "text/html": "<p>live only</p>"})
    return [shown(data) for data in found]


def folded(summary, text):
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


HIDDEN = ("exercise", "solution", "parameters", "injected-parameters")
FIRST = outputs(result("First.", "first"))


def notebook(*cells):
    made = [nbformat.v4.new_markdown_cell("# Which?", id="t")]
    for i, cell in enumerate(cells):
        text = isinstance(cell, str)
        code = {} if text else {"source": f"cx.call({i})", "outputs": cell}
        new = nbformat.v4.new_markdown_cell if text else nbformat.v4.new_code_cell
        made.append(new(**({"source": cell} if text else code), id=f"c{i}"))
    return json.loads(json.dumps(nbformat.v4.new_notebook(cells=made)))


def rendered(*cells, **more):
    return page.Rendered(notebook(*cells), CONTEXT | more)


def test_the_answer_is_hoisted_with_its_picture_three_numbers_and_limits():
    lead = result(draw=figure).lead("share", limits="It shows no cause.")
    other = outputs(result("Another thing.", "other"))
    text = rendered("An intro.", outputs(lead), "## More?\n\nSome words.", other).html
    order = ["<h1>Which?</h1>", "Experience leads.", "<svg", 'class="tiles"', "It shows no cause.",
             'class="toc"', "An intro.", "<h2>More?</h2>", "Another thing."]  # fmt: skip
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)
    assert text.count('class="finding"') == 2 and "live only" not in text
    assert "50 to 70\u00a0%" in text and "1,250" in text
    assert 'href="#more"' in text and "Next one" in text


def test_a_lead_without_its_data_gives_way_to_the_first_answer_that_is_there():
    lead = Result("Not answered here: this needs visits.", missing=True).lead(limits="x")
    made = rendered(outputs(lead), "## More?", outputs(result("It holds.")))
    first = made.html[: made.html.index('class="toc"')]
    assert "It holds." in first and "Not answered here" not in first
    stated = executed.collect(notebook(outputs(lead), outputs(result("It holds."))))
    assert stated["lead"]["finding"] == "It holds."


def test_workings_and_numbers_are_folded_and_the_numbers_are_a_file():
    table = pd.DataFrame({"who_is_it": ["=1+1", "b"], "part": [0.123456, None]})
    told = outputs(result(table=table, cautions=["Few."]))
    fold = folded("How this works", "By *lot* and `code`.")
    made = rendered(FIRST, f"## A?\n\nWe ask.\n\n{fold}", told, "So what.")
    assert "<details><summary>How this works</summary>\n<p>By <em>lot</em>" in made.html
    assert made.html.index("So what.") < made.html.rindex("<summary>Numbers")
    assert made.files["numbers/02-split-01.csv"].startswith("label,value,low")
    assert made.files == made.files | {"numbers/02-split-02.csv": "who is it,part\n'=1+1,0.123456\nb,\n"}
    assert '<a href="numbers/02-split-02.csv" download>' in made.html and "<td>0.12</td>" in made.html


def test_a_simulated_result_alone_has_the_badge():
    made_up = outputs(result("In made-up visits.", "b", draw=figure, data=MADE_UP))
    made = rendered("## A?", outputs(result(draw=figure)), "## B?", made_up)
    one, two = made.html.split("<h2>B?</h2>")
    assert "badge" not in one and two.count('class="badge"') == 1 and "<sup>" not in two


def test_an_explorer_with_the_answer_of_a_result_takes_its_place():
    days = {"name": "days", "label": "days", "kind": "slider", "values": ["a day", "a week"], "start": 1}
    states = (("One: 1", "At 1 day."), ("Seven: 7", "At 7 days."))
    figures = [{**plotly_json(figure(title)), "finding": finding} for title, finding in states]
    bundle = {"controls": [days], "layout": {}, "figures": figures}
    moved = [shown({executed.EXPLORE: bundle, PLOTLY: figures[1]})]
    made = rendered(FIRST, "## A?", copy.deepcopy(moved), outputs(result("At 7 days.", draw=figure)))
    assert made.html.count("<figure") == 1
    assert 'value="1"' in made.html and 'aria-valuetext="a week"' in made.html
    alone = rendered("## A?", moved)
    for page_ in (made, alone):
        assert '<p class="finding" aria-live="polite">At 7 days.' in page_.html and "Seven: 7" in page_.html
    assert "Numbers" not in alone.html


def test_code_is_there_and_hidden_exercises_goals_and_parameters_are_not():
    goals = "It is so. After this page you can\n\n- tell secret things.\n\n**Minutes:** 5."
    made = notebook("## A?\n" + goals, outputs(result()), [], [], [], [])
    made["cells"][2]["source"] = "a = '<b>'"
    for cell, tag in zip(made["cells"][3:], HIDDEN, strict=True):
        cell |= {"source": "secret()", "metadata": {"tags": [tag]}}
    text = page.Rendered(made, CONTEXT).html
    assert '<div class="code" hidden>' in text and "&lt;b&gt;" in text
    assert "secret" not in text and "Minutes" not in text and "It is so." in text and "switch" in text


def test_nothing_that_comes_from_data_can_run():
    numbers = {EVIL: Number(EVIL, unit=EVIL, label=EVIL)}
    evil = Result(EVIL, numbers, pd.DataFrame({EVIL: [EVIL]}), lambda: figure(EVIL), [EVIL])
    plain = shown({"text/html": f"<table><tr><td onclick=x>{EVIL}</td></tr></table>"})
    stream = nbformat.v4.new_output("stream", name="stdout", text=EVIL)
    lead = outputs(evil.lead(EVIL, limits=EVIL))
    text = rendered(lead, f"## {EVIL}", outputs(evil), [plain, stream], question=EVIL).html
    scripts = re.findall(r"<script[^>]*>", text)
    assert {tag.split()[1] for tag in scripts} <= {"defer", 'type="application/json">'}, scripts
    # What is escaped is text; nothing that a browser would take for a tag or a handler is left.
    assert not re.search(r"<img[^>]*onerror|<td[^>]*onclick|href=\"javascript", text)
    for block in re.findall(r'<script type="application/json">(.*?)</script>', text, flags=re.DOTALL):
        json.loads(block)


def test_search_finds_sections_by_what_they_say_and_references_stand_at_the_foot():
    found = outputs(result("It holds."), result("Second.", "b"))
    asked = f"## A thing?\n\nWords.\n\n{folded('How this works', 'Loevinger.')}"
    books = f"## References\n\n{folded('References', 'A book.')}"
    made = rendered("Intro.", asked, found, books)
    assert made.search[1][:3] == ["02-split.html#a-thing", "Split", "A thing?"]
    assert "Loevinger" in made.search[1][3] and "Second." in made.search[1][3]
    assert "<h2>References" not in made.html
    assert made.html.index("A book.") > made.html.index("How this page was made")


def test_plain_outputs_are_shown_tidily():
    frame = pd.DataFrame({"a": [1.0, None]})
    found = [
        nbformat.v4.new_output("display_data", {"text/html": frame.to_html()}),
        nbformat.v4.new_output("execute_result", {"text/plain": "'x'"}),
    ]
    text = rendered("## A?\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```", found).html
    assert "<td>–</td>" in text and "dataframe" not in text and "&#39;x&#39;" in text
    assert '<div class="table" tabindex="0"><table>' in text and '<pre class="highlight"' in text


def test_what_differs_between_runs_is_taken_out():
    html = "<T object at 0x7f00deadbeef> T_1a2b3 T_9c8d7 T_1a2b3 /home/é/x"
    made = notebook([shown({"text/html": html})])
    made["metadata"] = {"papermill": {"start_time": "now", "parameters": {"a": "/home/é/x"}}}
    made["cells"][1] |= {"metadata": {"papermill": {"duration": 1}}, "source": 'a = "/home/\\xe9/x"'}
    text = executed.to_json(executed.stabilise(made, {"/home/é": "HOME"}))
    assert "at 0x0> T_00000 T_00001 T_00000 HOME/x" in text and text.count("HOME/x") == 3
    assert "start_time" not in text and "duration" not in text


def test_pages_are_light_and_no_line_breaks_between_a_number_and_its_unit():
    many = [cell for i in range(6) for cell in (f"## S{i}?", outputs(result(f"F{i}.", f"n{i}", draw=figure)))]
    assert len(rendered(*many).html.encode()) < 120_000
    big = go.Figure(go.Scatter(x=list(range(3000)), y=list(range(3000))))
    assert "<svg" in rendered("## A?", outputs(result(draw=lambda: big))).html
    text = rendered(outputs(result("Experience leads: 60 % (54 to 80 %).", draw=figure))).html
    assert "60\u00a0% (54 to 80\u00a0%)" in text and not re.search(r"\d %", text)


def test_questions_without_their_data_are_one_line_together_at_the_foot():
    one, two = (
        outputs(Result(f"Not answered here: this needs {what} (see the form).", missing=True))
        for what in ("a log", "texts")
    )
    made = rendered(FIRST, "## Who left?\n\nWe ask.", one, "## What do they write?", two)
    assert "<h2>" not in made.html and "Not answered here" not in made.html
    line = "Not answered from these data: Who left? (needs a log); What do they write? (needs texts)."
    assert made.html.count(line) == 1 and len(made.search) == 1
    made = rendered(FIRST, "## Who left?", outputs(result("Two left.", draw=figure)), one)
    assert "Not answered from these data: part of &#39;Who left?&#39; (needs a log)." in made.html
