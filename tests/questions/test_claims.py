"""Argument maps, raters and the coded thread: textbook frameworks, published examples, findings that flip."""

import base64
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab as cx
from cxlab.data.table import Table
from cxlab.questions.claims import argument_strength, grounded_extension
from cxlab.worlds.small import make_ratings


def links(*rows):
    return pd.DataFrame(rows, columns=["from_claim", "to_claim", "relation"])


@pytest.fixture(scope="module")
def thread():
    return cx.claims.thread(bootstrap=100)


def small_thread(rows, relations, **related):
    """A debate of a few claims: ``(claim, speaker)`` and links."""
    claims = pd.DataFrame(rows, columns=["claim_id", "speaker"])
    claims = claims.assign(location="post", topic="all", testable="yes", stance_drivers=-1.0)
    claims["paraphrase"] = "claim " + claims["claim_id"]
    return Table(frame=claims, kind="claims", related={"links": relations, **related})


@pytest.mark.parametrize(
    ("claims", "attacks", "grounded"),
    [
        ("abc", ["ab", "bc"], {"a", "c"}),  # chain
        ("ab", ["ab", "ba"], set()),  # mutual pair
        ("abc", ["ab", "bc", "ca"], set()),  # odd cycle
        ("abcd", ["ab", "ba", "ac", "bc", "cd"], set()),  # floating
    ],
)
def test_dung_1995_textbook_frameworks(claims, attacks, grounded):
    assert grounded_extension(claims, map(tuple, attacks)) == grounded
    table = links(*((*pair, "attack") for pair in attacks))
    assert grounded_extension(pd.DataFrame({"claim_id": list(claims)}), table) == grounded


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] != p[1]), max_size=20))
@settings(max_examples=60)
def test_the_grounded_extension_is_free_of_conflict_and_defends_itself(attacks):
    pairs = [(str(a), str(b)) for a, b in attacks]
    accepted = grounded_extension([str(i) for i in range(8)], pairs)
    assert not [pair for pair in pairs if set(pair) <= accepted]
    for start, end in pairs:
        if end in accepted:
            assert any(b == start and a in accepted for a, b in pairs)


def test_potyka_2018_quadratic_energy_six_arguments():
    """Example 4.1 of github.com/kcyras/QDT."""
    graph = links(("b", "a", "support"), ("c", "a", "attack"), ("d", "a", "support"),
                  ("e", "b", "attack"), ("e", "c", "support"), ("f", "c", "attack"))  # fmt: skip
    base = {"a": 0.5, "b": 0.2, "c": 0.85, "d": 0.65, "e": 0.4, "f": 1.0}
    strength = argument_strength("abcdef", graph, base=base)["strength"]
    assert strength.tolist() == pytest.approx([0.519, 0.172, 0.625, 0.65, 0.4, 1], abs=5e-4)
    assert argument_strength("ab", links(), base=0.3)["strength"].tolist() == pytest.approx([0.3, 0.3])


def test_bad_links_and_scores_are_refused():
    with pytest.raises(ValueError, match="not among the claims"):
        grounded_extension("ab", [("a", "z")])
    with pytest.raises(ValueError, match="z"):
        argument_strength("ab", links(("a", "z", "attack")), base=0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        argument_strength("ab", links(), base=1.5)
    with pytest.raises(ValueError, match="needs speakers"):
        argument_strength(["a", "b"], links(), self_support=False)


def test_the_debate_is_a_map_whole_and_by_topic(thread):
    whole = cx.claims.debate(thread)
    assert whole["claims"].value == len(thread.frame) == whole.table["claims"].sum()
    assert f"{whole['claims-testable'].value} of" in whole.finding and "can be tested" in whole.finding
    marks = [len(trace.x) for trace in whole.figure().data if trace.mode == "markers"]
    assert sum(marks) == len(thread.frame)
    parts = [cx.claims.debate(thread, topic=topic) for topic in cx.claims.topics(thread)]
    assert sum(part.table["claims"].sum() for part in parts) == len(thread.frame)
    assert len({part.id for part in parts}) == len(parts) and not parts[0].numbers


def test_the_main_claim_of_the_thread_falls_and_lives_on_own_support(thread):
    standing, strength = cx.claims.standing(thread), cx.claims.strength(thread)
    assert standing.table.loc["P3", "state"] == "falls" and standing["unanswered-attacks"].value == 8
    values = [strength[name].value for name in ("main-claim-strength", "main-claim-strength-by-others")]
    assert values == pytest.approx([0.69, 0.02], abs=0.005)
    assert "only through its own author" in strength.figure().layout.title.text.replace("<br>", " ")
    assert standing["claims-standing"].value == (standing.table["state"] == "stands").sum()


def test_findings_on_standing_and_strength_flip_with_the_links():
    rows = [("a", "x"), ("b", "y"), ("c", "y"), ("d", "z")]
    answered = small_thread(rows, links(("b", "a", "attack"), ("c", "b", "attack"), ("d", "a", "support")))
    fallen = small_thread(rows, links(("b", "a", "attack"), ("c", "a", "attack")))
    assert "main claim stands under no attacks" in cx.claims.standing(answered).finding
    assert "main claim falls under 2 attacks" in cx.claims.standing(fallen).finding
    assert "No difference was found" in cx.claims.strength(answered).finding


def test_the_coding_finding_follows_the_agreement(thread):
    assert "agree well on where claims stand" in cx.claims.coding(thread).finding
    pairs = thread.related["link_codings"]
    alike = thread.with_(related=thread.related | {"link_codings": pairs.assign(second=pairs["first"])})
    assert "No clear difference" in cx.claims.coding(alike).finding


def test_quoted_figures_are_counted(thread):
    found = cx.claims.figures(thread)
    assert found["figures-that-hold"].value == (thread.related["facts"]["status"] == "holds").sum()
    assert not set(found.table["verdict"]) & {"holds", "anecdote"} and found.figure() is not None


def ratings(agreement, **options):
    return Table(frame=make_ratings(10, agreement=agreement, rng=1, **options), kind="ratings", bootstrap=200)


def test_raters_findings_flip_with_their_agreement(thread):
    statements = thread.related["statements"]
    said = {a: cx.claims.same_meaning(ratings(a), statements) for a in (0.1, 0.95)}
    assert "agree too little" in said[0.1].finding and "mean much the same" in said[0.95].finding
    between = cx.claims.same_meaning(ratings(0.67), statements)
    assert "stays open" in between.finding
    assert {"alpha-meaning", "label-share-things", "wording-difference"} <= set(said[0.1].numbers)
    for number in said[0.1].numbers.values():
        assert number.low is None or number.low <= number.value <= number.high


def test_own_statements_and_single_raters_are_answered():
    own = make_ratings(5, statements=12, wording=0, rng=2)
    table = Table(frame=own.assign(statement="line " + own["statement"]), kind="ratings", bootstrap=50)
    assert set(cx.claims.same_meaning(table).numbers) == {"alpha-labels", "raw-agreement", "raters"}
    alone = cx.claims.same_meaning(table.with_(frame=own[own["rater"] == "r01"]))
    assert alone.missing and "single rater" in alone.finding
    nothing = cx.claims.same_meaning(cx.open_source("", table="ratings"))
    assert nothing.missing and "two or more raters" in nothing.finding


@pytest.mark.parametrize(
    ("form", "wording", "lines"),
    [("labels", 1, 36), ("labels", 2, 36), ("meanings", 1, 12)],
)
def test_a_form_is_one_file_with_a_choice_for_every_statement(thread, form, wording, lines):
    link = cx.claims.form(thread.related["statements"], form=form, wording=wording).data
    page = base64.b64decode(re.search("data:text/html;base64,([^']+)'", link)[1]).decode()
    names = set(re.findall("<input type=radio name='([^']+)'", page))
    assert len(names) == lines and f"{lines} lines" in link and not re.search(r"<\w+ [^>]*(src|href)=", page)
    assert all(name.endswith("b") for name in names) == (wording == 2)


@pytest.mark.parametrize("options", [{"form": "songs"}, {"form": "meanings", "wording": 2}, {"wording": 3}])
def test_unknown_forms_are_refused(thread, options):
    with pytest.raises(ValueError, match="form|wording"):
        cx.claims.form(thread.related["statements"], **options)
