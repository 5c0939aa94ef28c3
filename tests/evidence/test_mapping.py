"""Mapping files: every key works, every wrong one is told, nothing personal gets through."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.evidence.mapping import open_mapped, read_mapping
from cxlab.evidence.sources import fetch
from cxlab.evidence.study import find_study, read_study
from cxlab.evidence.yamls import read_yaml

CSV = "ID;Gebiet;mail;Q1;Q2;Q3;L1;L2\n" + "".join(
    f"{7000 + i};{1 + i % 2};a{i}@x.org;{1 + i % 5};{1 + (i * 2) % 5};{-99 if i == 3 else 1 + (i * 3) % 5};{1 + i % 5};{1 + (i + 1) % 5}\n"
    for i in range(40)
)
YAML = """
table: survey
title: Our customers
file: {path: answers.csv}
columns: {ID: respondent, Gebiet: segment}
missing: [-99, "don't know"]
recode: {Gebiet: {1: north, 2: south}}
range: [1, 5]
reversed: [Q2]
blocks: {product: [Q1, Q2], experience: [Q3], price: []}
outcomes: {loyalty: [L1, L2]}
segments: [Gebiet]
labels: {Q1: works without fault}
roles: {trust: [Q3]}
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "answers.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "survey.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def test_a_survey_through_its_mapping(study):
    data = open_mapped(study / "survey.yaml")
    raw = pd.read_csv(study / "answers.csv", sep=";", na_values=["-99"])
    assert list(data.columns) == ["respondent", "segment", "Q1", "Q2", "Q3", "L1", "L2", "loyalty"]
    assert (data["Q2"] == 6 - raw["Q2"]).all() and data["Q3"].isna().sum() == 1
    assert (data["loyalty"] == (raw["L1"] + raw["L2"]) / 2).all()
    assert set(data["segment"]) == {"north", "south"}
    assert data["respondent"].tolist() == [str(i) for i in range(1, 41)]
    attrs = data.attrs
    assert attrs["blocks"] == {"product": ["Q1", "Q2"], "experience": ["Q3"]}
    assert attrs["outcomes"] == {"loyalty": ["L1", "L2"]} and attrs["default_outcome"] == "loyalty"
    assert attrs["segments"] == ["segment"] and attrs["weights"] is None and attrs["simulated"] is False
    assert (
        attrs["labels"] == {"Q1": "works without fault"}
        and attrs["range"] == [1.0, 5.0]
        and attrs["roles"] == {"trust": ["Q3"]}
    )
    assert (attrs["title"], attrs["licence"], attrs["table"], attrs["name"]) == (
        "Our customers",
        "own data",
        "survey",
        "survey",
    )
    assert attrs["sha256"] == hashlib.sha256(CSV.encode()).hexdigest()
    assert not data.astype(str).apply(lambda c: c.str.contains("@|70[0-9][0-9]")).any(axis=None)


def test_open_source_takes_the_path_of_a_mapping(study):
    assert cx.open_source(str(study / "survey.yaml")).attrs["title"] == "Our customers"


def test_blocks_may_use_our_names_or_theirs(study):
    (study / "survey.yaml").write_text(
        YAML.replace("Gebiet: segment}", "Gebiet: segment, Q1: fault_free}"), encoding="utf-8"
    )
    assert open_mapped(study / "survey.yaml").attrs["blocks"]["product"] == ["fault_free", "Q2"]


def test_a_study_may_allow_a_personal_column(study):
    (study / "params.yaml").write_text(
        "tables: {survey: survey.yaml}\npersonal: [respondent, mail]\n", encoding="utf-8"
    )
    data = open_mapped(study / "survey.yaml")
    assert data["respondent"].iloc[0] == "7000" and data["mail"].iloc[0] == "a0@x.org"


def test_a_segment_that_tells_who_somebody_is_is_refused(study):
    (study / "survey.yaml").write_text(
        YAML.replace("segments: [Gebiet]", "segments: [mail]"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="column 'mail' .*would be shown"):
        open_mapped(study / "survey.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title:", "tittle:", "there is no key 'tittle'; did you mean 'title'"),
        ("table: survey", "table: survy", "did you mean 'survey'"),
        ("table: survey\n", "", "the key table is missing"),
        ("[Q1, Q2]", "[Q1, Q9]", "the mapping names column 'Q9', which the file has not"),
        ("ID: respondent", "Idd: respondent", "names column 'Idd'.*did you mean 'ID'"),
        ("experience: [Q3]", "experience: [Q1]", "'Q1' stands in product and in experience"),
        (
            "outcomes: {loyalty: [L1, L2]}",
            "outcomes: {loyalty: [L1, Q1]}",
            "among the blocks and among the outcomes",
        ),
        ("range: [1, 5]", "range: [5, 1]", "range must be \\[lowest, highest\\]"),
        ("range: [1, 5]", "range: [1, 4]", "must be at most 4"),
        ("range: [1, 5]\n", "", "its range is not known"),
        ("Gebiet: segment}", "Gebiet: respondent}", "both become 'respondent'"),
        ("file: {path: answers.csv}", "file: {path: nothing.csv}", "there is no file"),
        (
            "file: {path: answers.csv}",
            "file: {pathe: answers.csv}",
            "there is no key 'pathe'; did you mean 'path'",
        ),
        ("file: {path: answers.csv}\n", "", "the key file is missing"),
        ("missing: [-99", "missing: [-98", "value '-99': must be at least 1"),
        ("title: Our", "title: &x Our", None),
        ("title: Our customers", "title: *x", "anchors"),
        ("title: Our customers", "title: [", "not valid YAML"),
        ("table: survey", "table: survey\ntable: events", "stands twice"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_told_in_one_line(study, old, new, message):
    assert old in YAML
    (study / "survey.yaml").write_text(YAML.replace(old, new), encoding="utf-8")
    if message is None:
        assert open_mapped(study / "survey.yaml").attrs["title"] == "Our customers"
        return
    with pytest.raises(InputError, match=message) as caught:
        open_mapped(study / "survey.yaml")
    assert "\n" not in str(caught.value)


def test_columns_called_no_and_codes_with_zeros_stay_what_they_are(tmp_path):
    (tmp_path / "m.yaml").write_text(
        "table: pain\ncolumns: {no: area, on: complaints}\nrecode: {no: {007: bond}}\n"
    )
    mapping = read_mapping(tmp_path / "m.yaml")
    assert mapping.columns == {"no": "area", "on": "complaints"} and mapping.recode == {"no": {"007": "bond"}}
    assert read_yaml(tmp_path / "m.yaml")["columns"] == {"no": "area", "on": "complaints"}


def test_wide_to_long(tmp_path):
    (tmp_path / "wide.csv").write_text("kunde,exp25,per25,exp26,per26,sat26\na,1,2,3,4,5\nb,6,7,8,,9\n")
    (tmp_path / "m.yaml").write_text(
        "table: expectations\nfile: wide.csv\ncolumns: {kunde: customer}\nwide_to_long:\n  name: wave\n  values:\n"
        "    expected: {2025: exp25, 2026: exp26}\n    perceived: {2025: per25, 2026: per26}\n    satisfaction: {2026: sat26}\n"
    )
    long = open_mapped(tmp_path / "m.yaml")
    assert long[["customer", "wave", "expected"]].to_numpy().tolist() == [
        ["1", "2025", 1],
        ["1", "2026", 3],
        ["2", "2025", 6],
        ["2", "2026", 8],
    ]
    assert np.isnan(long["perceived"].iloc[3]) and np.isnan(long["satisfaction"].iloc[0])


def test_a_fault_in_a_wide_file_names_the_line_of_the_file(tmp_path):
    (tmp_path / "wide.csv").write_text("rater,s1,s2\na,p,e\n,p,e\n")
    mapping = {
        "columns": {},
        "wide_to_long": {"name": "statement", "values": {"label": {"s1": "s1", "s2": "s2"}}},
    }
    with pytest.raises(InputError, match="line 3, column 'rater': must not be missing"):
        cx.open_table(tmp_path / "wide.csv", kind="ratings", mapping=mapping)


def test_a_wide_table_of_raters(tmp_path):
    (tmp_path / "wide.csv").write_text("rater,s1,s2\nx,product,both\ny,experience,both\n")
    mapping = {
        "columns": {},
        "wide_to_long": {"name": "statement", "values": {"label": {"s1": "s1", "s2": "s2"}}},
    }
    long = cx.open_table(tmp_path / "wide.csv", kind="ratings", mapping=mapping)
    assert long[["statement", "label"]].to_numpy().tolist() == [
        ["s1", "product"],
        ["s2", "both"],
        ["s1", "experience"],
        ["s2", "both"],
    ]


def test_corporate_reputation_with_minus_99_as_missing_equals_plain_pandas(tmp_path):
    path = fetch("corporate-reputation")
    text = path.read_text(encoding="utf-8")
    delimiter = ";" if text.split("\n")[0].count(";") > 3 else ","
    plain = pd.read_csv(path, sep=delimiter, na_values=["-99"])
    items = [c for c in plain if c.startswith(("qual_", "like_", "switch_", "cusl_")) or c == "cusa"]
    (tmp_path / "m.yaml").write_text(
        f"table: survey\nfile: {{path: '{path}'}}\nmissing: [-99]\nrange: [1, 7]\nblocks:\n"
        f"  product: [{', '.join(c for c in items if c.startswith('qual'))}]\n"
        f"  experience: [{', '.join(c for c in items if c.startswith('like'))}]\n"
        f"  other: [{', '.join(c for c in items if c.startswith('switch'))}]\n"
        f"outcomes: {{loyalty: [{', '.join(c for c in items if c.startswith('cusl'))}], satisfaction: [cusa]}}\n"
    )
    ours = open_mapped(tmp_path / "m.yaml")
    assert len(ours) == 344 and (plain[items] < 0).sum().sum() == 0
    pd.testing.assert_frame_equal(ours[items].corr(), plain[items].corr(), atol=1e-12)
    (tmp_path / "m.yaml").write_text((tmp_path / "m.yaml").read_text().replace("missing: [-99]\n", ""))
    with pytest.raises(InputError, match="value '-99': must be at least 1"):
        open_mapped(tmp_path / "m.yaml")


PARAMS = "study: Ours\ntables: {survey: survey.yaml}\nparameters: {bootstrap: 100, seed: 2}\nnotebooks: {'02': {source: x}}\npersonal: []\nmin_cell: 7\n"


def test_a_study_is_read(study):
    (study / "params.yaml").write_text(PARAMS)
    read = read_study(study / "params.yaml")
    assert (read.name, read.min_cell, read.parameters) == ("Ours", 7, {"bootstrap": 100, "seed": 2})
    assert (
        read.source_of("survey") == str((study / "survey.yaml").resolve())
        and read.source_of("events") is None
    )
    assert read.missing(["survey", "events"]) == ["events"] and read == read_study(study)
    assert find_study(study / "survey.yaml") == read


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("min_cell", "mincell", "did you mean 'min_cell'"),
        ("{survey: survey.yaml}", "{survy: survey.yaml}", "did you mean 'survey'"),
        (
            "{survey: survey.yaml}",
            "{survey: other.yaml}",
            "mapping file 'other.yaml' of table survey is not there",
        ),
        ("{survey: survey.yaml}", "{}", "tables is empty"),
        ("{survey: survey.yaml}", "[survey]", "tables must hold"),
        ("min_cell: 7", "min_cell: 0", "1 or more"),
        ("min_cell: 7", "min_cell: many", "whole number"),
        ("personal: []", "personal: mail", "personal must be a list"),
        ("{source: x}", "x", "must hold 'name: value' lines"),
        ("seed: 2", "seed: {a: 1}", "parameter 'seed' must be"),
        ("study: Ours", "study: [1]", "study must be one line"),
    ],
)
def test_what_is_wrong_with_a_study_is_told(study, old, new, message):
    assert old in PARAMS
    (study / "params.yaml").write_text(PARAMS.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_study(study / "params.yaml")
    assert "\n" not in str(caught.value)


def test_where_keeps_the_rows_of_one_segment(study, tmp_path):
    everything = open_mapped(study / "survey.yaml")
    (study / "survey.yaml").write_text(YAML + "where: {segment: north, Q1: 1}\n", encoding="utf-8")
    some = open_mapped(study / "survey.yaml")
    assert 0 < len(some) == ((everything["segment"] == "north") & (everything["Q1"] == 1)).sum()
    for where, message in (("{segmnt: north}", "did you mean 'segment'"), ("{segment: east}", "no row has")):
        (study / "survey.yaml").write_text(YAML + f"where: {where}\n", encoding="utf-8")
        with pytest.raises(InputError, match=message):
            open_mapped(study / "survey.yaml")


def test_where_filters_a_large_table(tmp_path):
    (tmp_path / "log.csv").write_text(
        "customer_id,event,timestamp,plan\na,x,2026-01-01,gold\nb,y,2026-01-01,<b>\nc,x,2026-01-01,gold\n"
    )
    mapping = {"columns": {"plan": "segment"}, "where": {"segment": "gold"}}
    assert cx.open_table(tmp_path / "log.csv", kind="events", mapping=mapping).count().execute() == 2
    mapping["where"] = {"segment": "‹b›"}
    assert cx.open_table(tmp_path / "log.csv", kind="events", mapping=mapping).execute()[
        "customer_id"
    ].tolist() == ["b"]
    with pytest.raises(InputError, match="where names column 'segmnt'"):
        cx.open_table(
            tmp_path / "log.csv",
            kind="events",
            mapping={"columns": {"plan": "segment"}, "where": {"segmnt": "x"}},
        )
