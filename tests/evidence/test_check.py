"""The check: faults by line, remarks, good news, and large logs in a stream."""

from __future__ import annotations

import pandas as pd
import pytest

from cxlab.evidence.check import check_file
from cxlab.evidence.errors import InputError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_gets_good_news(tmp_path):
    path = write(tmp_path / "pain.csv", "area,complaints\nbill,12\nnetwork,7\n")
    report = check_file(path, table="pain")
    assert report.ok and report.rows == 2
    text = "\n".join(report.lines())
    assert (
        "good: it opens" in text
        and "all 2 rows fit the header" in text
        and "2 of 2 declared columns are right" in text
    )


def test_every_fault_is_listed_with_its_line(tmp_path):
    path = write(
        tmp_path / "i.csv",
        "id,level,impact,cost,due,done\na,unit,3,4,2026-02-30,\nb,team,x,-1,2026-01-01,2026-01-02\nb,unit,1,1,,\n",
    )
    report = check_file(path, table="initiatives")
    text = "\n".join(map(str, report.faults))
    for part in ("line 2, column 'due', value '2026-02-30'", "line 3, column 'impact', value 'x'", "line 3, column 'level', value 'team': must be one of account, unit, corporate",
                 "line 3, column 'cost', value '-1': must be at least 0", "line 4, value 'b': id must not occur twice"):  # fmt: skip
        assert part in text
    assert len(report.faults) == 5


def test_ragged_lines_and_bad_values_are_told_together(tmp_path):
    report = check_file(write(tmp_path / "p.csv", "area,complaints\na,1\nb\nc,2,3\nd,x\n"), table="pain")
    assert [fault.lines for fault in report.faults] == [(3, 4), (5,)] and report.faults[0].count == 2


def test_a_missing_column_names_the_nearest(tmp_path):
    report = check_file(write(tmp_path / "p.csv", "aera,complaints\na,1\n"), table="pain")
    assert "column 'area' is missing" in str(report.faults[0]) and "is it your 'aera'?" in str(
        report.faults[0]
    )


def test_remarks_on_a_survey(tmp_path):
    lines = ["respondent,segment,P1,P2,E1,E2,K,L"]
    lines += [
        f"r{i},{'tiny' if i < 2 else 'big'},{1 + i % 5},{1 + i % 5},{5 - i % 5},{1 + (i % 5 + i // 25) % 5},3,{-99 if i == 7 else 1 + i % 5}"
        for i in range(100)
    ]
    write(tmp_path / "s.csv", "\n".join(lines) + "\n")
    mapping = write(
        tmp_path / "m.yaml",
        "table: survey\nfile: s.csv\nblocks: {product: [P1, P2], experience: [E1, E2], other: [K]}\noutcomes: {loyalty: [L]}\nsegments: [segment]\n",
    )
    remarks = "\n".join(check_file(None, mapping=mapping).remarks)
    assert "column 'L': '-99' may mean 'no answer'" in remarks
    assert "column 'K' is 3 on every row" in remarks
    assert "items 'P1' and 'P2' say the same" in remarks
    assert "item 'E1' runs against the others" in remarks
    assert "segment 'segment': 1 of 2 count fewer than 5 rows" in remarks


def test_a_large_log_is_told_by_line(tmp_path):
    rows = [f"u{i},view,2026-01-01 00:00:{i % 60:02d}" for i in range(50_000)]
    rows[40_000] = "u,view,2026-99-01"
    rows[45_000] = "u,,2026-01-01"
    report = check_file(
        write(tmp_path / "log.csv", "customer_id,event,timestamp\n" + "\n".join(rows) + "\n"), table="events"
    )
    assert report.rows == 50_000
    assert [(fault.column, fault.lines, fault.count) for fault in report.faults] == [
        ("event", (45_002,), 1),
        ("timestamp", (40_002,), 1),
    ]
    assert report.faults[1].value == "2026-99-01"


def test_a_large_parquet_log(tmp_path):
    frame = pd.DataFrame(
        {"customer_id": range(1000), "event": "view", "timestamp": pd.Timestamp("2026-01-01")}
    )
    frame.to_parquet(tmp_path / "log.parquet")
    report = check_file(tmp_path / "log.parquet", table="events")
    assert (
        report.ok
        and report.rows == 1000
        and any("about" in line and "different ones" in line for line in report.good)
    )
    frame.assign(event=None).astype({"event": "str"}).to_parquet(tmp_path / "log.parquet")
    assert not check_file(tmp_path / "log.parquet", table="events").ok


def test_scores_of_visits_with_a_decimal_comma(tmp_path):
    path = write(tmp_path / "v.csv", "outlet;score\na;4,5\nb;3\nc;good\n")
    report = check_file(path, table="visits")
    assert [fault.value for fault in report.faults] == ["good"] and "decimal comma" in report.faults[0].rule


def test_missing_codes_and_names_of_a_large_table(tmp_path):
    path = write(tmp_path / "v.csv", "shop,rating\na,4\nb,-99\n")
    mapping = {"columns": {"shop": "outlet", "rating": "score"}, "missing": ["-99"]}
    assert check_file(path, table="visits", mapping=mapping).ok
    import cxlab as cx

    assert cx.open_table(path, kind="visits", mapping=mapping).execute()["score"].isna().tolist() == [
        False,
        True,
    ]


def test_a_table_must_be_named(tmp_path):
    with pytest.raises(InputError, match="say which table"):
        check_file(write(tmp_path / "x.csv", "a\n1\n"))
    with pytest.raises(InputError, match="no file to check"):
        check_file(None, table="pain")
