"""``cxlab drivers``: the same numbers as the method, in three formats, and one plain message for a fault."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_survey
from cxlab.methods import drivers
from cxlab.workbook.cli import main


@pytest.fixture
def survey(tmp_path):
    data = make_survey(150, rng=1).round(4)
    path = tmp_path / "answers.csv"
    data.to_csv(path, index=False)
    return path, data


BLOCKS = ["--block", "product=product_1,product_2", "--block", "experience_1"]


def test_json_equals_the_method(survey, capsys):
    path, data = survey
    code = main(
        ["drivers", str(path), "--outcome", "loyalty", *BLOCKS, "--bootstrap", "50", "--format", "json"]
    )
    told = json.loads(capsys.readouterr().out)
    expected = drivers.decompose(
        data,
        outcome="loyalty",
        blocks={"product": ["product_1", "product_2"], "experience_1": "experience_1"},
        bootstrap=50,
        rng=1,
    )
    assert code == 0 and told["n"] == 150
    assert told["r2"] == pytest.approx(expected.r2, rel=1e-9)
    table = pd.DataFrame(told["table"]).set_index("block")
    assert table.to_numpy() == pytest.approx(expected.table.to_numpy(), rel=1e-8)


def test_csv_and_table_say_the_same(survey, capsys):
    path, _ = survey
    arguments = ["drivers", str(path), "--outcome", "loyalty", *BLOCKS, "--bootstrap", "20"]
    assert main([*arguments, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert [row["block"] for row in rows] == ["product", "experience_1"]
    for row in rows:
        assert f"{float(row['share']):.3f}" in printed
    assert "n = 150, 0 rows incomplete" in printed and "Not causal" in printed


def test_decimal_commas_missing_codes_and_parquet_are_read(tmp_path, survey, capsys):
    path, data = survey
    holes = data.assign(product_1=data["product_1"].where(data.index > 4, -99))
    holes.to_csv(tmp_path / "comma.csv", sep=";", decimal=",", index=False)
    holes.to_parquet(tmp_path / "a.parquet")
    found = []
    for file in ("comma.csv", "a.parquet"):
        options = [
            "--outcome",
            "loyalty",
            *BLOCKS,
            "--missing",
            "-99",
            "--bootstrap",
            "0",
            "--format",
            "json",
        ]
        assert main(["drivers", str(tmp_path / file), *options]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["table"] == found[1]["table"]
    assert found[0]["dropped"] == 5 and found[0]["r2_low"] is None


def test_a_source_brings_its_own_blocks_and_outcome(capsys):
    assert main(["drivers", "simulated-survey", "--bootstrap", "0", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"product", "experience"} <= {row["block"] for row in told["table"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--outcome", "loyalty", "--block", "product=product_1,prodct_2"], "did you mean product_2"),
        (["--outcome", "loyal", *BLOCKS], "no column 'loyal'"),
        (["--outcome", "loyalty"], "--block product=q1,q2"),
        ([*BLOCKS], "name what to explain"),
        (["--outcome", "loyalty", "--block", "product="], "must read NAME=column"),
        (["--outcome", "loyalty", *BLOCKS, "--block", "product=product_3"], "given twice"),
        (["--outcome", "loyalty", *BLOCKS, "--bootstrap", "-1"], "bootstrap=-1"),
        (["--outcome", "loyalty", *BLOCKS, "--confidence", "95"], "confidence_level=95"),
        (["--outcome", "loyalty", *BLOCKS, "--seed", "-1"], "--seed -1"),
        (["--outcome", "loyalty", "--block", "all=loyalty,product_1"], "explain itself"),
        (["--outcome", "loyalty", *BLOCKS, "--weights", "w"], "no column 'w'"),
    ],
)
def test_bad_use_ends_in_one_message(survey, capsys, arguments, words):
    path, _ = survey
    assert main(["drivers", str(path), *arguments]) == 2
    told = capsys.readouterr()
    assert words in told.err and told.err.count("\n") == 1 and not told.out


def test_bad_cells_are_told_with_line_and_column(tmp_path, capsys):
    path = tmp_path / "w.csv"
    path.write_text("a,b,y\n1,2,3\n2,often,4\n")
    assert main(["drivers", str(path), "--outcome", "y", "--block", "a", "--block", "b"]) == 2
    told = capsys.readouterr().err
    assert "line 3" in told and "'b'" in told and "often" in told
    path.write_text("a,b,y\n1,2,3\n2,5\n")
    assert main(["drivers", str(path), "--outcome", "y", "--block", "a"]) == 2
    assert "has 2 fields" in capsys.readouterr().err
    assert main(["drivers", str(tmp_path), "--outcome", "y", "--block", "a"]) == 2
