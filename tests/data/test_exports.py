"""The exports that analysts have: each opens without touching the mapping, or says what to decide."""

import json
import re

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from cxlab.data.check import check_path, init_study
from cxlab.data.errors import InputError
from cxlab.data.guess import guess_table, kind_of_table, missing_codes
from cxlab.data.mapping import read_mapping
from cxlab.data.read import read_raw
from cxlab.data.study import open_mapped
from cxlab.data.tables import kind_named
from cxlab.questions.customers import measures

RNG = np.random.default_rng(1)
N = 60
ONE_TO_FIVE = RNG.integers(1, 6, (N, 4)).astype(str)
NPS = RNG.integers(0, 11, N).astype(str)
ODD = RNG.permutation([0, 6] * 10 + [1, 2, 3, 4, 5] * 8).astype(str)
AGREE = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]


def csv(rows, sep=","):
    def cell(text):
        text = str(text)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'{sep}"\n') else text

    return "\n".join(sep.join(map(cell, row)) for row in rows) + "\n"


def start(tmp_path, content, name="their.csv"):
    """Make a study from a file; return what was opened, what was printed, and the mapping."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content if isinstance(content, str) else csv(content), encoding="utf-8")
    lines = init_study(tmp_path / "study", path)
    mapping = read_mapping(next(p for p in (tmp_path / "study").glob("*.yaml") if p.stem != "params"))
    good = check_path(tmp_path / "study")[1]
    return (open_mapped(mapping.path) if good else None), lines, mapping


def rows(head, row):
    """A head and one row for each person: ``row(answers, i)``."""
    return [head.split(","), *(row(answers, i) for i, answers in enumerate(ONE_TO_FIVE))]


PLAIN = rows("id,works,range,service,friendly,recommend,region",
             lambda a, i: [i + 1, *a, NPS[i], "north" if i % 2 else "south"])  # fmt: skip


def test_a_plain_export(tmp_path):
    survey, lines, mapping = start(tmp_path, PLAIN)
    assert survey.sides == {"product": ["works", "range"], "experience": ["service", "friendly"]}
    assert survey.outcomes == {"recommendation": ["recommend"]} and survey.segments == ["segment"]
    assert mapping.columns == {"id": "respondent", "region": "segment"} and survey.scale == (1.0, 5.0)
    assert "guess" in lines[1] and lines[-1].startswith("next:") and len(lines) < 10


def test_qualtrics_has_three_header_rows(tmp_path):
    names = ["StartDate", "Status", "Q1", "Q2", "Q3", "Q4_NPS_GROUP", "Q5"]
    texts = ["Start Date", "Response Type", "The product works without fault", "Staff were friendly",
             "How likely are you to recommend us?", "group", "Comments?"]  # fmt: skip
    ids = [json.dumps({"ImportId": f"QID{i}"}) for i in range(7)]
    body = [["2026-01-02 10:00:00", "IP Address", *ONE_TO_FIVE[i][:2], NPS[i], "", "x"] for i in range(N)]
    survey, _, _ = start(tmp_path, [names, texts, ids, *body])
    assert len(survey.frame) == N
    assert survey.sides == {"product": ["Q1"], "experience": ["Q2"]} and survey.outcome_items == ["Q3"]
    assert survey.label("Q1") == "The product works without fault" and not survey.segments


def test_surveymonkey_has_two_header_rows_and_matrix_items(tmp_path):
    head = ["Respondent ID", "Please rate", "", "", "How likely is it that you would recommend us?"]
    second = ["", "Product quality", "Friendly staff", "Value for money", "Response"]
    body = [[1000 + i, *ONE_TO_FIVE[i][:3], NPS[i]] for i in range(N)]
    survey, _, mapping = start(tmp_path, [head, second, *body])
    assert len(survey.frame) == N and not any("column " in name for name in survey.frame)
    sides = [[survey.label(item) for item in survey.sides[side]] for side in ("product", "experience")]
    assert sides == [["Please rate: Product quality"], ["Please rate: Friendly staff"]]
    assert survey.outcome == "recommendation" and mapping.blocks["price"]


@pytest.mark.parametrize(
    "answers",
    [AGREE,
     ["Very dissatisfied", "Dissatisfied", "Neutral", "Satisfied", "Very satisfied"],
     ["stimme überhaupt nicht zu", "stimme nicht zu", "teils teils", "stimme zu", "stimme voll und ganz zu"],
     ["très insatisfait", "insatisfait", "neutre", "satisfait", "très satisfait"],
     ["muy malo", "malo", "regular", "bueno", "muy bueno"],
     ["nooit", "zelden", "soms", "vaak", "altijd"],
     ["Never", "Rarely", "Sometimes", "Often", "Always"],
     ["Very poor", "Poor", "Fair", "Good", "Very good"]],
)  # fmt: skip
def test_answers_in_words_are_a_scale(tmp_path, answers):
    def row(codes, i):
        first, second, third = (answers[int(code) - 1] for code in codes[:3])
        return ["2026-01-02 10:00:00", first, second if i % 9 else "Prefer not to say", third]

    head = "Zeitstempel,The product works,Our staff is friendly,I would recommend you"
    survey, lines, mapping = start(tmp_path, rows(head, row))
    item = survey.sides["product"][0]
    assert survey.frame[item].tolist() == ONE_TO_FIVE[:, 0].astype(float).tolist()
    assert mapping.scales and mapping.range == (1, 5)
    assert survey.frame[survey.sides["experience"][0]].isna().sum() == len(range(0, N, 9))
    assert any("answers in words" in line for line in lines)


def test_numbers_with_words_at_their_ends(tmp_path):
    ends = {"0": "0 - Not at all likely", "10": "10 - Extremely likely"}
    table = rows("quality,service,likely to recommend", lambda a, i: [*a[:2], ends.get(NPS[i], NPS[i])])
    survey, _, _ = start(tmp_path, table)
    assert survey.frame[survey.outcome].tolist() == [float(n) for n in NPS]


def test_decimal_commas_are_numbers(tmp_path):
    table = rows("quality,service,loyalty,plan", lambda a, i: [f"{a[0]},5", f"{a[1]},0", a[2], "ab"[i % 2]])
    survey, _, _ = start(tmp_path, csv(table, sep=";"))
    assert survey.sides == {"product": ["quality"], "experience": ["service"]} and survey.segments == ["plan"]
    assert survey.frame["quality"].iloc[0] == float(ONE_TO_FIVE[0][0]) + 0.5


def test_few_words_among_numbers_mean_no_answer(tmp_path):
    table = rows("quality,service,loyalty", lambda a, i: [a[0] if i % 4 else "Blank", *a[1:3]])
    survey, lines, mapping = start(tmp_path, table)
    assert mapping.missing_in == {"quality": ["Blank"]} and survey.frame["quality"].isna().sum() == N / 4
    assert any("'Blank'" in line for line in lines) and not survey.segments


def test_codes_belong_to_the_items_that_show_them(tmp_path):
    body = [[i + 1, "99" if i == 7 else a[0], *a[1:3]] for i, a in enumerate(np.tile(ONE_TO_FIVE, (3, 1)))]
    survey, _, mapping = start(tmp_path, [["id", "quality", "service", "loyalty"], *body])
    assert mapping.missing == () and mapping.missing_in == {"quality": ["99"]}
    assert survey.frame["respondent"].notna().all() and len(survey.frame) == 3 * N


def test_a_code_is_missing_only_where_it_cannot_be_an_answer():
    assert missing_codes([str(i) for i in (0, 1, 3, 5, 7, 8, 9, 2, 4, 6)]) == []
    assert missing_codes([*"12345", "9"]) == ["9"] and missing_codes([*"1234567", "9"]) == []
    assert missing_codes([*map(str, range(12))]) == ["11"]
    assert missing_codes(["1", "5", "-99", "98"]) == ["-99", "98"]
    assert missing_codes(["7", "99"], (0, 100)) == []


def test_outcomes_by_their_names(tmp_path):
    for name, values in (("overall", ONE_TO_FIVE[:, 0]), ("NETPRO", NPS), ("loy1", ONE_TO_FIVE[:, 0]),
                         ("churned", RNG.integers(0, 2, N).astype(str)), ("nps", np.char.add(NPS, ".0")),
                         ("satisfaction", np.where(ONE_TO_FIVE[:, 0] > "3", "yes", "no"))):  # fmt: skip
        guess = guessed(tmp_path, rows(f"{name},quality,service", lambda a, i, v=values: [v[i], *a[1:3]]))
        assert [name] in guess.outcomes.values() and guess.segments == [], name


def test_a_column_with_an_outcome_s_name_is_that_outcome(tmp_path):
    survey, _, mapping = start(tmp_path, rows("satisfaction,satisfaction_1,quality,service", lambda a, i: a))
    assert survey is not None and mapping.outcomes["satisfaction"] == ["satisfaction"]


def guessed(tmp_path, table):
    (tmp_path / "x.csv").write_text(csv(table))
    return guess_table(read_raw(tmp_path / "x.csv"), kind_named("survey"))


def test_sides_are_guessed_from_whole_words(tmp_path):
    names = "Please feel free,arrange profit,typically"
    guess = guessed(tmp_path, rows(names + ",quality,service,loyalty", lambda a, i: [*a, *a[:2]]))
    assert guess.blocks["product"] == ["quality"] and guess.blocks["experience"] == ["service"]
    assert guess.other == names.split(",") and not guess.blocks["price"]


def test_several_answers_in_a_cell_are_no_group(tmp_path):
    said = ["mail", "phone;mail", "shop;phone", "shop"]
    table = rows("quality,service,loyalty,channels", lambda a, i: [*a[:3], said[i % 4]])
    assert start(tmp_path, table)[0].segments == []


def test_one_person_on_several_rows_is_a_cluster(tmp_path):
    names = "userID,place,rating,food_rating,service_rating"
    survey, _, _ = start(tmp_path, rows(names, lambda a, i: [f"U{i % 9}", i % 7, *a[:3]]))
    assert survey.clusters == "userID" and survey.frame["userID"].nunique() == 9
    assert survey.sides == {"product": ["food_rating"], "experience": ["service_rating"]}


def test_a_long_file_gets_a_short_mapping_with_short_values(tmp_path):
    many = [f"q{i}_" + "".join(RNG.choice(list("abcdefgh"), 6)) for i in range(300)]
    question = "How satisfied are you with the friendliness of our staff when you think of your last visit?"
    names = ",".join(["quality", question, "loyalty", *many])
    _, lines, mapping = start(tmp_path, rows(names, lambda a, i: [*a[:3], *RNG.integers(1, 6, 300)]))
    text = mapping.path.read_text()
    assert len(text.splitlines()) < 40 and len([line for line in lines if "still to decide" in line]) <= 5
    text = "\n".join(line for line in text.splitlines() if line[0] != "#")
    for part in re.split(r"[,\n\[\]]", text):
        assert len(part.strip(' "')) < 110


def test_spss_with_labels_and_missing_codes(tmp_path):
    frame = pd.DataFrame(ONE_TO_FIVE[:, :2].astype(float), columns=["Q1", "Q2"])
    frame = frame.assign(nps=NPS.astype(float), sex=[1.0, 2.0] * (N // 2))
    frame.loc[0, "Q1"] = 99.0
    agree = {float(i + 1): text for i, text in enumerate(AGREE)}
    pyreadstat.write_sav(
        frame, str(tmp_path / "x.sav"), missing_ranges={"Q1": [99]},
        column_labels=["The product works", "Our staff is friendly", "Would recommend", "Sex"],
        variable_value_labels={"Q1": agree, "Q2": agree, "sex": {1.0: "woman", 2.0: "man"}},
    )  # fmt: skip
    survey, _, _ = start(tmp_path, None, "x.sav")
    assert survey.sides == {"product": ["Q1"], "experience": ["Q2"]}
    assert survey.label("Q1") == "The product works"
    assert np.isnan(survey.frame["Q1"].iloc[0]) and set(survey.frame["sex"]) == {"woman", "man"}
    for write, end in (("dta", "dta"), ("xport", "xpt"), ("por", "por")):
        getattr(pyreadstat, f"write_{write}")(frame.rename(columns=str.upper), str(tmp_path / f"x.{end}"))
        assert len(read_raw(tmp_path / f"x.{end}").types) == 4


EVENT_TIMES = pd.Timestamp("2026-03-08 06:30:00")
MICRO = int(EVENT_TIMES.timestamp() * 1e6)
LOGS = {
    "mixpanel": {"event": "visit",
                 "properties": {"distinct_id": "a", "time": MICRO // 10**6, "tags": ["x", "y"]}},
    "amplitude": {"user_id": "a", "event_type": "visit", "event_time": f"{EVENT_TIMES}.0", "amplitude_id": 9},
    "segment": {"userId": "a", "event": "visit", "type": "track", "timestamp": "2026-03-08T06:30:00.000Z"},
    "ga4": {"user_pseudo_id": "1.10", "event_name": "visit", "event_timestamp": str(MICRO),
            "device": {"os": "x"},
            "event_params": [{"key": "ga_session_id", "value": {"int_value": 7, "string_value": None}}]},
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "lines", "csv", "parquet"])
@pytest.mark.parametrize("tool", LOGS)
def test_event_logs_of_the_usual_tools(tool, form, tmp_path):
    records, path = [LOGS[tool]] * 3, tmp_path / "log"
    if form == "json":
        path.write_text(json.dumps(records))
    elif form == "lines":
        path.write_text("\n".join(map(json.dumps, records)))
    elif form == "csv":
        pd.json_normalize(records).to_csv(path, index=False)
    else:
        pq.write_table(pa.Table.from_pylist(records), path)
    assert kind_of_table(read_raw(path, large=True)) == "events"
    events, _, _ = start(tmp_path, None, "log")
    assert events.frame["event"].tolist() == ["visit"] * 3 and len(events.frame) == 3
    assert (events.frame["timestamp"] == EVENT_TIMES).all() and events.frame["customer_id"].nunique() == 1


def test_a_help_desk_log_with_numbered_activities(tmp_path):
    body = [[i // 4, i % 4, f"2026-01-{1 + i % 28:02d} 10:00:00"] for i in range(80)]
    events, _, mapping = start(tmp_path, csv([["case_id", "activity", "timestamp"], *body], sep=";"))
    assert mapping.columns == {"case_id": "customer_id", "activity": "event", "timestamp": "timestamp"}
    assert events.frame["event"].tolist()[:4] == ["0", "1", "2", "3"]


def test_ids_and_events_are_text(tmp_path):
    odd = [("1.1", "TRUE"), ("1.10", "007"), ("18123.17718", "1e3")]
    body = [(*pair, "2026-01-01") for pair in [*odd, *((i, "x") for i in range(30))]]
    events, _, mapping = start(tmp_path, [["customer_id", "event", "timestamp"], *body])
    assert events.frame["event"].tolist()[:3] == ["TRUE", "007", "1e3"]
    assert events.frame["customer_id"].nunique() == 33
    text = re.sub("(?m)^personal:.*", "", mapping.path.read_text())
    mapping.path.write_text(text + "\npersonal: [customer_id]\n")
    assert open_mapped(mapping.path).frame["customer_id"].tolist()[:3] == [name for name, _ in odd]


def test_numeric_ids_and_then_a_guest(tmp_path):
    body = [(name, "x", "2026-01-01") for name in [*range(21_000), "guest-1"]]
    events, _, _ = start(tmp_path, [["customer_id", "event", "timestamp"], *body])
    assert len(events.frame) == 21_001 and events.frame["customer_id"].nunique() == 21_001


def test_a_date_beside_a_time_of_day_is_joined(tmp_path):
    body = [[i % 5, "x", f"2026-01-{1 + i % 9:02d}", f"{i % 24}:30"] for i in range(40)]
    events, _, mapping = start(tmp_path, [["user", "action", "Date", "Time"], *body])
    assert mapping.columns["Date + Time"] == "timestamp"
    assert str(events.frame["timestamp"].iloc[3]) == "2026-01-04 03:30:00"


def test_ambiguous_days_are_asked(tmp_path):
    log = "customer_id,event,timestamp\n" + "a,x,03/04/2026 10:00:00 AM\n" * 3
    found, lines, mapping = start(tmp_path, log)
    assert found is None and any("day or month first" in line for line in lines)
    path = mapping.path
    path.write_text(path.read_text().replace("  path:", "  day_first: true\n  path:"))
    assert str(open_mapped(path).frame["timestamp"].iloc[0]) == "2026-04-03 10:00:00"


def test_excel_headers(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["quality", None, 2025, "service", "loyalty"])
    for row in ONE_TO_FIVE:
        book.active.append([int(row[0]), "x", 1, int(row[1]), int(row[2])])
    book.save(tmp_path / "x.xlsx")
    assert list(read_raw(tmp_path / "x.xlsx").types) == ["quality", "column 2", "2025", "service", "loyalty"]
    survey, _, _ = start(tmp_path, None, "x.xlsx")
    assert survey.sides == {"product": ["quality"], "experience": ["service"]}


def test_the_table_is_guessed_and_said(tmp_path):
    heads = {
        "ratings": "rater,statement,label\na,s1,product\nb,s1,experience\n",
        "initiatives": "project,scope,benefit,budget\np,unit,3,4\n",
        "accounts": "account,level,score\na,company,4\n",
        "vignette": "person,stock,courtesy,satisfaction\na,1,0,4\n",
        "stages": "customer,stage,passed\na,purchase,yes\n",
        "contacts": "customer,reason,second_reason\na,bill,bill\n",
        "visits": "store,visitor,rating,timestamp\ns1,a,4,2026-01-01\n",
        "survey": csv(PLAIN),
    }
    for kind, text in heads.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text(text)
        assert kind_of_table(read_raw(path, large=True)) == kind
    assert "taken for the table ratings" in init_study(tmp_path / "study", tmp_path / "ratings.csv")[0]
    lines = init_study(tmp_path / "study", tmp_path / "stages.csv")
    assert "tables:" in (tmp_path / "study/params.yaml").read_text() and "next:" in lines[-1]
    with pytest.raises(InputError, match="already"):
        init_study(tmp_path / "study", tmp_path / "stages.csv")
    init_study(tmp_path / "study", tmp_path / "stages.csv", force=True)
    assert (tmp_path / "study/stages.yaml.bak").is_file()
    with pytest.raises(InputError, match="is a file"):
        init_study(tmp_path / "stages.csv", tmp_path / "stages.csv")


def test_open_answers_are_proposed_as_texts(tmp_path):
    said = [f"Number {i}: nobody at the counter could tell me anything at all about it." for i in range(N)]
    table = rows("quality,service,loyalty,what happened", lambda a, i: [*a[:3], said[i]])
    survey, _, mapping = start(tmp_path, table)
    assert mapping.roles == {"text": ["what happened"]} and survey.frame["what happened"].tolist() == said


FORMS = {
    "Microsoft Forms": "ID,Start time,Completion time,Email,Name,The product works without fault,"
    "How friendly were our staff?,How likely are you to recommend us to a friend or colleague?",
    "Typeform": "#,The product works without fault,How friendly were our staff?,"
    "How likely are you to recommend us?,Response Type,Start Date (UTC),Stage Date (UTC),"
    "Submit Date (UTC),Network ID,Tags",
    "LimeSurvey": "id. Response ID,submitdate. Date submitted,lastpage. Last page,"
    "startlanguage. Start language,seed. Seed,G1Q1[SQ001]. Please rate: [The product works],"
    "G1Q1[SQ002]. Please rate: [Staff are friendly],G1Q2. Would you recommend us?",
    "Alchemer": "Response ID,Time Started,Date Submitted,Status,Contact ID,Legacy Comments,Language,"
    "Product works without fault:Please rate,Friendly staff:Please rate,How likely are you to recommend us?",
}


@pytest.mark.parametrize("tool", FORMS)
def test_forms_of_the_usual_tools(tool, tmp_path):
    def cell(name, i):
        plain = name.casefold()
        if "recommend" in plain:
            return NPS[i]
        if "product works" in plain or "friendly" in plain or "staff" in plain:
            return ONE_TO_FIVE[i][len(plain) % 4]
        if "date" in plain or "time" in plain:
            return f"2026-01-{1 + i % 28:02d} 10:{i:02d}:00"
        given = {"email": f"a{i}@example.org", "name": "", "status": "Complete", "language": "English"}
        return given.get(plain, i + 1)

    head = FORMS[tool].split(",")
    survey, _, _ = start(tmp_path, [head, *[[cell(name, i) for name in head] for i in range(N)]])
    sides = {side: [survey.label(item) for item in items] for side, items in survey.sides.items()}
    assert len(sides["product"]) == len(sides["experience"]) == 1
    assert "works" in sides["product"][0] and "riendly" in sides["experience"][0]
    assert "recommend" in survey.label(survey.outcome_items[0]) and survey.frame[survey.outcome].notna().all()
    assert survey.date and survey.segments == []
    assert not survey.frame.astype(str).isin(["a1@example.org"]).any(axis=None)


def test_what_was_expected_stands_apart_from_what_was_got(tmp_path):
    head = "quality,expected_quality,service,erwartete Qualität,recommend"
    _, _, mapping = start(tmp_path, rows(head, lambda a, i: [*a, NPS[i]]))
    assert mapping.blocks["expectation"] == ["expected_quality", "erwartete Qualität"]
    assert mapping.blocks["product"] == ["quality"]


@pytest.mark.parametrize(("codes", "said"), [("", 1), ("missing_in: {quality: [0, 6]}\n", 0)])
def test_codes_beside_a_scale_count_as_answers_until_the_owner_says_so(tmp_path, codes, said):
    start(tmp_path, rows("quality,service,nps", lambda a, i: [ODD[i], ODD[-i], NPS[i]]))
    path = tmp_path / "study" / "survey.yaml"
    path.write_text(path.read_text() + codes)
    assert sum("0 and 6 count as answers" in line for line in check_path(path)[0]) == said


def test_the_two_best_answers_are_those_of_the_outcome_s_own_scale(tmp_path):
    head = "quality,food,service,csat"
    survey, _, _ = start(tmp_path, rows(head, lambda a, i: [ODD[i], ODD[-i], ODD[i - 7], a[0]]))
    best = (survey.frame["csat"] >= 4).mean()
    assert survey.scale == (0, 6) and measures(survey)[0].scores.mean() == pytest.approx(best)
