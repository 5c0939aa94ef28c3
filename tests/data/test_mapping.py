"""Mapping and params files: every key works, every wrong one is told, nothing personal gets through."""

import hashlib

import pandas as pd
import pytest

import cxlab as cx
from cxlab.data.check import check_path
from cxlab.data.errors import InputError
from cxlab.data.mapping import read_mapping, read_yaml
from cxlab.data.study import mapping_of, open_mapped, read_study

CSV = "ID;Gebiet;mail;Q1;Q2;Q3;L1;L2\n" + "".join(
    f"{7000 + i};{1 + i % 2};a{i}@x.org;{1 + i % 5};{1 + (i * 2) % 5};{-99 if i == 3 else 1 + (i * 3) % 5};"
    f"{1 + i % 5};{1 + (i + 1) % 5}\n"
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


def changed(study, old, new):
    assert old in YAML
    (study / "survey.yaml").write_text(YAML.replace(old, new), encoding="utf-8")
    return study / "survey.yaml"


def small(tmp_path, csv, mapping):
    (tmp_path / "their.csv").write_text(csv, encoding="utf-8")
    (tmp_path / "m.yaml").write_text("file: their.csv\n" + mapping, encoding="utf-8")
    return open_mapped(tmp_path / "m.yaml")


def test_a_survey_through_its_mapping(study):
    survey = open_mapped(study / "survey.yaml")
    raw, data = pd.read_csv(study / "answers.csv", sep=";", na_values=["-99"]), survey.frame
    assert list(data.columns) == ["respondent", "segment", "Q1", "Q2", "Q3", "L1", "L2", "loyalty"]
    assert (data["Q2"] == 6 - raw["Q2"]).all() and data["Q3"].isna().sum() == 1
    assert (data["loyalty"] == (raw["L1"] + raw["L2"]) / 2).all()
    assert set(data["segment"]) == {"north", "south"}
    assert data["respondent"].tolist() == [str(i) for i in range(1, 41)]
    assert survey.blocks == {"product": ["Q1", "Q2"], "experience": ["Q3"]}
    assert survey.outcomes == {"loyalty": ["L1", "L2"]} and survey.roles == {"trust": ["Q3"]}
    assert (survey.outcome, survey.scale, survey.segments) == ("loyalty", (1, 5), ["segment"])
    assert survey.weights is None and not survey.simulated and survey.licence == "own data"
    assert survey.label("Q1") == "works without fault"
    assert (survey.title, survey.name) == ("Our customers", "survey")
    assert survey.sha256 == hashlib.sha256(CSV.encode()).hexdigest()
    assert not data.astype(str).apply(lambda c: c.str.contains("@|70[0-9][0-9]")).any(axis=None)
    assert cx.open_source(str(study / "survey.yaml"), table="survey", bootstrap=7).bootstrap == 7


def test_blocks_may_use_our_names_or_theirs(study):
    path = changed(study, "Gebiet: segment}", "Gebiet: segment, Q1: fault_free}")
    assert open_mapped(path).blocks["product"] == ["fault_free", "Q2"]


def test_a_study_may_allow_a_personal_column(study):
    params = "tables: {survey: survey.yaml}\npersonal: [respondent, mail]\nmin_cell: 9\n"
    (study / "params.yaml").write_text(params)
    survey = open_mapped(study / "survey.yaml")
    assert survey.frame["respondent"].iloc[0] == "7000" and survey.frame["mail"].iloc[0] == "a0@x.org"
    assert survey.min_cell == 9


ROLES, FILE, OUTCOMES = "roles: {trust: [Q3]}", "file: {path: answers.csv}", "outcomes: {loyalty: [L1, L2]}"
WRONG = [
    ("title:", "tittle:", "no key 'tittle'; did you mean 'title'"),
    ("table: survey", "table: survy", "did you mean 'survey'"),
    ("table: survey\n", "", "the key table is missing"),
    ("[Q1, Q2]", "[Q1, Q9]", "the mapping names column 'Q9', which the file has not"),
    ("ID: respondent", "Idd: respondent", "names column 'Idd'.*did you mean 'ID'"),
    ("experience: [Q3]", "experience: [Q1]", "'Q1' stands in product and in experience"),
    ("loyalty: [L1, L2]", "loyalty: [L1, Q1]", "'Q1' stands in the outcomes and in product"),
    (OUTCOMES, "outcomes: {}", "no outcome is named"),
    (OUTCOMES, "outcomes: {loyalty: []}", "'loyalty' has no items"),
    (OUTCOMES, "outcomes: {Q1: [L1, L2]}", "'Q1' is also a column"),
    ("segments: [Gebiet]", "segments: [mail]", "column 'mail' .*would be shown"),
    ("segments: [Gebiet]", "segments: {a: b}", "must be a list"),
    ("title: Our customers", "title: " + "[" * 50 + "]" * 50, "title must be one text"),
    ("recode: {Gebiet: {1: north, 2: south}}", "recode: {Gebiet: north}", "must hold 'name: value' lines"),
    (ROLES, "default_outcome: joy", "default_outcome 'joy' is not among outcomes"),
    (ROLES, "out_of_range: yes", "out_of_range must be missing"),
    (ROLES, "scales: [{item: [Q1]}]", "did you mean 'items'"),
    (ROLES, "wide_to_long: {name: a}", "wide_to_long needs values"),
    ("range: [1, 5]", "range: [5, 1]", "range must be \\[lowest, highest\\]"),
    ("range: [1, 5]", "range: [1, 4]", "must be at most 4"),
    ("range: [1, 5]\n", "", "its range is not known"),
    ("Gebiet: segment}", "Gebiet: respondent}", "both become 'respondent'"),
    (FILE, "file: {path: nothing.csv}", "there is no file"),
    (FILE, "file: {path: {a: b}}", "file: path must be one text"),
    (FILE, "file: {path: answers.csv, decimal: x}", "decimal must be"),
    (FILE, "file: {path: answers.csv, day_first: x}", "day_first must be"),
    (FILE, "file: {path: answers.csv, header_line: 0}", "header_line must be"),
    (FILE, "file: {path: answers.csv, header_line: 99}", "ends before line 99"),
    (FILE, "file: {path: answers.csv, encoding: xyz}", "cannot be read as 'xyz'"),
    (FILE, "file: [answers.csv]", "file must hold"),
    (FILE + "\n", "", "the key file is missing"),
    ("missing: [-99", "missing: [-98", "value '-99': must be at least 1"),
    ("title: Our customers", "title: &x Ours\nnotes: *x", "anchors"),
    ("title: Our customers", "title: [", "line 5, column .*not valid YAML"),
    ("table: survey", "table: survey\ntable: events", "line 3, .*stands twice"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_what_is_wrong_with_a_mapping_is_told_in_one_line(study, old, new, message):
    path = changed(study, old, new)
    with pytest.raises(InputError, match=message) as caught:
        open_mapped(path)
    assert "\n" not in str(caught.value)


def test_a_mapping_that_names_no_column_is_refused(tmp_path):
    with pytest.raises(InputError, match="no column is one of the table survey"):
        small(tmp_path, "a,b\n1,2\n", "table: survey\noutcomes: {o: [c]}\n")
    lines, good = check_path(tmp_path / "their.csv", "survey")  # without a mapping it is no fault
    assert good and "no item stands on a side yet" in lines[-1]


def test_yaml_bombs_are_refused_at_once(tmp_path):
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    for text in ("\n".join(lines), "a: &a [*a]", "a: " + "{a: " * 5000, "", "- a", "a: \xff", "{a: 1}: 2"):
        path.write_bytes(text.encode("latin-1"))
        for typed in (True, False):
            with pytest.raises(InputError):
                read_yaml(path, typed=typed)


def test_columns_called_no_and_codes_with_zeros_stay_what_they_are(tmp_path):
    text = "table: pain\ncolumns: {no: area, on: complaints}\nrecode: {no: {007: bond}}\n"
    (tmp_path / "m.yaml").write_text(text)
    mapping = read_mapping(tmp_path / "m.yaml")
    assert mapping.columns == {"no": "area", "on": "complaints"} and mapping.recode == {"no": {"007": "bond"}}


def test_codes_match_as_numbers_and_missing_acts_on_what_the_file_holds(tmp_path):
    csv = "nps,sex,stays,q\n" + "10.0,1.0,yes,1\n11.0,2.0,no,2\n9.0,1.0,no,0\n" * 5
    survey = small(tmp_path, csv, """
table: survey
missing: [0]
missing_in: {nps: [11]}
recode: {sex: {1: man, 2: woman}, stays: {yes: 1, no: 0}}
ranges: {nps: [0, 10], stays: [0, 1]}
blocks: {product: [q], experience: [stays]}
outcomes: {recommendation: [nps]}
segments: [sex]
""")  # fmt: skip
    assert set(survey.frame["sex"]) == {"man", "woman"} and survey.frame["nps"].isna().sum() == 5
    assert survey.frame["stays"].tolist()[:3] == [1, 0, 0] and survey.frame["q"].isna().sum() == 5


def test_patterns_and_cells_out_of_range(tmp_path):
    csv = "Q7A,Q7B,Q9,out\n" + "1,6,3,4\n0,5,9,5\n2,4,3,1\n" * 3
    mapping = """
table: survey
missing_in: {"Q7*": [0, 6]}
range: [1, 5]
blocks: {product: ["Q7*"], experience: [Q9]}
outcomes: {o: [out]}
"""
    with pytest.raises(InputError, match="column 'Q9', value '9': must be at most 5"):
        small(tmp_path, csv, mapping)
    survey = small(tmp_path, csv, mapping + "out_of_range: missing\n")
    assert survey.blocks["product"] == ["Q7A", "Q7B"]
    assert survey.frame[["Q7A", "Q7B", "Q9"]].isna().sum().tolist() == [3, 3, 3]


def test_wide_to_long_of_ratings_and_of_events(tmp_path):
    wide = "table: ratings\nwide_to_long: {name: statement, values: {label: {s1: s1, s2: s2}}}\n"
    ratings = small(tmp_path, "rater,s1,s2\nx,product,both\ny,experience,both\n", wide).frame
    assert ratings[["statement", "label"]].to_numpy().tolist() == [
        ["s1", "product"], ["s2", "both"], ["s1", "experience"], ["s2", "both"]]  # fmt: skip
    events = small(tmp_path, "who,ordered,paid\na,2026-01-02,2026-01-05\nb,2026-01-03,\n", """
table: events
columns: {who: customer_id}
wide_to_long: {name: event, values: {timestamp: {ordered: ordered, paid: paid}}}
""").frame  # fmt: skip
    assert events["event"].tolist() == ["ordered", "paid", "ordered"] and events["timestamp"].notna().all()
    with pytest.raises(InputError, match="line 3, column 'rater': must not be missing"):
        small(tmp_path, "rater,s1,s2\na,p,e\n,p,e\n", wide)


def test_where_keeps_the_rows_of_one_segment_as_it_is_written(study):
    path, everything = study / "survey.yaml", open_mapped(study / "survey.yaml").frame
    path.write_text(YAML + "where: {segment: north, Q1: 1}\n", encoding="utf-8")
    some = open_mapped(path).frame
    assert 0 < len(some) == ((everything["segment"] == "north") & (everything["Q1"] == 1)).sum()
    for where, message in (("{segmnt: north}", "did you mean 'segment'"), ("{segment: North}", "no row has")):
        path.write_text(YAML + f"where: {where}\n", encoding="utf-8")
        with pytest.raises(InputError, match=message):
            open_mapped(path)


PARAMS = (
    "study: Ours\ntables: {survey: survey.yaml}\nparameters: {bootstrap: 100, stages: {'0': exploration}}\n"
    "notebooks: {'02': {source: x}}\npersonal: []\nmin_cell: 7\n"
)


def test_a_study_is_read(study):
    (study / "params.yaml").write_text(PARAMS)
    read = read_study(study / "params.yaml")
    assert (read.name, read.min_cell) == ("Ours", 7) and read.notebooks == {"02": {"source": "x"}}
    assert read.own == {"bootstrap": 100, "stages": {"0": "exploration"}}
    assert read.tables == {"survey": (study / "survey.yaml").resolve()}
    assert [path.name for path in read.files] == ["params.yaml", "survey.yaml", "answers.csv"]
    assert read == read_study(study) == mapping_of(study / "survey.yaml")[1]


def test_the_files_of_a_study_are_all_that_is_read(tmp_path):
    (tmp_path / "log").mkdir()
    for day in (1, 2):
        (tmp_path / f"log/{day}.csv").write_text(f"customer_id,event,timestamp\na,x,2026-01-0{day}\n")
    (tmp_path / "pain.csv").write_text("area,contacts\nbill,3\n")
    (tmp_path / "work.csv").write_text("id,level,impact,cost,area\np,unit,3,4,bill\n")
    for kind, file in (("events", "log"), ("pain", "pain.csv"), ("initiatives", "work.csv")):
        (tmp_path / f"{kind}.yaml").write_text(f"table: {kind}\nfile: {file}\n")
    (tmp_path / "params.yaml").write_text(
        "tables: {events: events.yaml, pain: pain.yaml, initiatives: initiatives.yaml}\n"
    )
    files = {path.name for path in read_study(tmp_path).files}
    assert files >= {"1.csv", "2.csv", "pain.csv", "work.csv", "params.yaml"}
    assert len(open_mapped(tmp_path / "events.yaml").frame) == 2
    assert open_mapped(tmp_path / "initiatives.yaml").related["pain"]["contacts"].tolist() == [3]
    lines, good = check_path(tmp_path)
    assert good and len([line for line in lines if "as table" in line]) == 3
    (tmp_path / "pain.csv").write_text("area,contacts\nbill,many\n")
    lines, good = check_path(tmp_path / "params.yaml")
    assert not good and "'many': must be a finite number" in lines[-1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("min_cell", "mincell", "did you mean 'min_cell'"),
        ("{survey: survey.yaml}", "{survy: survey.yaml}", "'survey'"),
        ("{survey: survey.yaml}", "{survey: other.yaml}", "file 'other.yaml' of table survey is not there"),
        ("{survey: survey.yaml}", "{survey: [a]}", "tables, survey must be one text"),
        ("{survey: survey.yaml}", "{}", "tables is empty"),
        ("{survey: survey.yaml}", "[survey]", "tables must hold"),
        ("min_cell: 7", "min_cell: 0", "1 or more"),
        ("min_cell: 7", "min_cell: many", "whole number"),
        ("personal: []", "personal: {a: b}", "personal must be a list"),
        ("{source: x}", "x", "must hold 'name: value' lines"),
        ("bootstrap: 100", "bootstrap: {a: {b: 1}}", "parameters, bootstrap must be"),
        ("study: Ours", "study: [1]", "study must be one text"),
    ],
)
def test_what_is_wrong_with_a_study_is_told(study, old, new, message):
    assert old in PARAMS
    (study / "params.yaml").write_text(PARAMS.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_study(study / "params.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said", "fine"),
    [
        ("title", "title", "good: it opens", True),
        ("experience: [Q3]", "experience: []", "no item stands on the side experience", True),
        ("range: [1, 5]", "range: [1, 5]\nmissing_in: {L1: [1, 2, 4, 5], L2: [1, 2, 4, 5]}",
         "is 3 on every row: it can explain nothing", True),
        ("missing: [-99", "missing: [-98", "answers.csv: 1 fault(s), first: line", False),
        (OUTCOMES, "outcomes: {}", "no outcome is named", False),
    ],
)  # fmt: skip
def test_check_says_what_a_report_would_say(study, old, new, said, fine):
    lines, good = check_path(changed(study, old, new))
    assert good == fine and said in "\n".join(lines if fine else lines[-1:])


def test_check_of_a_bare_file(study):
    lines, good = check_path(study / "answers.csv")
    assert good and "as table survey" in lines[0]
    assert any("no item stands on a side yet" in line for line in lines)
    with pytest.raises(InputError, match="choose one"):
        check_path(study / "survey.yaml", "events")
    assert check_path(study / "answers.csv", None, study / "survey.yaml")[1]
