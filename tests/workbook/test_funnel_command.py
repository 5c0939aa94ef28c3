"""``cxlab funnel``: what it prints, what it refuses, what it leaves behind."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.workbook.cli import main

STEPS = ["visit", "cart", "pay"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    rng = np.random.default_rng(1)
    n = 5_000
    frame = pd.DataFrame(
        {
            "user": rng.integers(0, 600, n),
            "what": rng.choice([*STEPS, "help"], n),
            "when": pd.to_datetime(1_700_000_000 + rng.integers(0, 30 * 86_400, n), unit="s"),
            "region": rng.choice(["north", "south"], n),
        }
    )
    path = tmp_path_factory.mktemp("funnel") / "log.csv"
    frame.to_csv(path, index=False)
    return path, frame


def words(path, *more):
    columns = ["--customer", "user", "--event", "what", "--timestamp", "when"]
    return ["funnel", str(path), "--steps", ",".join(STEPS), *columns, *more]


def test_json_csv_and_table_hold_the_numbers_of_the_method(log, capsys):
    path, frame = log
    renamed = frame.rename(columns={"user": "customer_id", "what": "event", "when": "timestamp"})
    want = cx.funnel.ordered_funnel(renamed, steps=STEPS, conversion_window="3d", segment="region").table
    assert main(words(path, "--window", "3d", "--by", "region", "--format", "json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["customers"] for row in found["table"]] == want.customers.tolist()
    assert found["window_seconds"] == 3 * 86_400 and "at most 3 d" in found["rules"]
    assert main(words(path, "--window", "3d", "--by", "region", "--format", "csv")) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["low"]) for row in rows] == pytest.approx(want.low.tolist())
    assert main(words(path, "--window", "3d", "--by", "region")) == 0
    text = capsys.readouterr().out
    assert all(f"{count:,}" in text for count in want.customers) and "Rules:" in text


def test_duckdb_engine_prints_the_same(log, capsys):
    path, _ = log
    assert main(words(path, "--window", "none", "--format", "csv")) == 0
    local = capsys.readouterr().out
    assert main(words(path, "--window", "none", "--format", "csv", "--engine", "duckdb")) == 0
    assert capsys.readouterr().out == local


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--steps", "visit,cartt"], "nearest are cart"),
        (["--steps", "visit,visit"], "'visit' twice"),
        (["--window", "0d"], "longer than zero"),
        (["--window", "soon"], "not a time span"),
        (["--customer", "users"], "did you mean user"),
        (["--memory", "lots"], "is no size"),
        (["--by", "country"], "no column 'country'"),
    ],
)
def test_bad_use_is_one_plain_line_and_exit_2(log, capsys, more, message):
    assert main(words(log[0], *more)) == 2
    caught = capsys.readouterr()
    assert message in caught.err and caught.err.count("\n") == 1 and caught.out == ""


@pytest.mark.parametrize(
    "content", [b"", b"user,what,when\n", b"\x00\x01\x02\x00binary\x00", b"user,what,when\n1,visit,never\n"]
)
def test_strange_files_end_in_one_line_or_zeros(tmp_path, capsys, content):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    assert main(words(path)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_local_file_needs_neither_pandas_nor_ibis_nor_statsmodels(log):
    code = (
        "import sys\nfrom cxlab.workbook.cli import main\n"
        f"main({words(log[0], '--format', 'json')!r})\n"
        "print([m for m in ('pandas', 'ibis', 'statsmodels', 'scipy') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_interrupted_scan_leaves_nothing_and_exits_130(tmp_path):
    import duckdb

    path = tmp_path / "log.csv"
    duckdb.sql(
        "COPY (SELECT 'c' || (i % 999983) AS user, ['visit', 'cart', 'pay'][i % 3 + 1] AS what, "
        "make_timestamp(1700000000000000 + i * 1000000) AS when FROM range(3000000) t(i)) "
        f"TO '{path}' (HEADER)"
    )
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "cxlab", *words(path)],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not list(folder.iterdir()) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error and out == ""
    assert not list(folder.iterdir())


def test_temporary_folders_are_gone_after_a_run(log, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert main(words(log[0], "--format", "json")) == 0
    assert not list(Path(tmp_path).iterdir())
