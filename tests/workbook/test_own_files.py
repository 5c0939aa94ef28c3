"""From a stranger's file to the pages: init, check and report end well, and each part says what it lacks."""

import json

import numpy as np
import pandas as pd
import pytest

from cxlab.data.check import check_path, init_study
from cxlab.workbook.cli import main

pytestmark = [pytest.mark.notebook, pytest.mark.usefixtures("own_cache")]


def survey(n, gaps=0.0, expected=False):
    random = np.random.default_rng(3)
    liked = random.normal(size=(n, 1))
    names = ["quality", "works", "service", "staff_friendly"]
    names += ["expected_quality", "expected_service"] * expected
    answers = np.round(3 + 0.7 * liked + 0.7 * random.normal(size=(n, len(names)))).clip(1, 5)
    recommend = np.round(6 + 1.5 * liked[:, 0] + random.normal(size=n)).clip(0, 10)
    frame = pd.DataFrame(answers, columns=names).assign(recommend=recommend)
    return frame.mask(random.random(frame.shape) < gaps)


def log(customers, steps):
    random = np.random.default_rng(1)
    rows = [
        (f"k{who}", step, pd.Timestamp("2026-03-01") + pd.Timedelta(minutes=600 * turn + who))
        for who in range(customers)
        for turn, step in enumerate(steps[: random.integers(1, len(steps) + 1)])
    ]
    return pd.DataFrame(rows, columns=["customer", "event", "timestamp"])


def visits(outlets):
    random = np.random.default_rng(2)
    shops = [f"shop {outlet}" for outlet in random.integers(outlets, size=2000)]
    frame = pd.DataFrame({"outlet": shops, "person": random.integers(700, size=2000)})
    return frame.assign(score=random.integers(1, 6, 2000), timestamp="2026-01-01 10:00")


def plan():
    random = np.random.default_rng(4)
    table = pd.DataFrame({"id": [f"P{i}" for i in range(40)], "level": ["account", "unit"] * 20})
    return table.assign(impact=random.integers(1, 99, 40), cost=random.integers(1, 50, 40))


def calls():
    random = np.random.default_rng(5)
    reasons = random.choice(["late delivery", "broken", "invoice wrong"], 300)
    return pd.DataFrame({"customer": range(300), "reason": reasons, "when": "2026-01-01 10:00"})


FILES = {  # what a stranger has: the page asked for, what must be stated there
    "visits": (visits(40), "07-ecosystem", "visits"),
    "seven outlets": (visits(7), "07-ecosystem", "visits"),
    "initiatives": (plan(), "06-initiatives", ""),
    "contacts": (calls(), "04-expectations", "The most frequent reason is"),
    "expectations": (survey(300, expected=True), "04-expectations", "the gap to expectation"),
    "25 rows": (survey(25), "10-your-customers", ""),
    "60 rows with gaps": (survey(60, 0.15), "02-product-or-experience", ""),
    "few complete rows": (survey(200, 0.6), "02-product-or-experience", ""),
    "one kind of event": (log(60, ["login"]), "05-lifecycle-and-metaquality", ""),
    "German steps": (log(90, ["Angesehen", "Korb", "Bezahlt"]), "05-lifecycle-and-metaquality", ""),
}


def start(tmp_path, frame):
    frame.to_csv(tmp_path / "their.csv", index=False)
    init_study(tmp_path / "study", tmp_path / "their.csv")
    lines, good = check_path(tmp_path / "study")
    assert good, lines
    return tmp_path / "study" / "params.yaml"


def made(out, capsys, *asked):
    """Make a report with few resamples; return what each page states."""
    code = main(["report", "--out", str(out), *asked])
    said = capsys.readouterr()
    assert code == 0 and not said.err, said.err
    return json.loads((out / "results.json").read_text())


def report(params, page, capsys):
    """Make one page of a study; return what it states and its text."""
    out, few = params.parent / "report", ["-p", "bootstrap=40"] * (not page.startswith("06"))
    stated = made(out, capsys, "--params", str(params), "--only", page[:2], *few)
    return stated[page], (out / f"{page}.html").read_text()


@pytest.mark.parametrize("name", FILES)
def test_a_file_alone_gets_its_page(tmp_path, capsys, name):
    frame, page, said = FILES[name]
    stated, text = report(start(tmp_path, frame), page, capsys)
    assert (said in text or said in stated) if said else stated
    assert "Not answered" in text


def test_all_rows_are_used_where_many_have_gaps_and_the_command_says_the_same(tmp_path, capsys):
    frame = survey(300, 0.35)
    params = start(tmp_path, frame)
    stated, _ = report(params, "02-product-or-experience", capsys)
    share = stated["share-product"]
    assert share["n"] == frame.notna().any(axis=1).sum() > 290
    assert main(["drivers", str(params.parent), "--bootstrap", "40", "--format", "json"]) == 0
    rows = {row["block"]: row for row in json.loads(capsys.readouterr().out)["table"]}
    assert rows["product"]["share"] == pytest.approx(share["value"], abs=1e-6)


def test_a_made_up_source_is_taken_by_its_name(tmp_path, capsys):
    given = ["-p", "source=simulated-survey", "-p", "bootstrap=40", "--only", "02"]
    assert made(tmp_path / "out", capsys, *given)["02-product-or-experience"]["share-product"]["simulated"]


def test_a_log_of_three_customers_says_why_it_has_no_page(tmp_path, capsys):
    made(tmp_path / "out", capsys, "--params", str(start(tmp_path, log(3, ["visit", "cart", "buy"])).parent))
    index = (tmp_path / "out" / "index.html").read_text()
    assert "Lifecycle and metaquality (the log holds 3 customers; at least 5 are needed)" in index


def test_steps_may_be_given_in_any_language(tmp_path, capsys):
    params = start(tmp_path, log(90, ["Angesehen", "Warenkorb gefüllt", "Bezahlt"]))
    steps = "steps: [Angesehen, Warenkorb gefüllt, Bezahlt]"
    params.write_text(params.read_text().replace("parameters: {}", f"parameters: {{{steps}}}"))
    stated, text = report(params, "05-lifecycle-and-metaquality", capsys)
    assert stated and "Warenkorb gefüllt" in text


def test_a_bad_value_is_told_before_a_page_is_run(tmp_path, monkeypatch, refused):
    monkeypatch.setattr("cxlab.workbook.report.Runners", None)  # nothing can be run
    params = start(tmp_path, survey(40))
    with (tmp_path / "their.csv").open("a") as stream:
        stream.write("9.0,3,3,3,7\n")
    told = refused("report", "--params", params, "--out", tmp_path / "out")
    assert "line 42, column 'quality', value '9.0': must be at most 5" in told
