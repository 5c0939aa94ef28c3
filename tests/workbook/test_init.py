"""``cxlab init``: from a stranger's file to a study whose check passes, with every guess marked."""

from __future__ import annotations

import random

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.evidence.study import read_study
from cxlab.workbook.cli import main
from cxlab.workbook.commands.init import add_table, quote, start_study


@pytest.fixture
def messy(tmp_path):
    """A German export: Latin-1, semicolons, decimal commas, -99, words for 'no answer', a reversed item, e-mails."""
    rng = random.Random(2)
    rows = [
        "Teilnehmer Nr;E-Mail;Gebiet;Produkt Qualität;Product reliability;Product: breaks often;Service friendly;Support speed;Recommend;Loyal;Gewicht;Umsatz"
    ]
    for i in range(200):
        z = rng.gauss(0, 1)

        def answer(sign=1, z=z):
            value = min(7, max(1, round(4 + sign * 1.5 * z + rng.gauss(0, 1))))
            return "-99" if rng.random() < 0.03 else "weiß nicht" if rng.random() < 0.02 else str(value)

        cells = [answer(), answer(), answer(-1), answer(), answer(), answer(), answer()]
        rows.append(
            f"K{i:05d};kunde{i}@mail.de;{rng.choice(['Nord', 'Süd'])};"
            + ";".join(cells)
            + ";"
            + f"{rng.uniform(0.5, 2):.2f}".replace(".", ",")
            + f";1.{rng.randrange(100, 999)}"
        )
    path = tmp_path / "export.csv"
    path.write_bytes("\r\n".join(rows).encode("cp1252"))
    return path


def test_a_messy_survey_becomes_a_study_that_opens(messy, tmp_path, capsys):
    folder = tmp_path / "study"
    assert main(["init", str(folder), "--table", "survey", "--from", str(messy)]) == 0
    out = capsys.readouterr().out
    assert "good: it opens" in out and "cxlab check" in out and "cxlab report --params" in out
    text = (folder / "survey.yaml").read_text(encoding="utf-8")
    assert text.count("# guess: confirm") >= 8
    data = cx.open_source(str(folder / "survey.yaml"))
    assert len(data) == 200 and data.attrs["outcomes"] == {"loyalty": ["Recommend", "Loyal"]}
    assert data.attrs["blocks"]["product"] == [
        "Produkt Qualität",
        "Product reliability",
        "Product: breaks often",
    ]
    assert data[["Produkt Qualität", "Product: breaks often"]].corr().iloc[0, 1] > 0.3
    assert (
        data["weight"].between(0.4, 2.1).all()
        and data.attrs["weights"] == "weight"
        and data.attrs["range"] == [1.0, 7.0]
    )
    assert not data.astype(str).apply(lambda c: c.str.contains("@")).any(axis=None)
    assert main(["check", str(folder / "survey.yaml")]) == 0


def test_further_tables_join_the_same_study(messy, tmp_path):
    folder = tmp_path / "study"
    start_study(folder, table="survey", source=str(messy))
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("min_cell: 5 ", "min_cell: 9 ") + "# mine\n")
    (tmp_path / "log.csv").write_text("user,action,at\nu1,view,2026-01-01\nu2,buy,2026-01-02\n")
    start_study(folder, table="events", source=str(tmp_path / "log.csv"))
    study = read_study(params)
    assert (
        set(study.tables) == {"survey", "events"} and study.min_cell == 9 and "# mine" in params.read_text()
    )
    assert cx.open_source(study.source_of("events")).count().execute() == 2


def test_a_mapping_with_corrections_is_not_overwritten(messy, tmp_path, capsys):
    folder = tmp_path / "study"
    start_study(folder, table="survey", source=str(messy))
    (folder / "survey.yaml").write_text("# mine\n")
    assert main(["init", str(folder), "--table", "survey", "--from", str(messy)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (folder / "survey.yaml").read_text() == "# mine\n"
    start_study(folder, table="survey", source=str(messy), force=True)
    assert (folder / "survey.yaml.bak").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "survy", "--from", "x.csv"], "did you mean 'survey'"),
        (["--table", "survey", "--from", "nothing.csv"], "there is no file"),
    ],
)
def test_bad_use_writes_nothing(arguments, message, tmp_path, capsys):
    assert main(["init", str(tmp_path / "study"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_a_file_in_place_of_the_folder_is_refused(messy, tmp_path):
    with pytest.raises(InputError, match="is a file"):
        start_study(messy, table="survey", source=str(messy))


def test_columns_that_nothing_resembles_are_asked_for(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    lines = start_study(tmp_path / "study", table="kpis", source=str(tmp_path / "x.csv"))
    assert sum("to do: no column looks like" in line for line in lines) == 3
    assert "# YOUR_COLUMN: kpi   # needed" in (tmp_path / "study" / "kpis.yaml").read_text()


def test_strange_column_names_survive(tmp_path):
    names = [
        'a: "b"',
        "#hash",
        "- dash",
        "no",
        "[x]",
        "é\u2028é",
        "😀",
        "it's",
        "100%",
        "{y}",
        "a\tb",
        "\u202ertl",
    ]
    rng = random.Random(1)
    frame = pd.DataFrame({name: [rng.randint(1, 5) for _ in range(40)] for name in names})
    frame.to_csv(tmp_path / "x.csv", index=False)
    start_study(tmp_path / "study", table="survey", source=str(tmp_path / "x.csv"))
    data = cx.open_source(str(tmp_path / "study" / "survey.yaml"))
    items = [item for items in data.attrs["blocks"].values() for item in items]
    assert len(items) == len(names) and set(items) <= set(data.columns)


def test_questions_get_short_names_and_keep_their_words(tmp_path):
    questions = [
        "Q1 How satisfied are you with the product?",
        "How helpful was our staff on the phone?",
        "How likely are you to recommend us? (0-10)",
    ]
    lines = [";".join(["id", *questions, "Comments"])]
    lines += [
        f"{i};{1 + i % 5};{1 + (i * 2) % 5};{i % 11};{'ok' if i % 2 else 'so so'}" for i in range(1, 60)
    ]
    (tmp_path / "x.csv").write_text("Export of a tool\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    start_study(tmp_path / "study", table="survey", source=str(tmp_path / "x.csv"))
    data = cx.open_source(str(tmp_path / "study" / "survey.yaml"))
    assert data.attrs["blocks"]["product"] == ["Q1"] and data.attrs["outcomes"]["loyalty"] == [
        "likely recommend"
    ]
    assert (
        data.attrs["labels"]["helpful staff"] == "How helpful was our staff on the phone?"
        and data.attrs["segments"] == []
    )
    assert data["loyalty"].max() == 10


def test_the_check_counts_guesses_that_are_not_confirmed(messy, tmp_path, capsys):
    start_study(tmp_path / "study", table="survey", source=str(messy))
    mapping = tmp_path / "study" / "survey.yaml"
    main(["check", str(mapping)])
    assert "in survey.yaml are still to be confirmed" in capsys.readouterr().out
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("# guess: confirm", "#"), encoding="utf-8")
    main(["check", str(mapping)])
    assert "to be confirmed" not in capsys.readouterr().out


@pytest.mark.parametrize("table", ["expectations", "ratings", "pain", "visits", "ladder"])
def test_every_kind_of_table_can_be_started(table, tmp_path):
    files = {
        "expectations": "kunde,expectation,perception,csat\na,1,2,3\nb,2,3,4\n", "ratings": "coder,s1,s2\nx,p,e\ny,p,p\n",
        "pain": "theme;calls\nbill;1.234\nnet;17\n", "visits": "shop,rating,date\na,5,03/04/2026\nb,4,05/06/2026\n",
        "ladder": "client,company,team\na,5,4\nb,3,2\n",
    }  # fmt: skip
    (tmp_path / "x.csv").write_text(files[table])
    lines = start_study(tmp_path / "study", table=table, source=str(tmp_path / "x.csv"))
    assert "good: it opens" in "\n".join(lines), lines
    cx.open_source(str(tmp_path / "study" / f"{table}.yaml"))


@given(st.text())
def test_quoted_names_read_back(text):
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        return
    assert yaml.load(f"{quote(text)}: x", yaml.BaseLoader) == {text: "x"}
    assert yaml.load(f"[{quote(text)}, {quote(text)}]", yaml.BaseLoader) == [text, text]


@pytest.mark.parametrize(
    "text",
    [
        "tables:\n    survey: survey.yaml\nmin_cell: 5\n",
        "tables: {survey: survey.yaml}  # x\n",
        "tables: {}\n",
        "study: x\n",
        "tables:\n",
    ],
)
def test_a_table_is_added_to_any_form_of_params(text, tmp_path):
    (tmp_path / "params.yaml").write_text(text)
    added = yaml.safe_load(add_table(tmp_path / "params.yaml", "events", tmp_path))
    assert added["tables"]["events"] == "events.yaml" and ("survey" in text) == ("survey" in added["tables"])
