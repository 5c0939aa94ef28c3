"""``cxlab drivers``: the same numbers as the method, in three formats, and one plain message for a fault."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.workbook.cli import main
from cxlab.worlds.survey import make_survey

BLOCKS = ["--block", "product=product_1,product_2", "--block", "experience_1"]


@pytest.fixture
def survey(tmp_path):
    data = make_survey(150, rng=1).frame.round(4)
    path = tmp_path / "answers.csv"
    data.to_csv(path, index=False)
    return path, data


def told(capsys, *arguments):
    assert main(["drivers", *map(str, arguments), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_equals_the_method(survey, capsys):
    path, data = survey
    found = told(capsys, path, "--outcome", "loyalty", *BLOCKS, "--bootstrap", "50")
    blocks = {"product": ["product_1", "product_2"], "experience_1": "experience_1"}
    expected = cx.drivers.relative_importance(data, outcome="loyalty", blocks=blocks, bootstrap=50, rng=1)
    assert found["n"] == found["complete"] == 150
    assert found["r2"] == pytest.approx(expected.attrs["r2"], rel=1e-9)
    table = pd.DataFrame(found["table"]).set_index("block")
    assert table.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-8)


def test_csv_and_table_say_the_same(survey, capsys):
    path, _ = survey
    arguments = ["drivers", str(path), "--outcome", "loyalty", *BLOCKS, "--bootstrap", "20"]
    assert main([*arguments, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert [row["block"] for row in rows] == ["product", "experience_1"]
    assert all(f"{float(row['share']):.3f}" in printed for row in rows)
    assert "150 of 150 rows used, 150 complete" in printed and "Not causal" in printed


def test_decimal_commas_missing_codes_and_parquet_are_read(tmp_path, survey, capsys):
    path, data = survey
    holes = data.assign(product_1=data["product_1"].where(data.index > 4, -99))
    written = holes.map(lambda value: f"{value:g}".replace(".", ","))
    written.to_csv(tmp_path / "comma.csv", sep=";", index=False)
    holes.to_parquet(tmp_path / "a.parquet")
    ask = ["--outcome", "loyalty", *BLOCKS, "--bootstrap", "0"]
    one, two = (
        told(capsys, tmp_path / name, *ask, "--missing", "-99") for name in ("comma.csv", "a.parquet")
    )
    assert one["table"] == two["table"] and one["complete"] == 145 and one["table"][0]["low"] is None
    warned = told(capsys, tmp_path / "comma.csv", *ask)
    assert any("-99 may mean 'no answer'" in text for text in warned["cautions"])


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
        (["--outcome", "loyalty", "--block", "product=product_1,prodct_2"], "prodct_2"),
        (["--outcome", "loyal", *BLOCKS], "loyal"),
        (["--outcome", "loyalty"], "--block product=q1,q2"),
        ([*BLOCKS], "name what to explain"),
        (["--outcome", "loyalty", "--block", "product="], "must read NAME=column"),
        (["--outcome", "loyalty", *BLOCKS, "--block", "product=product_3"], "given twice"),
        (["--outcome", "loyalty", *BLOCKS, "--bootstrap", "-1"], "--bootstrap -1"),
        (["--outcome", "loyalty", *BLOCKS, "--confidence", "95"], "--confidence 95"),
        (["--outcome", "loyalty", *BLOCKS, "--seed", "-1"], "--seed -1"),
        (["--outcome", "loyalty", *BLOCKS, "--min-cell", "200"], "--min-cell 200"),
        (["--outcome", "loyalty", "--block", "all=loyalty,product_1"], "explain itself"),
        (["--outcome", "loyalty", *BLOCKS, "--weights", "w"], "'w'"),
    ],
)
def test_bad_use_ends_in_one_message(survey, capsys, arguments, words):
    path, _ = survey
    assert main(["drivers", str(path), *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out


def test_bad_cells_and_too_few_rows_are_told(tmp_path, capsys):
    path = tmp_path / "w.csv"
    path.write_text("a,b,y\n1,2,3\n2,often,4\n")
    assert main(["drivers", str(path), "--outcome", "y", "--block", "a", "--block", "b"]) == 2
    said = capsys.readouterr().err
    assert "line 3" in said and "'b'" in said and "often" in said
    path.write_text("a,b,y\n" + "\n".join(f"{i % 5},{i % 3},{i % 7}" for i in range(12)))
    assert main(["drivers", str(path), "--outcome", "y", "--block", "a", "--block", "b"]) == 2
    assert "only 12 of 12" in capsys.readouterr().err
    assert main(["drivers", str(tmp_path), "--outcome", "y", "--block", "a"]) == 2
    assert np.isfinite(len(capsys.readouterr().err))
