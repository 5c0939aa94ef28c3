"""Files as strangers hand them over: each ends in a right result or in one plain line with exit 2, never in a traceback."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.workbook.cli import main

HEAD = "customer,expected,perceived,satisfaction\n"
ROWS = "a,5,4,3\nb,6,6,6\nc,7,2,1\n"


def workbook(rows, sheets=("Sheet1",)):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def bomb():
    """A small workbook whose sheet unpacks to 420 megabytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(420):
                part.write(b" " * (1 << 20))
    return stream.getvalue()


def lying_bomb():
    """The same, with an archive that claims that the sheet is ten bytes long."""
    data = bytearray(bomb())
    end = data.rindex(b"PK\x01\x02")
    data[end + 24 : end + 28] = struct.pack("<I", 10)
    return bytes(data)


def far_cell():
    """A sheet with one cell in the last row and column: dense it would hold 17 billion cells."""
    data = workbook([["customer", "expected"], ["a", 1]])
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            text = old.read(item)
            if item.filename == "xl/worksheets/sheet1.xml":
                far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
                text = text.replace(b"</sheetData>", far)
            new.writestr(item.filename, text)
    return stream.getvalue()


def parquet(table, **more):
    stream = io.BytesIO()
    pq.write_table(table, stream, **more)
    return stream.getvalue()


def many_rows():
    """Two hundred million rows in about two megabytes or less."""
    stream = io.BytesIO()
    batch = pa.table({"customer": pa.array(np.zeros(2_000_000, dtype="int8"))})
    with pq.ParquetWriter(stream, batch.schema, compression="zstd") as writer:
        for _ in range(100):
            writer.write_table(batch, row_group_size=2_000_000)
    return stream.getvalue()


def good_parquet():
    return parquet(
        pa.table({"customer": ["a", "b"], "expected": [1, 2], "perceived": [2.5, 3], "satisfaction": [3, 4]})
    )


def broken_footer():
    data = bytearray(good_parquet())
    data[-40:-8] = b"\xff" * 32
    return bytes(data)


def wrong_length():
    data = bytearray(good_parquet())
    data[-8:-4] = struct.pack("<I", 2**31 - 5)
    return bytes(data)


def csv(text, encoding="utf-8"):
    return text.encode(encoding)


BOOK = [["customer", "expected", "perceived", "satisfaction"], ["a", 5, 4, 3], ["b", 6, 6, 6]]
GOOD = "good"
BAD = "bad"
# name -> (content, what must come of it, a part of the message or None)
FILES = {
    "nothing": (b"", BAD, "is empty"),
    "spaces": (b"  \n\n  \n", BAD, "is empty"),
    "header-only": (csv(HEAD), BAD, "no row"),
    "no-header-name": (csv(",,,\n1,2,3,4\n"), BAD, None),
    "plain": (csv(HEAD + ROWS), GOOD, None),
    "semicolon": (csv((HEAD + ROWS).replace(",", ";")), GOOD, None),
    "tab": (csv((HEAD + ROWS).replace(",", "\t")), GOOD, None),
    "bar": (csv((HEAD + ROWS).replace(",", "|")), GOOD, None),
    "wrong-delimiter": (csv((HEAD + ROWS).replace(",", "~")), BAD, "missing"),
    "sep-line": (csv("sep=;\n" + (HEAD + ROWS).replace(",", ";")), GOOD, None),
    "title-lines": (csv("Export of July\n\n" + HEAD + ROWS), GOOD, None),
    "ragged-long": (csv(HEAD + ROWS + "d,1,2,3,4,5\n"), BAD, "line 5: has 6 fields where the header has 4"),
    "ragged-short": (csv(HEAD + ROWS + "d,1\n"), BAD, "line 5: has 2 fields"),
    "trailing-delimiters": (csv(HEAD + "a,5,4,3,\nb,6,6,6,,\nc,7,2,1\n"), GOOD, None),
    "blank-lines": (csv(HEAD + "\n\n" + ROWS + "\n"), GOOD, None),
    "carriage-returns": (csv((HEAD + ROWS).replace("\n", "\r\n")), GOOD, None),
    "old-mac": (csv((HEAD + ROWS).replace("\n", "\r")), GOOD, None),
    "no-last-newline": (csv((HEAD + ROWS).rstrip()), GOOD, None),
    "utf8-mark": (b"\xef\xbb\xbf" + csv(HEAD + ROWS), GOOD, None),
    "utf16-mark": (csv(HEAD + ROWS, "utf-16"), GOOD, None),
    "utf16-bare": (csv(HEAD + ROWS, "utf-16-le"), GOOD, None),
    "utf16-big": (b"\xfe\xff" + csv(HEAD + ROWS, "utf-16-be"), GOOD, None),
    "utf32": (csv(HEAD + ROWS, "utf-32"), GOOD, None),
    "utf16-odd": (csv(HEAD + ROWS, "utf-16") + b"x", BAD, None),
    "latin1": (csv(HEAD + "Müller,5,4,3\nSøren,6,6,6\n", "latin-1"), GOOD, None),
    "mixed-encodings": (csv(HEAD + "Müller,5,4,3\n") + csv("Søren,6,6,6\n", "latin-1"), GOOD, None),
    "nul-bytes": (csv(HEAD + "a,5,\0,3\n"), BAD, "line 2 holds a NUL byte"),
    "all-nul": (b"\0" * 4096, BAD, None),
    "binary": (bytes(range(1, 256)) * 40, BAD, None),
    "duplicate-columns": (csv("customer,expected,expected,perceived,satisfaction\na,1,2,3,4\n"), BAD, "more than once"),
    "unnamed-column": (csv("customer,expected,perceived,satisfaction,\na,1,2,3,x\n"), GOOD, None),
    "ten-thousand-columns": (csv(HEAD.strip() + "".join(f",c{i}" for i in range(10_000)) + "\n" + "a,1,2,3" + ",1" * 10_000 + "\n"), GOOD, None),
    "too-many-columns": (csv(",".join(f"c{i}" for i in range(30_000)) + "\n" + ",".join("1" * 30_000) + "\n"), BAD, "30000 columns"),
    "million-characters": (csv("comment," + HEAD + "x" * 1_000_000 + ",a,1,2,3\n"), GOOD, None),
    "eleven-million-characters": (csv(HEAD + "x" * 11_000_000 + ",1,2,3\n"), BAD, "longer than"),
    "open-quote": (csv(HEAD + 'a,5,4,3\n"b,6,6,6\nc,7,2,1\n'), BAD, "line 3: a quotation mark opens here"),
    "text-after-quote": (csv(HEAD + '"a"x,5,4,3\n'), BAD, "line 2: text follows"),
    "quoted-newline": (csv(HEAD + '"a\nb",5,4,3\nc,7,x,1\n'), BAD, "line 4"),
    "decimal-comma": (csv("customer;expected;perceived;satisfaction\na;5,5;4,25;3\nb;1.234,5;6;6\n"), GOOD, None),
    "thousands": (csv(HEAD + 'a,"1,234",4,3\nb,"12,345.5",6,6\n'), GOOD, None),
    "either-mark": (csv("customer;expected;perceived;satisfaction\na;1.234;4;3\n"), BAD, "may be thousands or decimals"),
    "comma-in-number": (csv(HEAD + "a,5,5,4,3\n"), BAD, "5 fields"),
    "word-for-number": (csv(HEAD + ROWS + "d,high,2,3\n"), BAD, "line 5, column 'expected', value 'high': must be a finite number"),
    "infinite": (csv(HEAD + "a,inf,4,3\nb,-Infinity,2,1\n"), BAD, "must be a finite number"),
    "overflow": (csv(HEAD + "a,1e999,4,3\n"), BAD, "must be a finite number"),
    "not-a-number": (csv(HEAD + "a,NaN,4,3\nb,NA,2,1\nc,5,2,1\n"), GOOD, None),
    "never-a-number": (csv(HEAD + "a,NaN,4,3\nb,NA,2,1\n"), BAD, "column 'expected': is missing on every row"),
    "missing-customer": (csv(HEAD + ROWS + ",1,2,3\n"), BAD, "line 5, column 'customer': must not be missing"),
    "same-key-twice": (csv(HEAD + ROWS + "a,1,2,3\n"), BAD, "must not occur twice"),
    "constant": (csv(HEAD + "".join(f"k{i},3,3,3\n" for i in range(40))), GOOD, None),
    "collinear": (csv(HEAD + "".join(f"k{i},{i},{i},{i}\n" for i in range(40))), GOOD, None),
    "one-row": (csv(HEAD + "a,5,4,3\n"), GOOD, None),
    "formulas": (csv(HEAD + "=cmd|' /C calc'!A0,5,4,3\n+1+1,1,2,3\n@SUM(A1),1,2,3\n"), GOOD, None),
    "script": (csv("customer,expected,perceived,satisfaction,segment\na,5,4,3,<script>alert(1)</script>\n"), GOOD, None),
    "script-in-header": (csv("customer,expected,perceived,satisfaction,<img src=x onerror=alert(1)>\na,5,4,3,1\n"), GOOD, None),
    "right-to-left": (csv(HEAD + "שלום,5,4,3\nمرحبا,6,6,6\n\u202eevil,1,2,3\n"), GOOD, None),
    "emoji": (csv(HEAD + "😀,5,4,3\n👩‍👩‍👧‍👦,6,6,6\n"), GOOD, None),
    "terminal-codes": (csv(HEAD + "a,\x1b[31mred\x1b[0m,4,3\n"), BAD, "\\x1b[31m"),
    "json": (b'[{"customer": "a"}]', BAD, "looks like JSON"),
    "html": (b"<!DOCTYPE html><table><tr><td>customer</td></tr></table>", BAD, "web page"),
    "gzip": (gzip.compress(csv(HEAD + ROWS)), GOOD, None),
    "gzip-cut": (gzip.compress(csv(HEAD + ROWS * 100))[:-20], BAD, "damaged"),
    "excel": (workbook(BOOK), GOOD, None),
    "excel-two-sheets": (workbook(BOOK, ("one", "two")), BAD, "say which"),
    "excel-empty": (workbook([]), BAD, "empty"),
    "excel-cut": (workbook(BOOK)[:2000], BAD, "not a sound workbook"),
    "excel-title-row": (workbook([["Export", None, None, None], *BOOK]), GOOD, None),
    "excel-far-cell": (far_cell(), BAD, "claims 1,048,576 rows"),
    "zip-bomb": (bomb(), BAD, "unpacks to more than"),
    "zip-bomb-that-lies": (lying_bomb(), BAD, "unpacks to more than"),
    "zip-of-something": (b"PK\x03\x04" + b"\0" * 50, BAD, "not a sound workbook"),
    "old-excel-garbage": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, BAD, "not a sound workbook"),
    "parquet": (good_parquet(), GOOD, None),
    "parquet-wrong-footer": (broken_footer(), BAD, "not a sound Parquet file"),
    "parquet-wrong-length": (wrong_length(), BAD, "not a sound Parquet file"),
    "parquet-head-only": (b"PAR1", BAD, "not a sound Parquet file"),
    "parquet-200-million": (many_rows(), BAD, "claims 200,000,000 rows"),
    "parquet-infinite": (parquet(pa.table({"customer": ["a"], "expected": [float("inf")], "perceived": [1.0], "satisfaction": [1.0]})), BAD, "finite"),
    "duckdb-garbage": (b"\0" * 8 + b"DUCK" + b"\0" * 5000, BAD, "cannot be opened as a DuckDB file"),
    "sqlite": (b"SQLite format 3\0" + b"\0" * 100, BAD, "SQLite"),
}  # fmt: skip

EVENT = "customer_id,event,timestamp\n"
EVENTS = {
    "plain": (csv(EVENT + "a,x,2026-01-02 10:00:00\nb,y,2026-01-03T10:00:00\n"), GOOD, None),
    "three-formats": (csv(EVENT + "a,x,2026-01-02\nb,y,31.12.2026\nc,z,31.12.2026 10:30\n"), GOOD, None),
    "day-or-month": (csv(EVENT + "a,x,03/04/2026\nb,y,05/06/2026\n"), BAD, "day or month first"),
    "impossible-day": (csv(EVENT + "a,x,2026-01-02\nb,y,2026-02-30\n"), BAD, "line 3, column 'timestamp', value '2026-02-30'"),
    "year-9999": (csv(EVENT + "a,x,2026-01-02\nb,y,9999-12-31\n"), BAD, "1900 and 2200"),
    "zones": (csv(EVENT + "a,x,2026-01-02T10:00:00+02:00\nb,y,2026-01-02T10:00:00Z\n"), GOOD, None),
    "mixed-zones": (csv(EVENT + "a,x,2026-01-02T10:00:00Z\nb,y,2026-01-02T10:00:00\n"), BAD, "time zone in all lines or in none"),
    "epoch": (csv(EVENT + "a,x,1767348000\nb,y,1767348001\n"), GOOD, None),
    "words": (csv(EVENT + "a,x,yesterday\n"), BAD, "must be a real day"),
    "no-customers": (csv(EVENT + ",x,2026-01-02\n,y,2026-01-03\n"), BAD, "missing on every row"),
    "some-customers": (csv(EVENT + ",x,2026-01-02\nb,y,2026-01-03\n"), GOOD, None),
    "no-event": (csv(EVENT + "a,,2026-01-02\n"), BAD, "line 2, column 'event': must not be missing"),
    "ragged": (csv(EVENT + "a,x,2026-01-02\nb,y,2026-01-03,extra\n"), BAD, "4 fields where the header has 3"),
    "open-quote": (csv(EVENT + 'a,x,2026-01-02\n"b,y,2026-01-03\n'), BAD, "quotation mark"),
    "empty": (b"", BAD, "is empty"),
    "header-only": (csv(EVENT), BAD, "no row"),
    "latin1": (csv(EVENT + "Müller,x,2026-01-02\n", "latin-1"), GOOD, None),
    "utf16": (csv(EVENT + "Müller,x,2026-01-02\n", "utf-16"), GOOD, None),
    "late-latin1": (csv(EVENT + "a,x,2026-01-02\n" * 60_000 + "a,é,2026-01-02\n") + csv("Müller,x,2026-01-02\n", "latin-1"), GOOD, None),
    "script": (csv(EVENT + "a,<b>x</b>,2026-01-02\n"), GOOD, None),
    "nul": (csv(EVENT + "a,\0,2026-01-02\n"), BAD, "NUL"),
    "json": (b'{"a": 1}', BAD, "missing"),
    "parquet-wrong-footer": (broken_footer(), BAD, "cannot be read"),
    "gzip": (gzip.compress(csv(EVENT + "a,x,2026-01-02\n")), GOOD, None),
    "excel": (workbook([["customer_id", "event", "timestamp"], ["a", "x", "2026-01-02"]]), GOOD, None),
    "zip-bomb": (bomb(), BAD, "unpacks to more than"),
}  # fmt: skip


def check(capsys, path, table):
    """Run the command; return (exit code, stdout, stderr) after the rules that hold for every file."""
    code = main(["check", str(path), "--table", table])
    out, err = capsys.readouterr()
    assert code in (0, 2), err
    assert "Traceback" not in err + out
    assert err.count("\n") == (1 if code == 2 else 0), err
    assert "\x1b" not in err + out and "\u202e" not in err + out
    return code, out, err


@pytest.mark.parametrize("name", FILES)
def test_a_strangers_file(name, tmp_path, capsys):
    content, expected, part = FILES[name]
    path = tmp_path / f"{name}.data"
    path.write_bytes(content)
    code, _, err = check(capsys, path, "expectations")
    assert code == (0 if expected == GOOD else 2), err
    assert part is None or part in err
    if expected == GOOD:
        opened = cx.open_table(path, kind="expectations")
        assert opened["expected"].dtype == "float64" and len(opened) >= 1
        text = " ".join(map(str, [*opened.columns, *opened.select_dtypes("str").to_numpy().ravel()]))
        assert "<" not in text and ">" not in text
    else:
        with pytest.raises(InputError) as caught:
            cx.open_table(path, kind="expectations")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", EVENTS)
def test_a_strangers_event_log(name, tmp_path, capsys):
    content, expected, part = EVENTS[name]
    path = tmp_path / f"{name}.data"
    path.write_bytes(content)
    code, _, err = check(capsys, path, "events")
    assert code == (0 if expected == GOOD else 2), err
    assert part is None or part in err
    if expected == GOOD:
        opened = cx.open_table(path, kind="events").execute()
        assert opened["timestamp"].notna().all() and str(opened["timestamp"].dtype).startswith("datetime64")
        assert not opened["event"].str.contains("<").any()
    else:
        with pytest.raises(InputError) as caught:
            cx.open_table(path, kind="events")
        assert "\n" not in str(caught.value)


def test_there_are_sixty_malformed_files_at_least():
    assert sum(expected == BAD for _, expected, _ in [*FILES.values(), *EVENTS.values()]) + 5 >= 60


def test_right_results_are_right(tmp_path):
    def opened(name):
        path = tmp_path / name
        path.write_bytes(FILES[name][0])
        return cx.open_table(path, kind="expectations", mapping={"personal": ["customer"]})

    for name in (
        "plain",
        "semicolon",
        "tab",
        "bar",
        "sep-line",
        "title-lines",
        "blank-lines",
        "old-mac",
        "utf16-bare",
        "utf32",
        "gzip",
    ):
        assert opened(name)[["expected", "perceived", "satisfaction"]].to_numpy().tolist() == [
            [5, 4, 3],
            [6, 6, 6],
            [7, 2, 1],
        ], name
    assert opened("decimal-comma")["expected"].tolist() == [5.5, 1234.5]
    assert opened("thousands")["expected"].tolist() == [1234.0, 12345.5]
    assert opened("latin1")["customer"].tolist() == ["Müller", "Søren"]
    assert opened("mixed-encodings")["customer"].tolist() == ["Müller", "Søren"]
    assert opened("excel-title-row")["expected"].tolist() == [5, 6]
    assert opened("not-a-number")["expected"].isna().tolist() == [True, True, False]
    assert opened("script")["segment"].tolist() == ["‹script›alert(1)‹/script›"]


def test_event_times_are_right(tmp_path):
    def times(name):
        path = tmp_path / name
        path.write_bytes(EVENTS[name][0])
        return [str(time) for time in cx.open_table(path, kind="events").execute()["timestamp"]]

    assert times("three-formats") == ["2026-01-02 00:00:00", "2026-12-31 00:00:00", "2026-12-31 10:30:00"]
    assert times("zones") == ["2026-01-02 08:00:00", "2026-01-02 10:00:00"]
    assert times("epoch") == ["2026-01-02 10:00:00", "2026-01-02 10:00:01"]


def test_no_such_file_a_folder_and_no_permission(tmp_path, capsys, monkeypatch):
    code, _, err = check(capsys, tmp_path / "nothing.csv", "survey")
    assert code == 2 and "there is no file" in err
    code, _, err = check(capsys, tmp_path, "survey")
    assert code == 2 and "is a folder" in err
    code, _, err = check(capsys, tmp_path, "events")
    assert code == 2 and "is a folder without" in err
    path = tmp_path / "locked.csv"
    path.write_text(HEAD + ROWS)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read every file: let the question itself say no
        monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = check(capsys, path, "expectations")
    assert code == 2 and "no permission" in err


@pytest.mark.parametrize("table", ["survey", "events"])
def test_a_pipe_does_not_hang(table, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    command = [sys.executable, "-m", "cxlab", "check", str(path), "--table", table]
    if subprocess.run([sys.executable, "-c", "import cxlab.__main__"], capture_output=True).returncode:
        command[1:3] = ["-c", "import sys; from cxlab.workbook.cli import main; sys.exit(main())"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "pipe or device" in done.stderr and done.stderr.count("\n") == 1


def test_a_duckdb_file_cannot_reach_out(tmp_path):
    import duckdb

    secret = tmp_path / "secret.csv"
    secret.write_text(HEAD + ROWS)
    base = tmp_path / "own.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute(f"create view answers as select * from read_csv('{secret}')")
    with pytest.raises(InputError, match="cannot be read"):
        cx.open_table(base, kind="expectations")
    with pytest.raises(InputError, match="cannot be read"):
        cx.open_table(base, kind="events")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=400), st.text(max_size=300).map(lambda t: (HEAD + t).encode("utf-8", "replace"))
    )
)
def test_any_bytes_open_or_raise_an_input_error(content, tmp_path):
    path = tmp_path / "any"
    path.write_bytes(content)
    try:
        opened = cx.open_table(path, kind="expectations")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(opened, pd.DataFrame) and len(opened)


CELLS = st.sampled_from(
    [
        "1",
        "2.5",
        "2,5",
        "-99",
        "",
        "NA",
        "x",
        "1e5",
        "'",
        '"',
        "=1+1",
        "<b>",
        "2026-01-01",
        "\u202e",
        "inf",
        "1.234",
    ]
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=5), max_size=6), delimiter=st.sampled_from(",;\t|"))
def test_any_event_log_opens_or_raises_an_input_error(rows, delimiter, tmp_path):
    path = tmp_path / "any.csv"
    lines = [["customer_id", "event", "timestamp"], *rows]
    path.write_text("\n".join(delimiter.join(row) for row in lines) + "\n", encoding="utf-8")
    try:
        found = cx.open_table(path, kind="events").execute()
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert found["timestamp"].notna().all()
