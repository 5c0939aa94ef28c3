"""``cxlab drivers``: the same numbers as the method, in three formats, and one plain message for a fault."""

import csv
import io
import json

import pandas as pd
import pytest

import cxlab as cx
from cxlab.workbook.cli import main
from cxlab.worlds.survey import make_survey

BLOCKS = ["--block", "product=product_1,product_2", "--block", "experience_1"]


@pytest.fixture
def survey(tmp_path):
    data = make_survey(150, rng=1).frame.round(4)
    data.to_csv(tmp_path / "answers.csv", index=False)
    return tmp_path / "answers.csv", data


def told(capsys, *arguments):
    assert main(["drivers", *map(str, arguments), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_csv_and_table_hold_the_numbers_of_the_method(survey, capsys):
    path, data = survey
    asked = [str(path), "--outcome", "loyalty", *BLOCKS, "--bootstrap", "50"]
    found = told(capsys, *asked)
    blocks = {"product": ["product_1", "product_2"], "experience_1": "experience_1"}
    expected = cx.drivers.relative_importance(data, outcome="loyalty", blocks=blocks, bootstrap=50, rng=1)
    assert found["n"] == found["complete"] == 150
    assert found["r2"] == pytest.approx(expected.attrs["r2"], rel=1e-9)
    table = pd.DataFrame(found["table"]).set_index("block")
    assert table.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-8)
    assert main(["drivers", *asked, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(["drivers", *asked]) == 0
    printed = capsys.readouterr().out
    assert [row["block"] for row in rows] == ["product", "experience_1"]
    assert all(f"{float(row['share']):.3f}" in printed for row in rows)
    assert "150 of 150 rows used, 150 complete" in printed and "Not causal" in printed


def test_decimal_commas_missing_codes_and_parquet_are_read(tmp_path, survey, capsys):
    _, data = survey
    comma, parquet = tmp_path / "comma.csv", tmp_path / "a.parquet"
    holes = data.assign(product_1=data["product_1"].where(data.index > 4, -99))
    holes.map(lambda value: f"{value:g}".replace(".", ",")).to_csv(comma, sep=";", index=False)
    holes.to_parquet(parquet)
    ask = ["--outcome", "loyalty", *BLOCKS, "--bootstrap", "0"]
    one, two = (told(capsys, path, *ask, "--missing", "-99") for path in (comma, parquet))
    assert one["table"] == two["table"] and one["complete"] == 145 and one["table"][0]["low"] is None
    assert any("-99 may mean 'no answer'" in text for text in told(capsys, comma, *ask)["cautions"])


def test_rows_with_gaps_are_used_and_clusters_widen(tmp_path, capsys):
    frame = make_survey(300, clusters=25, cluster_share=0.9, missing=0.3, rng=2).frame
    frame.to_csv(tmp_path / "a.csv", index=False)
    ask = [tmp_path / "a.csv", "--outcome", "loyalty_1", *BLOCKS, "--bootstrap", "100"]
    found, people = told(capsys, *ask), told(capsys, *ask, "--clusters", "person")
    assert found["n"] > 290 and found["complete"] < 150 and "answered everything" in found["cautions"][0]
    width = [one["table"][0]["high"] - one["table"][0]["low"] for one in (found, people)]
    assert width[1] > width[0]


def test_a_source_and_a_mapping_bring_their_own_blocks_and_outcome(tmp_path, survey, capsys):
    found = told(capsys, "simulated-survey", "--bootstrap", "0")
    assert {"product", "experience"} <= {row["block"] for row in found["table"]}
    (tmp_path / "survey.yaml").write_text(
        "table: survey\nfile: {path: answers.csv}\nblocks: {product: [product_1], experience: [experience_1]}"
        "\noutcomes: {loyalty: [loyalty_1, loyalty_2]}\n"
    )
    (tmp_path / "params.yaml").write_text("tables: {survey: survey.yaml}\n")
    for path in (tmp_path, tmp_path / "params.yaml", tmp_path / "survey.yaml"):
        assert told(capsys, path, "--bootstrap", "0")["outcome"] == "loyalty"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--block product=product_1,prodct_2", "prodct_2"), ("--block product=", "must read NAME=column"),
        ("--outcome loyal --block product_1", "loyal"), ("", "--block product=q1,q2"),
        ("--block a=product_1 --block a=product_3", "given twice"), ("--bootstrap -1", "-1 must be 0"),
        ("--confidence 95", "--confidence: 95"), ("--seed -1", "--seed: -1"),
        ("--min-cell 200", "--min-cell 200"), ("--block all=loyalty,product_1", "explain itself"),
        ("--weights w", "'w'"),
    ],
)  # fmt: skip
def test_bad_use_ends_in_one_message(survey, refused, arguments, words):
    blocks = BLOCKS * (arguments != "" and "--block" not in arguments)
    assert words in refused("drivers", survey[0], "--outcome", "loyalty", *blocks, *arguments.split())


def test_no_outcome_bad_cells_and_too_few_rows_are_told(tmp_path, survey, refused):
    assert "name what to explain" in refused("drivers", survey[0], *BLOCKS)
    path, asked = tmp_path / "w.csv", ["--outcome", "y", "--block", "a", "--block", "b"]
    path.write_text("a,b,y\n1,2,3\n2,often,4\n")
    assert "line 3, column 'b', value 'often'" in refused("drivers", path, *asked)
    path.write_text("a,b,y\n" + "\n".join(f"{i % 5},{i % 3},{i % 7}" for i in range(12)))
    assert "only 12 of 12" in refused("drivers", path, *asked)
    assert refused("drivers", tmp_path, *asked)
