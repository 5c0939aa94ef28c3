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
AGREE = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]


def csv(rows, sep=","):
    def cell(text):
        text = str(text)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'{sep}"\n') else text

    return "\n".join(sep.join(map(cell, row)) for row in rows) + "\n"


def start(tmp_path, content, name="their.csv", table=None):
    """Make a study from a file; return what was opened, what was printed, and the mapping."""
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content, encoding="utf-8")
    lines = init_study(tmp_path / "study", path, table)
    kind = next(p for p in (tmp_path / "study").glob("*.yaml") if p.stem != "params").stem
    mapping = read_mapping(tmp_path / "study" / f"{kind}.yaml")
    _, good = check_path(tmp_path / "study")
    return (open_mapped(mapping.path) if good else None), lines, mapping


def rows(*, nps="recommend", items=("works", "range", "service", "friendly")):
    yield ["id", *items, nps, "region"]
    for i in range(N):
        yield [i + 1, *ONE_TO_FIVE[i], NPS[i], "north" if i % 2 else "south"]


def test_a_plain_export(tmp_path):
    survey, lines, mapping = start(tmp_path, csv(rows()))
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
    survey, _, _ = start(tmp_path, csv([names, texts, ids, *body]))
    assert len(survey.frame) == N
    assert survey.sides == {"product": ["Q1"], "experience": ["Q2"]} and survey.outcome_items == ["Q3"]
    assert survey.label("Q1") == "The product works without fault" and not survey.segments


def test_surveymonkey_has_two_header_rows_and_matrix_items(tmp_path):
    head = ["Respondent ID", "Please rate", "", "", "How likely is it that you would recommend us?"]
    second = ["", "Product quality", "Friendly staff", "Value for money", "Response"]
    body = [[1000 + i, *ONE_TO_FIVE[i][:3], NPS[i]] for i in range(N)]
    survey, _, mapping = start(tmp_path, csv([head, second, *body]))
    assert len(survey.frame) == N and not any("column " in name for name in survey.frame)
    sides = {side: [survey.label(item) for item in items] for side, items in survey.sides.items()}
    assert sides == {
        "product": ["Please rate: Product quality"],
        "experience": ["Please rate: Friendly staff"],
    }
    assert survey.outcome == "recommendation" and mapping.blocks["price"]


@pytest.mark.parametrize(
    ("answers", "highest"),
    [(AGREE, 5),
     (["Very dissatisfied", "Dissatisfied", "Neutral", "Satisfied", "Very satisfied"], 5),
     (["stimme überhaupt nicht zu", "stimme nicht zu", "teils teils", "stimme zu",
     "stimme voll und ganz zu"], 5),
     (["très insatisfait", "insatisfait", "neutre", "satisfait", "très satisfait"], 5),
     (["muy malo", "malo", "regular", "bueno", "muy bueno"], 5),
     (["nooit", "zelden", "soms", "vaak", "altijd"], 5),
     (["Never", "Rarely", "Sometimes", "Often", "Always"], 5),
     (["Very poor", "Poor", "Fair", "Good", "Very good"], 5)],
)  # fmt: skip
def test_answers_in_words_are_a_scale(tmp_path, answers, highest):
    words = [[answers[int(cell) - 1] for cell in row] for row in ONE_TO_FIVE]
    head = ["Zeitstempel", "The product works", "Our staff is friendly", "I would recommend you"]
    body = [
        ["2026-01-02 10:00:00", words[i][0], words[i][1] if i % 9 else "Prefer not to say", words[i][2]]
        for i in range(N)
    ]
    survey, lines, mapping = start(tmp_path, csv([head, *body]))
    item = survey.sides["product"][0]
    assert survey.frame[item].tolist() == [float(row[0]) for row in ONE_TO_FIVE]
    assert mapping.scales and mapping.range == (1, highest)
    assert survey.frame[survey.sides["experience"][0]].isna().sum() == len(range(0, N, 9))
    assert any("answers in words" in line for line in lines)


def test_numbers_with_words_at_their_ends(tmp_path):
    ends = {"0": "0 - Not at all likely", "10": "10 - Extremely likely"}
    body = [[row[0], row[1], ends.get(n, n)] for row, n in zip(ONE_TO_FIVE, NPS, strict=True)]
    survey, _, _ = start(tmp_path, csv([["quality", "service", "likely to recommend"], *body]))
    assert survey.frame[survey.outcome].tolist() == [float(n) for n in NPS]


def test_decimal_commas_are_numbers(tmp_path):
    body = [
        [f"{row[0]},5", f"{row[1]},0", row[2], "a" if i % 2 else "b"] for i, row in enumerate(ONE_TO_FIVE)
    ]
    survey, _, _ = start(tmp_path, csv([["quality", "service", "loyalty", "plan"], *body], sep=";"))
    assert survey.sides == {"product": ["quality"], "experience": ["service"]} and survey.segments == ["plan"]
    assert survey.frame["quality"].iloc[0] == float(ONE_TO_FIVE[0][0]) + 0.5


def test_few_words_among_numbers_mean_no_answer(tmp_path):
    body = [["Blank" if i % 4 == 0 else row[0], row[1], row[2]] for i, row in enumerate(ONE_TO_FIVE)]
    survey, lines, mapping = start(tmp_path, csv([["quality", "service", "loyalty"], *body]))
    assert mapping.missing_in == {"quality": ["Blank"]} and survey.frame["quality"].isna().sum() == N / 4
    assert any("'Blank'" in line for line in lines) and not survey.segments


def test_codes_belong_to_the_items_that_show_them(tmp_path):
    body = [
        [i + 1, "99" if i == 7 else row[0], row[1], row[2]]
        for i, row in enumerate([*ONE_TO_FIVE, *ONE_TO_FIVE, *ONE_TO_FIVE])
    ]
    survey, _, mapping = start(tmp_path, csv([["id", "quality", "service", "loyalty"], *body]))
    assert mapping.missing == () and mapping.missing_in == {"quality": ["99"]}
    assert survey.frame["respondent"].notna().all() and len(survey.frame) == 3 * N


def test_a_code_is_missing_only_where_it_cannot_be_an_answer():
    assert missing_codes([str(i) for i in (0, 1, 3, 5, 7, 8, 9, 2, 4, 6)]) == []
    assert missing_codes([*"12345", "9"]) == ["9"] and missing_codes([*"1234567", "9"]) == []
    assert missing_codes([*map(str, range(12))]) == ["11"]
    assert (
        missing_codes(["1", "5", "-99", "98"]) == ["-99", "98"] and missing_codes(["7", "99"], (0, 100)) == []
    )


def test_outcomes_by_their_names(tmp_path):
    for name, values in (("overall", ONE_TO_FIVE[:, 0]), ("NETPRO", NPS), ("loy1", ONE_TO_FIVE[:, 0]),
                         ("churned", RNG.integers(0, 2, N).astype(str)), ("nps", np.char.add(NPS, ".0")),
                         ("satisfaction", np.where(ONE_TO_FIVE[:, 0] > "3", "yes", "no"))):  # fmt: skip
        body = [[value, row[1], row[2]] for value, row in zip(values, ONE_TO_FIVE, strict=True)]
        path = tmp_path / "x.csv"
        path.write_text(csv([[name, "quality", "service"], *body]))
        guess = guess_table(read_raw(path), kind_named("survey"))
        assert [name] in guess.outcomes.values(), name
        assert guess.segments == []


def test_sides_are_guessed_from_whole_words(tmp_path):
    names = ["Please feel free", "arrange profit", "typically", "quality", "service", "loyalty"]
    path = tmp_path / "x.csv"
    path.write_text(csv([names, *[[*row, row[0], row[1]] for row in ONE_TO_FIVE]]))
    guess = guess_table(read_raw(path), kind_named("survey"))
    assert guess.blocks["product"] == ["quality"] and guess.blocks["experience"] == ["service"]
    assert guess.other == names[:3] and not guess.blocks["price"]


def test_several_answers_in_a_cell_are_no_group(tmp_path):
    body = [
        [*row[:3], ["mail", "phone;mail", "shop;phone", "shop"][i % 4]] for i, row in enumerate(ONE_TO_FIVE)
    ]
    survey, _, _ = start(tmp_path, csv([["quality", "service", "loyalty", "channels"], *body]))
    assert survey.segments == []


def test_one_person_on_several_rows_is_a_cluster(tmp_path):
    body = [[f"U{i % 9}", i % 7, *row[:3]] for i, row in enumerate(ONE_TO_FIVE)]
    survey, _, _ = start(
        tmp_path, csv([["userID", "place", "rating", "food_rating", "service_rating"], *body])
    )
    assert survey.clusters == "userID" and survey.frame["userID"].nunique() == 9
    assert survey.sides == {"product": ["food_rating"], "experience": ["service_rating"]}


def test_a_long_file_gets_a_short_mapping_with_short_values(tmp_path):
    many = [f"q{i}_" + "".join(RNG.choice(list("abcdefgh"), 6)) for i in range(300)]
    question = (
        "How satisfied are you with the friendliness of our staff, thinking of your last visit in July?"
    )
    body = [[*row, *RNG.integers(1, 6, 300)] for row in ONE_TO_FIVE[:, :3]]
    _, lines, mapping = start(tmp_path, csv([["quality", question, "loyalty", *many], *body]))
    text = mapping.path.read_text()
    assert len(text.splitlines()) < 40 and len([line for line in lines if "still to decide" in line]) <= 5
    text = "\n".join(line for line in text.splitlines() if line[0] != "#")
    for part in re.split(r"[,\n\[\]]", text):
        assert len(part.strip(' "')) < 110


def test_spss_with_labels_and_missing_codes(tmp_path):
    frame = pd.DataFrame({"Q1": ONE_TO_FIVE[:, 0].astype(float), "Q2": ONE_TO_FIVE[:, 1].astype(float),
                          "nps": NPS.astype(float), "sex": [1.0, 2.0] * (N // 2)})  # fmt: skip
    frame.loc[0, "Q1"] = 99.0
    agree = {float(i + 1): text for i, text in enumerate(AGREE)}
    pyreadstat.write_sav(
        frame, str(tmp_path / "x.sav"), missing_ranges={"Q1": [99]},
        column_labels=["The product works", "Our staff is friendly", "Would recommend", "Sex"],
        variable_value_labels={"Q1": agree, "Q2": agree, "sex": {1.0: "woman", 2.0: "man"}},
    )  # fmt: skip
    survey, _, _ = start(tmp_path, None, "x.sav")
    assert (
        survey.sides == {"product": ["Q1"], "experience": ["Q2"]}
        and survey.label("Q1") == "The product works"
    )
    assert np.isnan(survey.frame["Q1"].iloc[0]) and set(survey.frame["sex"]) == {"woman", "man"}
    for write, name in (
        (pyreadstat.write_dta, "x.dta"),
        (pyreadstat.write_xport, "x.xpt"),
        (pyreadstat.write_por, "x.por"),
    ):
        write(frame.rename(columns=str.upper), str(tmp_path / name))
        assert len(read_raw(tmp_path / name).types) == 4


EVENT_TIMES = pd.Timestamp("2026-03-08 06:30:00")
MICRO = int(EVENT_TIMES.timestamp() * 1e6)
LOGS = {
    "mixpanel": [{"event": "visit", "properties": {"distinct_id": "a", "time": MICRO // 10**6, "tags": ["x",
    "y"]}}],
    "amplitude": [{"user_id": "a", "event_type": "visit", "event_time": "2026-03-08 06:30:00.000",
    "amplitude_id": 9}],
    "segment": [{"userId": "a", "event": "visit", "type": "track", "timestamp": "2026-03-08T06:30:00.000Z"}],
    "ga4": [{"user_pseudo_id": "1.10", "event_name": "visit", "event_timestamp": str(MICRO),
    "device": {"os": "x"},
             "event_params": [{"key": "ga_session_id", "value": {"int_value": 7, "string_value": None}}]}],
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "lines", "csv", "parquet"])
@pytest.mark.parametrize("tool", LOGS)
def test_event_logs_of_the_usual_tools(tool, form, tmp_path):
    records = [row | {} for row in LOGS[tool] for _ in range(3)]
    path = tmp_path / "log"
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
    log = "case_id;activity;timestamp\n" + "".join(
        f"{i // 4};{i % 4};2026-01-{1 + i % 28:02d} 10:00:00\n" for i in range(80)
    )
    events, _, mapping = start(tmp_path, log)
    assert mapping.columns == {"case_id": "customer_id", "activity": "event", "timestamp": "timestamp"}
    assert events.frame["event"].tolist()[:4] == ["0", "1", "2", "3"]


def test_ids_and_events_are_text(tmp_path):
    log = (
        "customer_id,event,timestamp\n1.1,TRUE,2026-01-01\n1.10,007,2026-01-01\n18123.17718,1e3,2026-01-01\n"
    )
    events, _, mapping = start(tmp_path, log + "".join(f"{i},x,2026-01-01\n" for i in range(30)))
    assert (
        events.frame["event"].tolist()[:3] == ["TRUE", "007", "1e3"]
        and events.frame["customer_id"].nunique() == 33
    )
    kept = open_mapped(_with(mapping.path, personal="[customer_id]"))
    assert kept.frame["customer_id"].tolist()[:3] == ["1.1", "1.10", "18123.17718"]


def _with(path, **keys):
    text = path.read_text()
    for key, value in keys.items():
        text = (
            "\n".join(line for line in text.splitlines() if not line.startswith(f"{key}:"))
            + f"\n{key}: {value}\n"
        )
    path.write_text(text)
    return path


def test_numeric_ids_and_then_a_guest(tmp_path):
    log = (
        "customer_id,event,timestamp\n"
        + "".join(f"{i},x,2026-01-01\n" for i in range(21_000))
        + "guest-1,x,2026-01-01\n"
    )
    events, _, _ = start(tmp_path, log)
    assert len(events.frame) == 21_001 and events.frame["customer_id"].nunique() == 21_001


def test_a_date_beside_a_time_of_day_is_joined(tmp_path):
    log = "user,action,Date,Time\n" + "".join(
        f"{i % 5},x,2026-01-{1 + i % 9:02d},{i % 24}:30\n" for i in range(40)
    )
    events, _, mapping = start(tmp_path, log)
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
        "survey": csv(rows()),
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
    body = [[*row[:3], text] for row, text in zip(ONE_TO_FIVE, said, strict=True)]
    survey, _, mapping = start(tmp_path, csv([["quality", "service", "loyalty", "what happened"], *body]))
    assert mapping.roles == {"text": ["what happened"]} and survey.frame["what happened"].tolist() == said


FORMS = {
    "Microsoft Forms": ["ID", "Start time", "Completion time", "Email", "Name",
    "The product works without fault",
                        "How friendly were our staff?",
                        "How likely are you to recommend us to a friend or colleague?"],
    "Typeform": ["#", "The product works without fault", "How friendly were our staff?",
                 "How likely are you to recommend us?", "Response Type", "Start Date (UTC)",
                 "Stage Date (UTC)",
                 "Submit Date (UTC)", "Network ID", "Tags"],
    "LimeSurvey": ["id. Response ID", "submitdate. Date submitted", "lastpage. Last page",
    "startlanguage. Start language",
                   "seed. Seed", "G1Q1[SQ001]. Please rate: [The product works]",
                   "G1Q1[SQ002]. Please rate: [Staff are friendly]",
                   "G1Q2. Would you recommend us?"],
    "Alchemer": ["Response ID", "Time Started", "Date Submitted", "Status", "Contact ID", "Legacy Comments",
    "Language",
                 "Product works without fault:Please rate", "Friendly staff:Please rate",
                 "How likely are you to recommend us?"],
}  # fmt: skip


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
        return {"email": f"a{i}@example.org", "name": "", "status": "Complete", "language": "English"}.get(
            plain, i + 1
        )

    head = FORMS[tool]
    survey, _, _ = start(tmp_path, csv([head, *[[cell(name, i) for name in head] for i in range(N)]]))
    sides = {side: [survey.label(item) for item in items] for side, items in survey.sides.items()}
    assert len(sides["product"]) == len(sides["experience"]) == 1
    assert "works" in sides["product"][0] and "riendly" in sides["experience"][0]
    assert "recommend" in survey.label(survey.outcome_items[0]) and survey.frame[survey.outcome].notna().all()
    assert (
        survey.date
        and survey.segments == []
        and not survey.frame.astype(str).isin(["a1@example.org"]).any(axis=None)
    )


def test_what_was_expected_stands_apart_from_what_was_got(tmp_path):
    head = ["quality", "expected_quality", "service", "erwartete Qualität", "recommend"]
    _, _, mapping = start(tmp_path, csv([head, *([*ONE_TO_FIVE[i], NPS[i]] for i in range(N))]))
    assert mapping.blocks["expectation"] == ["expected_quality", "erwartete Qualität"]
    assert mapping.blocks["product"] == ["quality"]


@pytest.mark.parametrize(("codes", "said"), [("", 1), ("missing_in: {quality: [0, 6]}\n", 0)])
def test_codes_beside_a_scale_count_as_answers_until_the_owner_says_so(tmp_path, codes, said):
    odd = RNG.permutation([0, 6] * 10 + [1, 2, 3, 4, 5] * 8).astype(str)
    start(tmp_path, csv([["quality", "service", "nps"], *([odd[i], odd[-i], NPS[i]] for i in range(N))]))
    path = tmp_path / "study" / "survey.yaml"
    path.write_text(path.read_text() + codes)
    assert sum("0 and 6 count as answers" in line for line in check_path(path)[0]) == said


def test_the_two_best_answers_are_those_of_the_outcome_s_own_scale(tmp_path):
    odd = RNG.permutation([0, 6] * 10 + [1, 2, 3, 4, 5] * 8).astype(str)
    body = [[odd[i], odd[-i], odd[i - 7], *ONE_TO_FIVE[i][:1]] for i in range(N)]
    survey, _, _ = start(tmp_path, csv([["quality", "food", "service", "csat"], *body]))
    best = (survey.frame["csat"] >= 4).mean()
    assert survey.scale == (0, 6) and measures(survey)[0].scores.mean() == pytest.approx(best)
