"""Files as strangers hand them over: each ends in a right result or in one plain line."""

import gzip
import io
import os
import struct
import zipfile

import bench_hostile as hostile
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxlab.data import read
from cxlab.data.check import check_path
from cxlab.data.errors import InputError
from cxlab.data.mapping import Mapping, from_dict
from cxlab.data.study import converted, opened

HEAD = "person,stock,courtesy,satisfaction,segment\n"
ROWS = "a,1,0,3,x\nb,0,1,6,y\nc,1,1,1,x\n"


def open_file(path, table, **content):
    """Open a file as a table, the way a mapping file would."""
    mapping = from_dict({"table": table, **content}) if content else Mapping(table)
    return opened(converted(Mapping(**{**mapping.__dict__, "source": str(path)}))).frame


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


def bomb(lies=False):
    """A small workbook whose sheet unpacks to 420 megabytes, also with an archive that claims ten bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(420):
                part.write(b" " * (1 << 20))
    data = bytearray(stream.getvalue())
    if lies:
        end = data.rindex(b"PK\x01\x02")
        data[end + 24 : end + 28] = struct.pack("<I", 10)
    return bytes(data)


def far_cell(quote):
    """A sheet with one cell in the last row and column: dense it would hold 17 billion cells."""
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'.replace(b'"', quote)
    stream, old = io.BytesIO(), zipfile.ZipFile(io.BytesIO(workbook([["person", "satisfaction"], ["a", 1]])))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</sheetData>", far))
    return stream.getvalue()


def parquet(**columns):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def many_rows():
    """Two hundred million rows in a few megabytes."""
    stream = io.BytesIO()
    batch = pa.table({"person": pa.array(np.zeros(2_000_000, dtype="int8"))})
    with pq.ParquetWriter(stream, batch.schema, compression="zstd") as writer:
        for _ in range(100):
            writer.write_table(batch, row_group_size=2_000_000)
    return stream.getvalue()


def good_parquet(**more):
    return parquet(person=["a", "b"], stock=[1, 0], courtesy=[0, 1], satisfaction=[2.5, 3], **more)


def broken(start, bytes_):
    data = bytearray(good_parquet())
    data[start : start + len(bytes_)] = bytes_
    return bytes(data)


def csv(text, encoding="utf-8"):
    return text.encode(encoding)


def german(rows):
    return csv((HEAD + rows).replace(",", ";").replace("~", ","))


def log_of(timestamp):
    return parquet(customer_id=["a"], event=["x"], timestamp=timestamp)


BOOK = [["person", "stock", "courtesy", "satisfaction"], ["a", 1, 0, 3], ["b", 0, 1, 6]]
WIDE = HEAD.strip() + "".join(f",c{i}" for i in range(10_000)) + "\na,1,0,3,x" + ",1" * 10_000 + "\n"
GOOD, BAD = "good", "bad"
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
    "ragged-long": (csv(HEAD + ROWS + "d,1,0,3,x,5,6\n"), BAD, "line 5: has 7 fields where the header has 5"),
    "ragged-short": (csv(HEAD + ROWS + "d,1\n"), BAD, "line 5: has 2 fields"),
    "trailing-delimiters": (csv(HEAD + "a,1,0,3,x,\nb,0,1,6,y,,\n"), GOOD, None),
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
    "latin1": (csv(HEAD + "a,1,0,3,Müller\nb,0,1,6,Søren\n", "latin-1"), GOOD, None),
    "mixed-encodings": (csv(HEAD + "a,1,0,3,Müller\n") + csv("b,0,1,6,Søren\n", "latin-1"), GOOD, None),
    "nul-bytes": (csv(HEAD + "a,1,\0,3,x\n"), BAD, "line 2 holds a NUL byte"),
    "all-nul": (b"\0" * 4096, BAD, None),
    "binary": (bytes(range(1, 256)) * 40, BAD, None),
    "duplicate-columns": (csv("person,stock,stock,courtesy\na,1,1,0\n"), BAD, "more than once"),
    "unnamed-column": (csv(HEAD.strip() + ",\na,1,0,3,x,z\n"), GOOD, None),
    "ten-thousand-columns": (csv(WIDE), GOOD, None),
    "too-many-columns": (csv(",".join(f"c{i}" for i in range(30_000)) + "\n1"), BAD, "30000 col"),
    "million-characters": (csv(HEAD.strip() + ",comment\na,1,0,3,x," + "x" * 1_000_000 + "\n"), GOOD, None),
    "eleven-million-characters": (csv(HEAD + "x" * 11_000_000 + ",1,2,3,4\n"), BAD, "longer than"),
    "open-quote": (csv(HEAD + 'a,1,0,3,x\n"b,0,1,6,y\nc,1,1\n'), BAD, "line 3: a quotation mark opens"),
    "text-after-quote": (csv(HEAD + '"a"x,1,0,3,x\n'), BAD, "line 2: text follows"),
    "quoted-newline": (csv(HEAD + '"a\nb",1,0,3,x\nc,1,1,z,x\n'), BAD, "line 4"),
    "decimal-comma": (german("a,1,0,3~5,x\nb,0,1,1.234~5,y\n"), GOOD, None),
    "thousands": (csv(HEAD + 'a,1,0,"1,234",x\nb,0,1,"12,345.5",y\n'), GOOD, None),
    "either-mark": (german("a,1,0,1.234,x\n"), BAD, "may be thousands or decimals"),
    "comma-in-number": (csv(HEAD + "a,1,0,3,5,x\n"), BAD, "6 fields"),
    "both-marks": (german("a,1,0,7~5,x\nb,1,0,8~5,x\nc,1,0,9.5,x\nd,1,0,.5,x\n"), BAD, "finite number"),
    "word-for-number": (csv(HEAD + ROWS + "d,1,0,high,x\n"), BAD,
                        "line 5, column 'satisfaction', value 'high': must be a finite number"),
    "infinite": (csv(HEAD + "a,1,0,inf,x\nb,1,0,-Infinity,x\n"), BAD, "must be a finite number"),
    "overflow": (csv(HEAD + "a,1,0,1e999,x\n"), BAD, "must be a finite number"),
    "not-a-number": (csv(HEAD + "a,1,0,NaN,x\nb,0,1,NA,x\nc,1,1,5,x\n"), GOOD, None),
    "never-a-number": (csv(HEAD + "a,1,0,NaN,x\nb,0,1,NA,x\n"), BAD, "is missing on every row"),
    "missing-person": (csv(HEAD + ROWS + " ,1,0,3,x\n"), BAD, "line 5, column 'person': must not be missing"),
    "not-allowed": (csv(HEAD + "a,2,0,3,x\n"), BAD, "value '2': must be one of 0, 1"),
    "not-whole": (csv(HEAD + "a,.5,0,3,x\n"), BAD, "must be a whole number"),
    "constant": (csv(HEAD + "".join(f"k{i},1,1,3,x\n" for i in range(40))), GOOD, None),
    "one-row": (csv(HEAD + "a,1,0,3,x\n"), GOOD, None),
    "formulas": (csv(HEAD + "=cmd|' /C calc'!A0,1,0,3,x\n+1+1,0,1,2,x\n@SUM(A1),1,1,2,x\n"), GOOD, None),
    "script": (csv(HEAD + "a,1,0,3,<script>alert(1)</script>\n"), GOOD, None),
    "right-to-left": (csv(HEAD + "שלום,1,0,3,x\nمرحبا,0,1,6,x\n\u202eevil,1,1,2,x\n"), GOOD, None),
    "emoji": (csv(HEAD + "😀,1,0,3,x\n👩‍👩‍👧‍👦,0,1,6,x\n"), GOOD, None),
    "terminal-codes": (csv(HEAD + "a,1,0,\x1b[31mred\x1b[0m,x\n"), BAD, "\\x1b[31m"),
    "json": (b'[{"person": "a", "stock": 1, "courtesy": 0, "satisfaction": 3}]', GOOD, None),
    "json-lines": (b'{"person": "a", "stock": 1, "courtesy": 0, "satisfaction": 3}\n{"person": "b"}\n', BAD,
        "missing"),
    "json-cut": (b'[{"person": "a", "stock": 1', BAD, "not JSON"),
    "json-deep": (b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", BAD, None),
    "html": (b"<!DOCTYPE html><table><tr><td>person</td></tr></table>", BAD, "web page"),
    "pdf": (b"%PDF-1.7 abc\n", BAD, "is a PDF document"),
    "picture": (b"\x89PNG\r\n\x1a\nxxxx", BAD, "is a PNG picture"),
    "feather": (b"ARROW1\0\0xxxxxxxx", BAD, "Arrow (Feather)"),
    "r-data": (gzip.compress(b"RDX3\nX\n" + b"\0" * 50), BAD, "R data file"),
    "spss-cut": (b"$FL2@(#) SPSS DATA FILE" + b"\0" * 40, BAD, "cannot be read"),
    "stata-cut": (b"<stata_dta><header><release>118</release>", BAD, "cannot be read"),
    "gzip": (gzip.compress(csv(HEAD + ROWS)), GOOD, None),
    "gzip-cut": (gzip.compress(csv(HEAD + ROWS * 100))[:-20], BAD, "damaged"),
    "excel": (workbook(BOOK), GOOD, None),
    "excel-two-sheets": (workbook(BOOK, ("one", "two")), BAD, "say which"),
    "excel-empty": (workbook([]), BAD, "empty"),
    "excel-cut": (workbook(BOOK)[:2000], BAD, "not a sound workbook"),
    "excel-title-row": (workbook([["Export", None, None, None], *BOOK]), GOOD, None),
    "excel-bad-cell": (workbook([["Export", None, None, None], *BOOK, ["c", 1, 0, "high"]]), BAD, "row 5"),
    "excel-blank-header": (workbook([[*BOOK[0], None, 2025], [*BOOK[1], "z", 9]]), GOOD, None),
    "excel-far-cell": (far_cell(b'"'), BAD, "claims 1,048,576 rows"),
    "excel-far-quote": (far_cell(b"'"), BAD, "claims 1,048,576 rows"),
    "zip-bomb": (bomb(), BAD, "unpacks to more than"),
    "zip-bomb-that-lies": (bomb(lies=True), BAD, "not a sound workbook"),
    "zip-of-something": (b"PK\x03\x04" + b"\0" * 50, BAD, "not a sound workbook"),
    "old-excel-garbage": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, BAD, "not a sound workbook"),
    "parquet": (good_parquet(), GOOD, None),
    "parquet-nested": (good_parquet(more=[{"a": [1]}, None], bytes=[b"\xff", None]), GOOD, None),
    "parquet-wrong-footer": (broken(-40, b"\xff" * 32), BAD, "not a sound Parquet file"),
    "parquet-wrong-length": (broken(-8, struct.pack("<I", 2**31 - 5)), BAD, "not a sound Parquet file"),
    "parquet-head-only": (b"PAR1", BAD, "not a sound Parquet file"),
    "parquet-200-million": (many_rows(), BAD, "claims 200,000,000 rows"),
    "parquet-infinite": (parquet(person=["a"], stock=[1], courtesy=[0], satisfaction=[np.inf]), BAD, None),
    "duckdb-garbage": (b"\0" * 8 + b"DUCK" + b"\0" * 5000, BAD, "is a DuckDB database"),
    "sqlite": (b"SQLite format 3\0" + b"\0" * 100, BAD, "SQLite"),
}  # fmt: skip

EVENT = "customer_id,event,timestamp\n"
LATE = csv(EVENT + "a,x,2026-01-02\n" * 40_000 + "a,é,2026-01-02\n") + csv("ü,x,2026-01-02\n", "latin-1")
EVENTS = {
    "plain": (csv(EVENT + "a,x,2026-01-02 10:00:00\nb,y,2026-01-03T10:00:00\n"), GOOD, None),
    "three-formats": (csv(EVENT + "a,x,2026-01-02\nb,y,31.12.2026\nc,z,31.12.2026 10:30\n"), GOOD, None),
    "day-or-month": (csv(EVENT + "a,x,03/04/2026\nb,y,05/06/2026\n"), BAD, "day or month first"),
    "short-years": (csv(EVENT + "a,x,03-04-26\n"), BAD, "day or month first"),
    "impossible-day": (csv(EVENT + "a,x,2026-01-02\nb,y,2026-02-30\n"), BAD,
                       "line 3, column 'timestamp', value '2026-02-30'"),
    "year-9999": (csv(EVENT + "a,x,2026-01-02\nb,y,9999-12-31\n"), BAD, "1900 and 2200"),
    "year-100000": (csv(EVENT + "a,x,2026-01-02\nb,y,100000-12-31\n"), BAD, "1900 and 2200"),
    "before-christ": (log_of(pa.array([-10**17], pa.timestamp("us"))), BAD, "1900 and 2200"),
    "zones": (csv(EVENT + "a,x,2026-01-02T10:00:00+02:00\nb,y,2026-01-02T10:00:00Z\n"), GOOD, None),
    "mixed-zones": (csv(EVENT + "a,x,2026-01-02T10:00:00Z\nb,y,2026-01-02T10:00:00\n"), BAD,
                    "time zone in all lines or in none"),
    "unknown-zone": (csv(EVENT + "a,x,2026-01-02 10:00:00 XQT\n"), BAD, "must be a real day"),
    "epoch": (csv(EVENT + "a,x,1767348000\nb,y,1767348001\n"), GOOD, None),
    "words": (csv(EVENT + "a,x,yesterday\n"), BAD, "must be a real day"),
    "no-customers": (csv(EVENT + ",x,2026-01-02\nN/A,y,2026-01-03\n"), BAD, "missing on every row"),
    "some-customers": (csv(EVENT + ",x,2026-01-02\n ,x,2026-01-02\nb,y,2026-01-03\n"), GOOD, None),
    "no-event": (csv(EVENT + "a,,2026-01-02\n"), BAD, "line 2, column 'event': must not be missing"),
    "two-events": (csv("customer_id,event,event,timestamp\na,x,y,2026-01-02\n"), BAD, "more than once"),
    "ragged": (csv(EVENT + "a,x,2026-01-02\nb,y,2026-01-03,extra\n"), BAD, "4 fields where the header has 3"),
    "open-quote": (csv(EVENT + 'a,x,2026-01-02\n"b,y,2026-01-03\n'), BAD, "quotation mark"),
    "empty": (b"", BAD, "is empty"),
    "header-only": (csv(EVENT), BAD, "no row"),
    "latin1": (csv(EVENT + "Müller,x,2026-01-02\n", "latin-1"), GOOD, None),
    "utf16": (csv(EVENT + "Müller,x,2026-01-02\n", "utf-16"), GOOD, None),
    "late-latin1": (LATE, GOOD, None),
    "late-ragged": (LATE[:600_000].rpartition(b"\n")[0] + b"\na,x,2026-01-02,z\n", BAD, "4 fields"),
    "late-quote": (csv(EVENT + "a,x,2026-01-02\n" * 40_000 + '"a,x,2026-01-02\n'), BAD, "quotation mark"),
    "script": (csv(EVENT + "a,<b>x</b>,2026-01-02\n"), GOOD, None),
    "nul": (csv(EVENT + "a,\0,2026-01-02\n"), BAD, "NUL"),
    "json": (b'{"a": 1}', BAD, "missing"),
    "parquet-wrong-footer": (broken(-40, b"\xff" * 32), BAD, "not a sound Parquet file"),
    "parquet-soon": (log_of(["soon"]), BAD, "must be a real day"),
    "parquet-micro": (log_of([1767348000000000]), GOOD, None),
    "parquet-flags": (log_of([True]), BAD, "must be dates or times"),
    "gzip": (gzip.compress(csv(EVENT + "a,x,2026-01-02\n")), GOOD, None),
    "excel": (workbook([["customer_id", "event", "timestamp"], ["a", "x", "2026-01-02"]]), GOOD, None),
    "zip-bomb": (bomb(), BAD, "unpacks to more than"),
}  # fmt: skip
CASES = [("vignette", name) for name in FILES] + [("events", name) for name in EVENTS]


@pytest.mark.parametrize(("table", "name"), CASES)
def test_a_strangers_file(table, name, tmp_path, monkeypatch):
    content, expected, part = (FILES if table == "vignette" else EVENTS)[name]
    if name.startswith("late"):  # read as a large file is
        monkeypatch.setattr(read, "_PARSED", 300_000)
    path = tmp_path / f"{name}.data"
    path.write_bytes(content)
    try:
        lines, good = check_path(path, table)
    except InputError as error:
        lines, good = [str(error)], False
    text = "\n".join(lines)
    assert good == (expected == GOOD), text
    assert part is None or part in text
    assert "\x1b" not in text and "\u202e" not in text and all(line.count("\n") == 0 for line in lines)
    if expected == BAD:
        if name.startswith("late"):  # the funnel meets the fault in the middle of its scan
            code, _, err = hostile.say(["funnel", str(path), "--steps", "x,y"])
            assert code == 2 and part in err and len(err) < 300, err[:1000]
        return
    frame = open_file(path, table)
    frame = frame.to_pandas() if not isinstance(frame, pd.DataFrame) else frame
    assert len(frame) and not frame.select_dtypes("str").isin(["", " ", "N/A"]).any(axis=None)
    assert not frame.select_dtypes("str").map(lambda t: isinstance(t, str) and "<" in t).any(axis=None)
    if table == "events":
        assert frame["timestamp"].notna().all() and str(frame["timestamp"].dtype).startswith("datetime64")


def test_generated_hostile_cases_end_in_a_result_or_one_line(tmp_path, monkeypatch):
    hostile.warm(tmp_path, monkeypatch.setenv)
    ends = [hostile.run_case(tmp_path / f"case{seed}", seed) for seed in range(600, 640)]
    assert [wrong for _, wrong in ends if wrong] == []
    assert {0, 2} <= {code for code, _ in ends}


def opened_bytes(tmp_path, content, table, **rules):
    (tmp_path / "any").write_bytes(content)
    return open_file(tmp_path / "any", table, **rules)


def test_right_results_are_right(tmp_path):
    def scores(name):
        return opened_bytes(tmp_path, FILES[name][0], "vignette", personal=["person"])

    same = "plain semicolon tab bar sep-line title-lines blank-lines old-mac utf16-bare utf32 gzip"
    for name in same.split():
        assert scores(name)[["stock", "satisfaction"]].to_numpy().tolist() == [[1, 3], [0, 6], [1, 1]], name
    assert scores("decimal-comma")["satisfaction"].tolist() == [3.5, 1234.5]
    assert scores("thousands")["satisfaction"].tolist() == [1234.0, 12345.5]
    assert scores("excel-title-row")["satisfaction"].tolist() == [3, 6]
    assert scores("not-a-number")["satisfaction"].isna().tolist() == [True, True, False]
    for name in ("latin1", "mixed-encodings"):
        content = FILES[name][0].replace(b"segment", b"role")
        mapped = opened_bytes(tmp_path, content, "vignette", columns={"role": "area"})
        assert mapped["area"].tolist() == ["Müller", "Søren"]


def test_event_times_are_right(tmp_path):
    for name, times in {
        "three-formats": ["2026-01-02 00:00:00", "2026-12-31 00:00:00", "2026-12-31 10:30:00"],
        "zones": ["2026-01-02 08:00:00", "2026-01-02 10:00:00"],
        "epoch": ["2026-01-02 10:00:00", "2026-01-02 10:00:01"],
        "parquet-micro": ["2026-01-02 10:00:00"],
    }.items():
        found = opened_bytes(tmp_path, EVENTS[name][0], "events")
        assert found["timestamp"].astype(str).tolist() == times


def test_no_such_file_a_folder_a_pipe_and_no_permission(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="there is no file .*did you mean 'answers.csv'"):
        (tmp_path / "answers.csv").write_text(HEAD + ROWS)
        check_path(tmp_path / "answer.csv", "survey")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, table, message in (
        ("", "survey", "is a folder, not a file"),
        ("empty", "events", "is a folder without"),
        ("pipe", "events", "pipe or device"),
        ("answers.csv", "vignette", "no permission"),
    ):
        monkeypatch.setattr(os, "access", lambda *_, name=name: name != "answers.csv")
        with pytest.raises(InputError, match=message):
            check_path(tmp_path / name, table)


def test_a_study_of_twenty_thousand_columns_is_refused_at_once(tmp_path):
    wide = "\n".join([",".join(f"c{i}" for i in range(20_000)), *[",".join("1" * 20_000)] * 20])
    (tmp_path / "wide.csv").write_text(wide)
    code, _, err = hostile.say(["init", str(tmp_path / "study"), "--from", str(tmp_path / "wide.csv")])
    assert code == 2 and "20,000 columns" in err and not (tmp_path / "study").exists()


def test_a_given_path_is_that_file(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "_PARSED", 300_000)
    signs = {"log[1].csv": "log1.csv", "all*.csv": "all1.csv", "q?.csv": "qa.csv"}
    for name, neighbour in signs.items():
        (tmp_path / name).write_text(EVENT + "a,x,2026-01-02\n")
        (tmp_path / neighbour).write_text(EVENT + "a,x,2026-01-02\n" * 9)
        assert len(open_file(tmp_path / name, "events")) == 1
        (tmp_path / name).write_text(EVENT + "a,x,2026-01-02\n" * 30_000)
        assert len(open_file(tmp_path / name, "events")) == 30_000
        (tmp_path / name).write_bytes(log_of(["2026-01-02"]))
        assert len(open_file(tmp_path / name, "events")) == 1


def test_a_folder_or_a_pattern_of_daily_files_is_one_log(tmp_path):
    for day in (1, 2, 3):
        (tmp_path / f"2026-0{day}.csv").write_text(EVENT + f"a,x,2026-01-0{day}\n")
    assert len(open_file(tmp_path, "events")) == 3
    assert len(open_file(tmp_path / "2026-0[12].csv", "events")) == 2
    (tmp_path / "2026-04.csv").write_text("customer_id,event,when\na,x,2026-01-04\n")
    with pytest.raises(InputError, match="another header"):
        open_file(tmp_path, "events")


def test_addresses_are_refused():
    with pytest.raises(InputError, match="an address is not read"):
        read.read_raw("postgres://me:secret@localhost/base#log")


texts = st.text(max_size=300).map(lambda text: (HEAD + text).encode("utf-8", "replace"))


CELLS = ["", "1", "2.5", "2,5", "-99", "NA", "x", "1e5", "'", '"', "=1+1", "<b>", "2026-01-01"]
CELLS += ["\u202e", "inf"]
logs = st.builds(
    lambda rows, sep: csv("\n".join(map(sep.join, [EVENT.strip().split(","), *rows])) + "\n"),
    st.lists(st.lists(st.sampled_from(CELLS), min_size=3, max_size=5), max_size=6),
    st.sampled_from(",;\t|"),
)
anything = st.tuples(st.just("vignette"), st.one_of(st.binary(max_size=400), texts))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(anything, st.tuples(st.just("events"), logs)))
def test_any_bytes_open_or_raise_an_input_error(tmp_path, given):
    table, content = given
    try:
        found = opened_bytes(tmp_path, content, table)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(found) if table == "vignette" else found["timestamp"].notna().all()
