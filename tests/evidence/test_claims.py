"""The coded debate: complete, covered, located, paraphrased; what is wrong is told in one sentence."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from cxlab.evidence.claims import check_evidence, check_links, load_evidence
from cxlab.evidence.errors import InputError
from cxlab.evidence.forms import read_form, survey_form, survey_template

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "evidence"


@pytest.fixture(scope="module")
def evidence():
    return load_evidence()


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "evidence")
    return tmp_path / "evidence"


def change(folder, name, find, put):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, put, 1), encoding="utf-8")


def test_everything_hangs_together():
    lines = check_evidence()
    assert len(lines) == 3 and "rules" in lines[1]


def test_every_claim_has_its_location(evidence):
    assert len(evidence.claims) >= 119
    assert evidence.claims["location"].str.fullmatch(r"post|comment \d+").all()
    assert evidence.claims["lines"].ne("").all() and evidence.claims["paraphrase"].ne("").all()
    assert set(evidence.claims["location"]) == {"post", *(f"comment {i}" for i in range(1, 20))}


def test_every_testable_claim_and_idea_has_a_number_or_a_reason(evidence):
    coverage = evidence.coverage
    assert (coverage["record"].ne("") ^ coverage["reason"].ne("")).all()
    assert set(evidence.claims["claim_id"]) | set(evidence.ideas["idea_id"]) == set(coverage["claim"])
    known = set(zip(evidence.records["notebook"], evidence.records["record"], strict=True))
    used = coverage[coverage["record"].ne("")]
    assert set(zip(used["notebook"], used["record"], strict=True)) <= known


def test_both_codings_are_kept_and_differences_have_a_reason(evidence):
    for table in (evidence.codings, evidence.link_codings):
        differ = table["first"] != table["second"]
        assert differ.any() and table.loc[differ, "reason"].ne("").all()
        assert (table.loc[~differ, "settled"] == table.loc[~differ, "first"]).all()
    settled = evidence.link_codings[evidence.link_codings["settled"].ne("")]
    assert set(zip(settled["from_claim"], settled["to_claim"], strict=True)) == set(
        zip(evidence.links["from_claim"], evidence.links["to_claim"], strict=True)
    )


def test_stances_are_the_settled_ones(evidence):
    wide = evidence.codings.pivot(index="claim_id", columns="scale", values="settled")
    for scale in ("stance_drivers", "stance_scope"):
        stored = evidence.claims.set_index("claim_id")[scale]
        expected = pd.to_numeric(wide[scale].replace("", None)).astype("Float64").reindex(stored.index)
        pd.testing.assert_series_equal(stored, expected, check_names=False)


def words(text):
    text = re.sub(r"['’‘`´]", "", unicodedata.normalize("NFKC", text).lower())
    return re.findall(r"[^\W_]+", text)


def committed_texts():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name] or [
        p for room in ("data/evidence", "notebooks", "lib/cxlab", "tests") for p in (ROOT / room).rglob("*")
    ]
    kinds = {".md", ".csv", ".toml", ".py", ".ipynb", ".html", ".txt", ".cff", ".yml"}
    skip = {"word_runs.txt", "constraints.txt", "requirements.lock"}
    return [
        p
        for p in paths
        if p.is_file() and p.suffix in kinds and p.name not in skip and "samples" not in p.parts
    ]


def test_no_six_words_in_a_row_as_in_the_articles():
    lines = (FOLDER / "word_runs.txt").read_text(encoding="utf-8").splitlines()
    hashes = {line for line in lines if not line.startswith("#")}
    assert len(hashes) > 9_000
    texts = committed_texts()
    assert len(texts) > 30
    found = []
    for path in texts:
        run = words(path.read_text(encoding="utf-8", errors="replace").replace("\\n", " "))
        for i in range(len(run) - 5):
            six = " ".join(run[i : i + 6])
            if hashlib.sha256(six.encode()).hexdigest()[:10] in hashes:
                found.append(f"{path.name}: {six}")
    assert found == []


@pytest.mark.parametrize(
    ("name", "find", "put", "message"),
    [
        ("links.csv", "P1,P3,", "P1,Z9,", "no claim 'Z9'"),
        ("links.csv", "P1,P3,", "P3,P3,", "links to itself"),
        ("claims.csv", "P2,author", "P1,author", "stands twice"),
        ("coverage.csv", "C18m,", "C99z,", "no claim 'C99z'"),
        ("claims.csv", "paraphrase,", "words,", "lacks the column paraphrase"),
    ],
)
def test_a_fault_in_a_table_is_one_sentence(copy, name, find, put, message):
    change(copy, name, find, put)
    with pytest.raises(InputError, match=message):
        check_evidence(copy)


def test_a_duplicate_link_is_refused(evidence):
    twice = pd.concat([evidence.links, evidence.links.iloc[[0]]], ignore_index=True)
    with pytest.raises(InputError, match="stands twice"):
        check_links(evidence.claims, twice)
    with pytest.raises(InputError, match="allowed are attack and support"):
        check_links(evidence.claims, evidence.links.assign(relation="doubt"))


def test_a_testable_claim_without_rule_or_reason_is_refused(copy):
    text = (copy / "coverage.csv").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("C18m,")]
    (copy / "coverage.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="C18m: testable, but without a rule"):
        check_evidence(copy)


def test_forms_hold_thirty_statements_in_two_wordings(evidence):
    one, two = (survey_template(evidence.statements, wording=w) for w in (1, 2))
    assert len(one) == len(two) >= 30
    assert (one["text"] != two["text"]).all() and one["text"].ne("").all()
    page = survey_form(evidence.statements)
    assert page.count("<tr>") == len(one) + 1 and "<script" not in page and "http" not in page
    for form in ("meanings", "texts", "sentences"):
        assert len(survey_template(evidence.statements, form=form)) >= 12
    with pytest.raises(InputError, match="second one"):
        survey_template(evidence.statements, form="meanings", wording=2)


def test_a_filled_form_comes_back(evidence, tmp_path):
    form = survey_template(evidence.statements).assign(rater="a", label="Product")
    form.loc[3, "label"] = ""
    form.to_csv(tmp_path / "form.csv", index=False)
    back = read_form(tmp_path / "form.csv", evidence.statements)
    assert (
        back["label"].value_counts().to_dict() == {"product": len(form) - 1}
        and back["label"].isna().sum() == 1
    )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.assign(label=""), "is empty"),
        (lambda f: f.assign(label="maybe"), "label 'maybe'"),
        (lambda f: f.assign(label="both", rater=""), "without a rater"),
        (lambda f: f.assign(label="both", statement="s99"), "no statement 's99'"),
        (lambda f: f.assign(label="both", statement="s01"), "labels s01 twice"),
        (lambda f: f.drop(columns="rater"), "lacks the column rater"),
    ],
)
def test_a_wrong_form_is_one_sentence(evidence, tmp_path, edit, message):
    edit(survey_template(evidence.statements).assign(rater="a")).to_csv(tmp_path / "form.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_form(tmp_path / "form.csv", evidence.statements)


@pytest.mark.parametrize(
    ("name", "find", "put", "message"),
    [
        ("rules.toml", "low(share-shared)", "low(share-shard)", "no notebook records"),
        ("rules.toml", 'refuted_when = "high(share-shared) < 0.5 - sesoi"\n', "", "states one side only"),
        ("links.csv", "P1,P3,", "P1,Z9,", "no claim 'Z9'"),
        ("links.csv", "P1,P3,", "P3,P3,", "links to itself"),
        (
            "links.csv",
            "from_claim,to_claim,relation,basis\n",
            "from_claim,to_claim,relation,basis\nP1,P3,support,inferred\n",
            "stands twice",
        ),
    ],
)
def test_the_command_line_says_it_plainly_and_exits_2(copy, capsys, name, find, put, message):
    from cxlab.workbook.cli import main

    change(copy, name, find, put)
    assert main(["check", str(copy)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and "Traceback" not in said


def test_an_empty_form_exits_2(evidence, tmp_path, capsys):
    from cxlab.workbook.cli import main

    survey_template(evidence.statements).to_csv(tmp_path / "form.csv", index=False)
    assert main(["check", str(tmp_path / "form.csv"), "--table", "ratings"]) == 2
    assert "Traceback" not in capsys.readouterr().err
