"""One reading of numbers, times and words everywhere; texts of any origin; large files as small ones."""

import csv
import gzip
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.data import delimited, raw, read, study, values
from cxlab.data.delimited import decoded, read_records, sniff_delimiter, take_header
from cxlab.data.errors import InputError, nearest, show
from cxlab.data.mapping import Mapping
from cxlab.data.read import flattened

DUCK = raw.connect()


def one(sql, text):
    return DUCK.execute(f"select {sql} from (select ? as x)", [text]).fetchall()[0][0]


def time(text, day_first=None):
    ways = (values.time_sql("x", day_first, shape) for shape in (values.shape_sql("x"), "null"))
    found, same = (one(f"({way})::varchar", text) for way in ways)
    assert found == same
    return found and found.removesuffix(" 00:00:00")


TIMES = """
2026-03-08 = 2026-03-08
2026-03-08T06:30:00.5 = 2026-03-08 06:30:00.5
2026-3-8 6:30 = 2026-03-08 06:30:00
2026-03-08T06:30:00,25 = 2026-03-08 06:30:00.25
2026-03-08T06:30:00Z = 2026-03-08 06:30:00
2026-03-08T06:30:00.125Z = 2026-03-08 06:30:00.125
 2026-03-08  = 2026-03-08
2026-03-08 06:30:00+05 = 2026-03-08 01:30:00
2026-03-08 06:30:00 -0500 = 2026-03-08 11:30:00
2026-03-08 06:30:00 EDT = 2026-03-08 10:30:00
2026/03/08 1:30:00 AM GMT-5 = 2026-03-08 06:30:00
2026-03-29T00:30:00+01:00 = 2026-03-28 23:30:00
2026-03-08T06:30:00+01:00[Europe/Berlin] = 2026-03-08 05:30:00
8 Mar 2026 06:30 = 2026-03-08 06:30:00
8. März 2026 = 2026-03-08
8 de marzo de 2026 = 2026-03-08
8 août 2026 06:30 = 2026-08-08 06:30:00
Mar 8, 2026 = 2026-03-08
08-MAR-26 06:30:00 = 2026-03-08 06:30:00
Sunday, March 8, 2026 1:30 PM = 2026-03-08 13:30:00
Sun, 08 Mar 2026 06:30:00 GMT = 2026-03-08 06:30:00
20260308 = 2026-03-08
20260308063000 = 2026-03-08 06:30:00
20260308T063000Z = 2026-03-08 06:30:00
1772951400 = 2026-03-08 06:30:00
1772951400.5 = 2026-03-08 06:30:00.5
1772951400000 = 2026-03-08 06:30:00
1772951400123456 = 2026-03-08 06:30:00.123456
1772951400123456789 = 2026-03-08 06:30:00.123456
"""
NO_TIMES = ("18.3.2026", "03/04/2026", "2026-02-30", "9999-12-31", "0001-01-01", "100000-01-01", "yesterday",
            "12", "soon 06:30", "2026-03-08 06:30:00 XYZ", "2026-03-08 06:30:00.+12")  # fmt: skip


@pytest.mark.parametrize("line", TIMES.strip().splitlines())
def test_times(line):
    text, expected = line.split(" = ")
    assert time(text) == expected


def test_what_is_no_time_or_could_be_two():
    assert [time(text) for text in NO_TIMES] == [None] * len(NO_TIMES)


@pytest.mark.parametrize(
    ("text", "day_first", "expected"),
    [("18/03/26 06:30", True, "2026-03-18 06:30:00"), ("18.03.2026", True, "2026-03-18"),
     ("03-04-26", True, "2026-04-03"), ("03/08/2026 1:30:00 AM", False, "2026-03-08 01:30:00"),
     ("12/31/2026, 6:30 a.m.", False, "2026-12-31 06:30:00"), ("31/12/2026", False, None)],
)  # fmt: skip
def test_days_and_months(text, day_first, expected):
    assert time(text, day_first) == expected and values.is_slashed(text)


def test_which_comes_first_is_told_by_the_column():
    assert values.day_first_of(["03/04/2026", "13/04/2026"]) is True
    assert values.day_first_of(["03/04/2026", "03/14/2026"]) is False
    assert values.day_first_of(["03/04/2026"]) is None and values.day_first_of(["03.04.2026"]) is True


NUMBERS = {
    ".": {"1": 1, "1.5": 1.5, "1,234": 1234, "12,345.5": 12345.5, "1e5": 1e5, "$ 5": 5, "5%": 5,
          "1 234 567.5": 1234567.5, "−3": -3, ".5": 0.5, "1'234": 1234,
          **dict.fromkeys(["12,34", "1e999", "inf", "nan", "1_000", "x"])},
    ",": {"1,5": 1.5, "1.234,5": 1234.5, "€ 3,50": 3.5, "9.5": None, ".5": None, ",5": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("decimal", NUMBERS)
def test_numbers(decimal):
    sql = values.number_sql("x", decimal)
    assert {text: one(sql, text) for text in NUMBERS[decimal]} == NUMBERS[decimal]


@given(st.floats(-1e9, 1e9).map(lambda number: round(number, 4)))
def test_a_number_written_in_any_way_is_the_same(number):
    plain = f"{number:,.4f}"
    assert one(values.number_sql("x"), plain) == number
    assert one(values.number_sql("x", ","), plain.translate(str.maketrans(",.", ".,"))) == number


def test_decimal_marks_flags_codes_and_scales():
    assert values.decimal_of(["1.234"], ";") is None and values.decimal_of(["1.234"]) == "."
    assert values.decimal_of(["1.234", "3,5"], ";") == "," and values.decimal_of(["1.234", "3.5"], ";") == "."
    assert [one(values.flag_sql("x"), t) for t in ("Ja", "no", "1.0", "maybe")] == [1, 0, 1, None]
    codes = {"10 - Extremely likely": 10, "0 – gar nicht": 0, "very good (5)": 5, "5 = gut": 5}
    codes |= {"7 Extremely": 7, "18-24": None, "5": None}
    assert {text: values.code_of(text) for text in codes} == codes
    found = values.scale_of_words(["teils/teils", "Trifft voll zu."])
    assert found == {"teils/teils": 3, "Trifft voll zu.": 5}
    assert values.scale_of_words(["agree", "good"]) is None and values.scale_of_words(["agree"]) is None
    for scale in values.scales():
        words = [word for step in scale for word in step]
        assert len(words) == len(set(words)) and 4 <= len(scale) <= 7, words


def test_delimiters_and_lines():
    texts = {"a,b\n1,2\n": ",", "a;b\n1,5;2\n": ";", "a\tb\n1\t2\n": "\t", "a|b\n1|2\n": "|"}
    texts |= {"one\n1\n2\n": ",", 'a;b\n"x;y, z, u";2\n3;4\n': ";", 'a,b\n"1;2;3",2\n': ","}
    assert {text: sniff_delimiter(text) for text in texts} == texts
    parsed, rows, lines = parse('title\n\na,b\n1,"x\ny"\n\n2,z\n3,z,9\n')
    assert (list(parsed.types), rows, lines) == (["a", "b"], [["1", "x\ny"], ["2", "z"]], [4, 7])
    assert (parsed.first_line, parsed.ragged) == (3, [(8, 3)])
    parsed, _, _ = parse(f"{'q' * 100},a,a\n1,2,3\n")
    cut, *names = parsed.types
    assert (parsed.labels[cut], len(cut), names) == ("q" * 100, 80, ["a", "a (2)"])


def parse(text, **given):
    parsed = raw.Raw(DUCK, "", "f", "text")
    return parsed, *take_header(
        parsed, *read_records(parsed, text, given.get("delimiter")), given.get("header_line")
    )


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
    min_size=3, max_size=3),
                min_size=1, max_size=8))  # fmt: skip
def test_what_csv_writes_is_what_is_read(rows):
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["one", "two", "three"], *rows])
    _, found, _ = parse(stream.getvalue(), delimiter=",", header_line=1)
    assert found == [row for row in rows if "".join(row).strip()]


def test_old_encodings_are_guessed_from_their_letters():
    texts = {"cp1250": "Obsługa była bardzo miła,5\nDługo czekałem na odpowiedź,2\n" * 9,
             "cp1251": "Привет мир,5\nСпасибо,2\n" * 9, "cp1252": "Müller,5\nSøren,2\n",
             "gb18030": "你好世界,满意\n" * 9}  # fmt: skip
    for coding, text in texts.items():
        found, _, notes = decoded(io.BytesIO(text.encode(coding)), "f")
        assert "".join(found) == text and notes, coding
    assert "".join(decoded(io.BytesIO("ü".encode("cp1252")), "f", "cp1252")[0]) == "ü"


def test_small_helpers():
    assert show("a\u202e" + "b" * 50) == "'a\\u202e" + "b" * 33 + "...'" and nearest("surv", ["survey"])
    nested = {"a": {"b": [1, 2], "c": {"d": None}}, "f": [{"g": 1}]}
    nested["e"] = [{"key": "k", "value": {"s": None, "i": 7}}]
    assert flattened(nested) == {"a.b": "1; 2", "a.c.d": None, "e.k": 7, "f": None}


def opened(path, **rules):
    return study.opened(study.converted(Mapping("events", source=str(path), **rules)))


def log_of(n):
    rng, start = np.random.default_rng(2), pd.Timestamp("2026-01-01")
    log = pd.DataFrame({"customer_id": [f"c{i}" for i in rng.integers(0, n // 4, n)]})
    log["event"] = rng.choice(["a", "b c"], n)
    return log.assign(timestamp=start + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"), plan="x")


@pytest.mark.parametrize("spoil", ["", "space", "blank", "zone", "markup", "date", "bad"])
def test_a_large_log_is_read_as_a_small_one(spoil, tmp_path, monkeypatch):
    frame = log_of(4_000)
    frame["timestamp"] = frame["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S")
    spoilt = {"space": ("customer_id", " c1"), "blank": ("customer_id", "N/A"), "markup": ("event", "<b>")}
    spoilt |= {"date": ("timestamp", "31.12.2026 10:00"), "bad": ("timestamp", "soon")}
    column, value = spoilt.get(spoil, ("plan", "x"))
    frame.loc[3_900, column] = value
    if spoil == "zone":
        frame["timestamp"] += "+01:00"
    frame.to_csv(tmp_path / "log.csv", index=False)
    with gzip.open(tmp_path / "log.csv.gz", "wt") as out:
        out.write((tmp_path / "log.csv").read_text())
    frame.to_parquet(tmp_path / "log.parquet")
    found, said = {}, set()
    for name, size in (("log.csv", 10**9), ("log.csv", 1_000), ("log.csv.gz", 1_000), ("log.parquet", 0)):
        monkeypatch.setattr(read, "_PARSED", size)
        monkeypatch.setattr(delimited, "PIECE", 1 << 14)
        try:
            found[name, size] = opened(tmp_path / name).frame
        except InputError as error:
            said.add(str(error).split(":", 1)[1].replace("row 3901", "line 3902"))
    first = next(iter(found.values()), None)
    assert (first is None) == (spoil == "bad")
    for table in found.values():
        pd.testing.assert_frame_equal(table, first)
    if spoil == "bad":
        assert len(said) == 1 and "line 3902, column 'timestamp', value 'soon'" in said.pop()
    else:
        assert first["customer_id"].isna().sum() == (spoil == "blank") and len(first) == 4_000


def test_beyond_half_a_million_rows_it_stays_in_duckdb(tmp_path, monkeypatch):
    log_of(2_000).to_parquet(tmp_path / "log.parquet")
    monkeypatch.setattr(study, "_WHOLE", 100)
    table = opened(tmp_path / "log.parquet", where={"event": "a"})
    assert not hasattr(table.frame, "iloc") and "rows" in repr(table)
    assert set(table.to_pandas()["event"]) == {"a"}


def test_nested_parquet_and_numbers_as_ids(tmp_path):
    row = {"user": {"id": 7.0}, "what": "x", "at": 1772951400, "list": [1]}
    pq.write_table(pa.Table.from_pylist([row] * 3), tmp_path / "log")
    columns = {"user.id": "customer_id", "what": "event", "at": "timestamp"}
    table = opened(tmp_path / "log", personal=("user.id",), columns=columns)
    assert table.frame["customer_id"].tolist() == ["7"] * 3 and "'list'" in table.notes
    assert (table.frame["timestamp"] == pd.Timestamp("2026-03-08 06:30:00")).all()
    pq.write_table(pa.Table.from_pylist([{"a": [1]}]), tmp_path / "log")
    with pytest.raises(InputError, match="holds no plain column"):
        read.read_raw(tmp_path / "log")
