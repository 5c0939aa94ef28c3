"""``cxlab funnel``: what it prints, what it refuses, what it leaves behind."""

import csv
import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.workbook.cli import main

from .conftest import wait_until

STEPS = ["visit", "cart", "pay"]
ENGINES = ["local", "duckdb"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    rng = np.random.default_rng(1)
    n = 5_000
    when = pd.to_datetime(1_700_000_000 + rng.integers(0, 30 * 86_400, n), unit="s")
    frame = pd.DataFrame({"user": rng.integers(0, 600, n), "what": rng.choice([*STEPS, "help"], n)})
    frame = frame.assign(when=when, region=rng.choice(["north", "south"], n))
    return saved(frame, tmp_path_factory.mktemp("funnel") / "log.csv"), frame


def words(path, *more):
    columns = ["--customer", "user", "--event", "what", "--timestamp", "when"]
    return ["funnel", str(path), "--steps", ",".join(STEPS), *columns, *more]


def saved(frame, path):
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def of_frame(frame, **more):
    named = frame.rename(columns={"user": "customer_id", "what": "event", "when": "timestamp"})
    return cx.funnel.ordered_funnel(named, **{"steps": STEPS, "conversion_window": None, **more})


def printed(capsys, path, *more):
    assert main(words(path, "--format", "json", *more)) == 0
    return json.loads(capsys.readouterr().out)


def test_json_csv_and_table_hold_the_numbers_of_the_method(log, capsys):
    path, frame = log
    want = of_frame(frame, conversion_window="3d", segment="region").table
    asked = ["--window", "3d", "--by", "region"]
    found = printed(capsys, path, *asked)
    assert [row["customers"] for row in found["table"]] == want.customers.tolist()
    assert found["window_seconds"] == 3 * 86_400 and "at most 3 days" in found["rules"]
    assert printed(capsys, path, *asked, "--engine", "duckdb") == found
    assert main(words(path, *asked, "--format", "csv")) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["low"]) for row in rows] == pytest.approx(want.low.tolist())
    assert main(words(path, *asked)) == 0
    text = capsys.readouterr().out
    assert all(f"{count:,}" in text for count in want.customers) and "Rules:" in text


def test_small_cells_of_a_segment_are_counted_and_never_named(tmp_path, capsys, refused):
    rows = []
    for region, first, visits, carts in (("big", 0, 40, 20), ("rare", 100, 2, 1), ("mid", 200, 9, 1)):
        rows += [(first + i, "visit", "2026-01-01", region) for i in range(visits)]
        rows += [(first + i, "cart", "2026-01-02", region) for i in range(carts)]
    path = saved(pd.DataFrame(rows, columns=["user", "what", "when", "region"]), tmp_path / "log.csv")
    asked = [path, "--steps", "visit,cart", "--by", "region"]
    found = printed(capsys, *asked)
    assert found["cells_not_shown"] >= 4 and "rare" not in json.dumps(found)
    assert all(row["customers"] >= 5 for row in found["table"])
    assert main(words(*asked)) == 0
    text = capsys.readouterr().out
    assert "rare" not in text and "cells that count fewer than 5" in text
    everything = printed(capsys, *asked, "--min-cell", "1")
    named = {row["segment"] for row in everything["table"]}
    assert everything["cells_not_shown"] == 0 and named == {"big", "mid", "rare"}
    assert [row["customers"] for row in printed(capsys, path, "--steps", "visit,cart")["table"]] == [51, 22]
    assert "--min-cell" in refused(*words(*asked, "--min-cell", "0"))


def test_cells_that_a_spreadsheet_would_run_are_escaped(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text("user,what,when,region\n" + "".join(f'{i},"=1+1",2026-01-01,@x\n' for i in range(9)))
    assert main(words(path, "--steps", "=1+1", "--by", "region", "--format", "csv")) == 0
    assert "'@x,'=1+1,9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--steps visit,cartt", "nearest are cart"), ("--window 0d", "longer than zero"),
        ("--window soon", "not a time span"), ("--customer users", "nearest are user"),
        ("--memory lots", "is no size"), ("--memory 10MB", "too little"),
        ("--by country", "no column 'country'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ENGINES)
def test_bad_use_is_one_plain_line_and_exit_2(log, refused, more, message, engine):
    assert message in refused(*words(log[0], *more.split(), "--engine", engine))


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

    path, folder = tmp_path / "log.csv", tmp_path / "temporary"
    rows = "SELECT 'c' || (i % 999983) AS user, ['visit', 'cart', 'pay'][i % 3 + 1] AS what, "
    rows += "make_timestamp(1700000000000000 + i * 1000000) AS when FROM range(3000000) t(i)"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (HEADER)")
    folder.mkdir()
    asked = [sys.executable, "-m", "cxlab", *words(path)]
    env, pipe = {**os.environ, "TMPDIR": str(folder)}, subprocess.PIPE
    process = subprocess.Popen(asked, env=env, stdout=pipe, stderr=pipe, text=True)
    wait_until(lambda: list(folder.glob("*.lock")))
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in error and out == "", error
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["soon"], "'soon'"),
        (["03/04/2026"], "day or month first"),
        (["2026-03-29T00:30:00+01:00", "2026-03-29 01:00:00"], "time zone"),
        (["7 potatoes", "2026-03-29"], "7 potatoes"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_time_that_cannot_be_read_is_one_sentence(tmp_path, refused, cells, message, ending, engine):
    frame = pd.DataFrame({"user": range(len(cells)), "what": "visit", "when": cells})
    path = saved(frame, tmp_path / f"log.{ending}")
    assert message in refused(*words(path, "--engine", engine))
    with pytest.raises(InputError, match=message):
        of_frame(frame, steps=["visit"])


@pytest.mark.parametrize(
    "cells",
    [
        ["2026-03-08 01:30:00", "2026-03-08 02:30:00"],
        ["13/03/2026 1:30:00 AM", "13/03/2026 2:30:00 AM"],
        ["2026-03-08T01:30:00+01:00", "2026-03-08T00:30:00-01:00"],
        [1772951400, 1772955000],
        [1772951400000000, 1772955000000000],
        ["1772951400.5", "1772955000.5"],
        ["8 Mar 2026 06:30", "8 Mar 2026 07:30"],
    ],
    ids=str,
)
def test_times_in_every_form_are_an_hour_apart(tmp_path, capsys, cells):
    frame = pd.DataFrame({"user": 1, "what": ["visit", "cart"], "when": cells})
    for path in (tmp_path / "log.csv", tmp_path / "log.parquet"):
        saved(frame, path)
        for engine in ENGINES:
            table = printed(capsys, path, "--steps", "visit,cart", "--engine", engine)["table"]
            assert (table[1]["customers"], table[1]["median_seconds"]) == (1, 3600)
    assert of_frame(frame, steps=["visit", "cart"]).quantiles([0.5])[0]["time"] == 3600 * 10**6


@pytest.mark.parametrize("engine", ENGINES)
def test_ids_of_any_kind_are_text(tmp_path, capsys, engine):
    ids = [*range(21_000), "guest-1", "007", "7 ", "1812345678.1771840001"]
    frame = pd.DataFrame({"user": ids, "what": "TRUE", "when": "2026-03-08"})
    asked = [saved(frame, tmp_path / "log.csv"), "--steps", "TRUE", "--engine", engine]
    assert printed(capsys, *asked)["table"][0]["customers"] == 21_003  # '7 ' is 7


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.parquet", b"PAR1 broken PAR1", "log.parquet"),
        ("twice.csv", b"user,what,what,when\n1,visit,cart,2026-03-08\n", "two columns named 'what'"),
        ("empty.csv", b"", "empty"),
        ("nul.csv", b"\x00\x01\x02\x00binary\x00", "nul.csv"),
    ],
)
def test_broken_files_and_two_columns_of_a_name_are_one_sentence(
    tmp_path, refused, engine, name, content, message
):
    (tmp_path / name).write_bytes(content)
    assert message in refused(*words(tmp_path / name, "--engine", engine))


def test_a_study_or_its_mapping_file_is_taken(log, tmp_path, capsys, refused):
    path, _ = log
    columns = "{user: customer_id, what: event, when: timestamp, region: segment}"
    (tmp_path / "events.yaml").write_text(f"table: events\nfile: {{path: '{path}'}}\ncolumns: {columns}\n")
    (tmp_path / "params.yaml").write_text("study: Ours\ntables: {events: events.yaml}\nmin_cell: 7\n")
    want = printed(capsys, path, "--by", "region")["table"]
    for name in ("", "events.yaml", "params.yaml"):
        asked = words(tmp_path / name, "--by", "segment", "--format", "json")
        assert main(asked) == 0
        assert json.loads(capsys.readouterr().out)["table"] == want
    assert "nearest are pay" in refused(*asked, "--steps", "visit,payy")
    assert "reads files" in refused(*asked, "--engine", "spark")
    (tmp_path / "survey.yaml").write_text("table: survey\nfile: {path: x.csv}\n")
    (tmp_path / "params.yaml").write_text("tables: {survey: survey.yaml}\n")
    assert "no table of events" in refused("funnel", tmp_path, "--steps", "a")
