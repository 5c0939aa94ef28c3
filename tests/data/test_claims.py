"""The coded debate: complete, covered, located, paraphrased; what is wrong is told in one sentence."""

import hashlib
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from cxlab.data.errors import InputError
from cxlab.data.rules import check_evidence, load_evidence

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "evidence"


@pytest.fixture(scope="module")
def evidence():
    return load_evidence()


def test_every_claim_has_its_location(evidence):
    assert "rules about" in check_evidence()[1]
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
    settled, ends = evidence.link_codings[evidence.link_codings["settled"].ne("")], ["from_claim", "to_claim"]
    assert set(settled[ends].itertuples(index=False)) == set(evidence.links[ends].itertuples(index=False))


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
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout
    rooms = (ROOT / room for room in ("data", "notebooks", "lib/cxlab", "tests"))
    paths = [ROOT / name for name in listed.split("\0") if name] or [p for r in rooms for p in r.rglob("*")]
    kinds = {".md", ".csv", ".toml", ".py", ".ipynb", ".html", ".txt", ".cff", ".yml"}
    skip = {"word_runs.txt", "constraints.txt", "requirements.lock"}
    return [p for p in paths if p.is_file() and p.suffix in kinds and p.name not in skip]


def test_no_six_words_in_a_row_as_in_the_articles():
    lines = (FOLDER / "word_runs.txt").read_text(encoding="utf-8").splitlines()
    hashes, texts = {line for line in lines if not line.startswith("#")}, committed_texts()
    assert len(hashes) > 9_000 and len(texts) > 30
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
        ("links.csv", "P1,P3,support", "P2,P3,support", "stands twice"),
        ("links.csv", "P1,P3,support", "P1,P3,doubt", "allowed are attack and support"),
        ("claims.csv", "P2,author", "P1,author", "stands twice"),
        ("coverage.csv", "C18m,", "C99z,", "no claim 'C99z'"),
        ("claims.csv", "paraphrase,", "words,", "lacks the column paraphrase"),
        ("coverage.csv", "C18m,,,,Needs the ease", "C18l,,,,Needs the ease", "C18m: testable, but without"),
    ],
)
def test_a_fault_in_a_table_is_one_sentence(tmp_path, name, find, put, message):
    path = shutil.copytree(FOLDER, tmp_path / "evidence") / name
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, put, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        check_evidence(path.parent)
