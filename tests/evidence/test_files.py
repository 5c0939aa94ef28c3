"""Reading files: kinds told by content, encodings, Excel, Parquet, DuckDB, addresses without passwords."""

from __future__ import annotations

import sqlite3

import duckdb
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.evidence.delimited import decode, read_delimited, sniff_delimiter
from cxlab.evidence.errors import InputError
from cxlab.evidence.files import read_raw, safe_address, sha256_of
from cxlab.evidence.plain import show
from cxlab.evidence.values import blank_missing, parse_flags, parse_numbers, parse_times


def column(*values):
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a,b\n1,2\n", ","), ("a;b\n1,5;2\n", ";"), ("a\tb\n1\t2\n", "\t"), ("a|b\n1|2\n", "|"), ("one\n1\n2\n", ","),
     ('a;b\n"x;y, z, u";2\n3;4\n', ";"), ("a,b\n\"1;2;3\",2\n", ",")],
)  # fmt: skip
def test_delimiters(text, expected):
    assert sniff_delimiter(text) == expected


def test_lines_are_those_of_the_file():
    parsed = read_delimited(b'title\n\na,b\n1,"x\ny"\n\n2,z\n3,z,9\n', name="f")
    assert (parsed.header, parsed.header_line, parsed.lines, parsed.ragged) == (
        ["a", "b"],
        3,
        [4, 7],
        [(8, 3)],
    )


@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_csv_writes_is_what_is_read(rows):
    import csv
    import io

    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["one", "two", "three"], *rows])
    parsed = read_delimited(stream.getvalue().encode(), name="f", delimiter=",", header_line=1)
    assert parsed.rows == [row for row in rows if any(cell and not cell.isspace() for cell in row)]


def test_a_named_encoding_is_used_and_a_wrong_one_told():
    assert decode("ß".encode("cp437"), name="f", encoding="cp437")[0] == "ß"
    with pytest.raises(InputError, match="cannot be read as 'ascii'"):
        decode("ß".encode(), name="f", encoding="ascii")
    with pytest.raises(InputError, match="cannot be read as 'klingon'"):
        decode(b"x", name="f", encoding="klingon")


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("-3", -3), ("+2.50", 2.5), ("1,234.5", 1234.5), ("12,345,678", 12345678), ("1'234.5", 1234.5), ("1 234", 1234),
     ("−5", -5), ("$12", 12), ("5 %", 5), ("1e3", 1000), (".5", 0.5)],
)  # fmt: skip
def test_numbers_with_a_point(text, number):
    assert parse_numbers(column(text), decimal=".").values.tolist() == [number]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,5", 1.5),
        ("1.234,5", 1234.5),
        ("1.234", 1234),
        ("12.345.678", 12345678),
        ("7", 7),
        ("1 234,5", 1234.5),
        ("1.200 €", 1200),
    ],
)
def test_numbers_with_a_comma(text, number):
    assert parse_numbers(column(text), decimal=",").values.tolist() == [number]


@pytest.mark.parametrize(
    "text", ["1,23,456", "1.2.3", "abc", "1-2", "inf", "--1", "1e999", "0x10", "1_000", "=1+1", "١٢"]
)
def test_what_is_no_number_is_bad(text):
    assert parse_numbers(column(text)).bad.tolist() == [True]


def test_a_column_proves_its_decimal_mark():
    assert parse_numbers(column("1,5", "1.234")).values.tolist() == [1.5, 1234.0]
    assert parse_numbers(column("1.5", "1,234")).values.tolist() == [1.5, 1234.0]
    assert parse_numbers(column("1.234"), delimiter=";").bad.all()
    assert parse_numbers(column("1.234"), delimiter=",").values.tolist() == [1.234]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives(value):
    assert parse_numbers(column(repr(value))).values.tolist() == [value]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2026-12-31"], ["2026-12-31"]), (["31.12.2026", "01.02.2026"], ["2026-12-31", "2026-02-01"]),
        (["12/31/2026", "01/02/2026"], ["2026-12-31", "2026-01-02"]), (["20261231"], ["2026-12-31"]),
        (["31 Dec 2026"], ["2026-12-31"]), (["2026/12/31 23:59"], ["2026-12-31 23:59"]),
        (["2026-01-01T01:00:00+02:00"], ["2025-12-31 23:00"]), (["12/31/2026 5:30 PM"], ["2026-12-31 17:30"]),
    ],
)  # fmt: skip
def test_times(texts, expected):
    assert parse_times(column(*texts)).values.tolist() == [pd.Timestamp(text) for text in expected]


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "31.02.2026", "0001-01-01", "9999-01-01", "03/04/2026", "soon", "24:00", "2026-13-01"],
)
def test_impossible_or_unclear_times_are_bad(text):
    assert parse_times(column(text)).bad.tolist() == [True]


def test_flags_and_missing_words():
    assert parse_flags(column("Yes", "nein", "1")).values.tolist() == [True, False, True]
    assert parse_flags(column("maybe")).bad.tolist() == [True]
    assert blank_missing(column(" x ", "n/a", "-99", "NULL", ""), ["-99"]).notna().tolist() == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_shown_values_are_short_and_harmless():
    assert show("\x1b[2J\u202e") == "'\\x1b[2J\\u202e'"
    assert len(show("x" * 10_000_000)) < 60


def test_an_excel_sheet_keeps_its_rows_and_types(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["area", "complaints", "day"])
    book.active.append(["bill", 3, pd.Timestamp("2026-01-02")])
    book.active.append([None, None, None])
    book.active.append(["=1+1", 4.5, None])
    book.save(tmp_path / "x.xlsx")
    raw = read_raw(tmp_path / "x.xlsx")
    assert (raw.kind, list(raw.lines), raw.frame["complaints"].tolist()) == ("excel", [2, 4], [3, 4.5])


def test_two_sheets_need_a_name(tmp_path):
    with pd.ExcelWriter(tmp_path / "x.xlsx") as writer:
        for name in ("one", "two"):
            pd.DataFrame({"a": [name]}).to_excel(writer, sheet_name=name, index=False)
    with pytest.raises(InputError, match="say which"):
        read_raw(tmp_path / "x.xlsx")
    assert read_raw(tmp_path / "x.xlsx", sheet="two").frame["a"].tolist() == ["two"]
    with pytest.raises(InputError, match="no sheet 'three'"):
        read_raw(tmp_path / "x.xlsx", sheet="three")


def test_a_duckdb_file_is_read_only(tmp_path):
    base = tmp_path / "x.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute(
            "create table a as select 1 as area, 2 as complaints; create table b as select 3 as c"
        )
    before = sha256_of(base)
    with pytest.raises(InputError, match="has 2 tables"):
        read_raw(base)
    assert read_raw(base, table="a").frame.to_numpy().tolist() == [[1, 2]]
    assert sha256_of(base) == before
    with pytest.raises(InputError, match="has no table"):
        read_raw(base, table='a"; drop table a; --')


def test_parquet_without_lists(tmp_path):
    pd.DataFrame({"area": ["a"], "complaints": [1], "tags": [[1, 2]]}).to_parquet(tmp_path / "x.parquet")
    raw = read_raw(tmp_path / "x.parquet")
    assert list(raw.frame) == ["area", "complaints"] and "'tags'" in raw.notes[0]


def test_passwords_are_never_shown():
    assert safe_address("postgres://ann:secret@host/base") == "postgres://***@host/base"
    with pytest.raises(InputError) as caught:
        read_raw("mysql://ann:secret@127.0.0.1:1/base#t")
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="a file's address"):
        read_raw("https://example.org/x.csv")


def test_a_sqlite_file_says_what_to_do(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("create table t (a)")
    with pytest.raises(InputError, match="SQLite database"):
        read_raw(tmp_path / "x.db")


def test_a_mistyped_name_gets_the_nearest(tmp_path):
    (tmp_path / "answers.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="did you mean 'answers.csv'"):
        read_raw(tmp_path / "answer.csv")


def test_a_database_by_its_address(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "own.db") as connection:
        connection.execute("create table pain (area text, complaints int)")
        connection.execute("insert into pain values ('bill', 3)")
    raw = read_raw(f"sqlite:///{tmp_path}/own.db#pain")
    assert raw.kind == "database" and raw.frame.to_numpy().tolist() == [["bill", 3]]
    monkeypatch.setenv("OWN_FOLDER", str(tmp_path))
    assert len(read_raw("sqlite:///${OWN_FOLDER}/own.db#pain").frame) == 1
    with pytest.raises(InputError, match="environment variable NOT_THERE, which is not set"):
        read_raw("sqlite:///${NOT_THERE}/own.db#pain")


def test_a_decimal_mark_that_was_said_is_kept(tmp_path):
    import cxlab as cx

    (tmp_path / "x.csv").write_text("organisation;kpi;weight\na;x;3.5\n")
    (tmp_path / "m.yaml").write_text('table: kpis\nfile: {path: x.csv, decimal: ","}\n')
    with pytest.raises(InputError, match="value '3.5': must be a finite number .read with a decimal comma"):
        cx.open_source(str(tmp_path / "m.yaml"))
