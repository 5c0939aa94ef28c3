"""Who claims what, who answers whom, and which claims stand. Nothing here tells which claim is true.

A claim stands when no unanswered attack reaches it (Dung 1995). A strength rises with every supporter, also
with the speaker's own (Potyka 2018): ``strength`` shows that it rewards volume by leaving own support out.
"""

from collections.abc import Iterable, Mapping
from itertools import compress

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.rules import load_evidence
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.raters import TENTATIVE, form, same_meaning  # noqa: F401
from cxlab.questions.result import Number, Result, count, number, question
from cxlab.stats.agreement import krippendorff_alpha
from cxlab.stats.intervals import percentile_interval


def thread(**settings) -> Table:
    """Return the coded debate: claims as rows; in ``related`` links, facts, codings, speakers, statements.

    ``settings`` are those of any table: ``bootstrap, seed, confidence_level``.
    """
    tables, title = load_evidence()._asdict(), "The debate as coded by two readers"
    claims = tables["claims"]
    return Table(frame=claims, kind="claims", name="thread", title=title, related=tables, **settings)


def grounded_extension(
    claims: Iterable[str] | pd.DataFrame, links: pd.DataFrame | Iterable[tuple[str, str]]
) -> set[str]:
    """Return the claims that any sceptical reader must accept, given who attacks whom (Dung 1995).

    ``claims`` are the ids or a DataFrame with ``claim_id``; ``links`` pairs (attacker, attacked) or a
    DataFrame with ``from_claim to_claim relation``, of which only attacks count.

    >>> sorted(grounded_extension("abc", [("a", "b"), ("b", "c")]))
    ['a', 'c']
    """
    if not isinstance(links, pd.DataFrame):
        links = pd.DataFrame(links, columns=["from_claim", "to_claim"]).assign(relation="attack")
    ids, attacks = _graph(claims, links[links["relation"] == "attack"])
    accepted = np.zeros(len(ids), bool)
    while True:
        out = attacks[:, accepted].any(axis=1)
        grown = ~attacks[:, ~out].any(axis=1)
        if (grown == accepted).all():
            return set(compress(ids, accepted))
        accepted = grown


def _graph(claims: Iterable[str] | pd.DataFrame, links: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Return the ids, and a row a claim: 1 where the claim of a column supports it, -1 where it attacks."""
    ids = list(claims["claim_id"] if isinstance(claims, pd.DataFrame) else claims)
    if unknown := sorted((set(links["from_claim"]) | set(links["to_claim"])) - set(ids)):
        raise InputError(f"links name {', '.join(unknown)}, which are not among the claims")
    position, weights = {claim: i for i, claim in enumerate(ids)}, np.zeros((len(ids), len(ids)))
    sign = links["relation"].map({"support": 1.0, "attack": -1.0}).to_numpy()
    weights[links["to_claim"].map(position), links["from_claim"].map(position)] = sign
    return ids, weights


def argument_strength(
    claims: Iterable[str] | pd.DataFrame, links: pd.DataFrame, *,
    base: float | Mapping[str, float] | None = None, draws: int = 200, self_support: bool = True,
    confidence_level: float = 0.95, rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return quadratic-energy strengths of claims (Potyka 2018): index claim, ``strength low high``.

    With E the summed strength of supporters minus attackers and h(x) = max(x, 0)^2 / (1 + max(x, 0)^2), the
    strength is the fixed point of base - base * h(-E) + (1 - base) * h(E). ``base`` scores in 0..1 are a
    number or one a claim; None draws each ``draws`` times (mean and percentiles). ``self_support=False``
    leaves out a speaker's support of own claims (then ``claims`` has ``claim_id speaker``).
    """
    if not self_support:
        if not isinstance(claims, pd.DataFrame):
            raise InputError("self_support=False needs speakers: give the claims as a table")
        speaker = claims.set_index("claim_id")["speaker"]
        own = links["from_claim"].map(speaker) == links["to_claim"].map(speaker)
        links = links[~(own & (links["relation"] == "support"))]
    ids, weights = _graph(claims, links)
    scores = np.random.default_rng(rng).random((draws, len(ids)))
    if base is not None:
        scores = pd.Series(base, index=ids, dtype=float).to_numpy()[None]
    if ((scores < 0) | (scores > 1)).any():
        raise InputError("base scores must lie between 0 and 1")
    strength = _settle(weights, scores)
    low, high = percentile_interval(strength, confidence_level)
    columns = {"strength": strength.mean(axis=0), "low": low, "high": high}
    return pd.DataFrame(columns, index=pd.Index(ids, name="claim"))


def _settle(weights: np.ndarray, base: np.ndarray) -> np.ndarray:
    strength = base.copy()
    for _ in range(20_000):
        energy = strength @ weights.T
        up, down = (np.maximum(side, 0) ** 2 for side in (energy, -energy))
        goal = base - base * down / (1 + down) + (1 - base) * up / (1 + up)
        if np.abs(goal - strength).max() < 1e-9:
            return goal
        strength = strength + 0.2 * (goal - strength)
    raise InputError("the strengths did not settle: a cycle of links for which the model does not converge")


@question("claims")
def debate(thread: Table, *, topic: str = "") -> Result:
    """Who claims what, and who answers whom? The thread as a map, whole or with one topic picked out.

    Table: ``speaker claims testable``, one row a speaker.
    """
    claims, links = thread.frame, thread.related["links"]
    chosen = claims if not topic else claims[claims["topic"] == topic]
    answerable = chosen[chosen["testable"] != "no"]
    counts = {"claims": chosen["speaker"].value_counts(), "testable": answerable["speaker"].value_counts()}
    table = pd.DataFrame(counts).fillna(0).astype(int).sort_values("claims", ascending=False)
    n, testable, numbers, title, name = len(chosen), len(answerable), {}, "", f"debate-{topic}"
    finding = f"On {topic}, {count(len(table), 'speaker makes', 'speakers make')} {count(n, 'claim')}; "
    finding += f"{testable} can be tested at least in part."
    if not topic:
        finding = f"{testable} of the {n} claims in the debate can be tested with numbers, at least in part."
        title, name = f"{n} claims; {len(links)} times one supports or attacks another", "debate"
        numbers = {
            "claims": Number(n, unit="claims", label="claims in the thread"),
            "claims-testable": Number(testable, unit="claims", label="testable at least in part"),
            "links": Number(len(links), unit="links", label="answers: attacks and support"),
        }
    return Result(
        finding, numbers, table,
        lambda: general.claims_map(claims, links, title=title, chosen=chosen["claim_id"] if topic else ()),
        data=thread, id=name.replace(" ", "-"),
    )  # fmt: skip


def topics(thread: Table) -> list[str]:
    """Return what the debate is about, most claims first."""
    return list(thread.frame["topic"].value_counts().index)


@question("claims")
def standing(thread: Table) -> Result:
    """Which claims stand when attacks count? The grounded extension: logic, not truth.

    Table: index claim; ``speaker claim state attackers unanswered``; ``state`` is stands, falls (a standing
    claim attacks it) or open; ``unanswered`` counts attackers that nobody attacks.
    """
    claims, links = thread.frame, thread.related["links"]
    accepted = grounded_extension(claims, links)
    attacks = links[links["relation"] == "attack"]
    fallen = set(attacks.loc[attacks["from_claim"].isin(accepted), "to_claim"])
    free = attacks[~attacks["from_claim"].isin(attacks["to_claim"])]
    table = claims.set_index("claim_id")[["speaker", "paraphrase"]].set_axis(["speaker", "claim"], axis=1)
    table["state"] = ["stands" if c in accepted else "falls" if c in fallen else "open" for c in table.index]
    for name, part in (("attackers", attacks), ("unanswered", free)):
        table[name] = part["to_claim"].value_counts().reindex(table.index, fill_value=0)
    main, stands = table.loc[table["attackers"].idxmax()], table["state"] == "stands"
    open_attacks = int(main["unanswered"])
    numbers = {
        "claims-standing": Number(int(stands.sum()), unit="claims", n=len(table), label="claims that stand"),
        "unanswered-attacks": Number(open_attacks, unit="attacks on the main claim",
                                     label="unanswered attacks on the main claim"),
    }  # fmt: skip
    answered = (table.loc[stands, "attackers"] > 0).mean() > 0.5
    why = "most of them after attacks" if answered else "mostly because nobody attacked them"
    finding = f"{stands.sum()} of {len(table)} claims stand, {why}. The main claim {main['state']} under "
    finding += f"{count(open_attacks, 'attack')} that nobody answered."
    shown = pd.crosstab(table["speaker"], table["state"])
    shown = shown.reindex(index=table["speaker"].value_counts().index, columns=["stands", "falls", "open"])
    return Result(
        finding, numbers, table,
        lambda: general.bars(shown.fillna(0), x_title="claims", value=list(shown), stacked=True),
        ["Logic is not truth: a claim may stand because nobody took the trouble to answer."], thread,
    )  # fmt: skip


@question("claims")
def strength(thread: Table) -> Result:
    """Is the claim with most support the strongest? Strengths with all support, and without own support.

    Table: ``claim counted strength low high`` of the five claims whose strength differs most.
    """
    claims, links = thread.frame, thread.related["links"]
    counted = {
        name: argument_strength(claims, links, self_support=own, rng=thread.seed,
                                confidence_level=thread.confidence_level)
        for name, own in (("all support", True), ("support by others", False))
    }  # fmt: skip
    everyone, others = counted.values()
    main = links.loc[links["relation"] == "attack", "to_claim"].value_counts().idxmax()
    fall = (everyone["strength"] - others["strength"]).abs().sort_values(ascending=False, kind="stable")
    text = claims.set_index("claim_id")["paraphrase"]
    parts = [part.loc[fall.index[:5]].assign(counted=name, claim=text) for name, part in counted.items()]
    table = pd.concat(parts, ignore_index=True)[["claim", "counted", "strength", "low", "high"]]
    first = Number(*everyone.loc[main], "strength", label="strength of the main claim, all support")
    second = Number(*others.loc[main], "strength", label="strength of the main claim, support by others")
    a, b = number(first.value), number(second.value)
    finding = f"No difference was found: the main claim scores {a} of 1, "
    finding += f"and {b} without its author's own support."
    if first.value - second.value > 0.1:
        finding = f"The main claim looks strong ({a} of 1) only through its own author's support; "
        finding += f"without it, {b} is left."
    return Result(
        finding, {"main-claim-strength": first, "main-claim-strength-by-others": second}, table,
        lambda: general.dots(table, x_title="strength, 0 to 1", label="claim",
                             group="counted", value="strength", reference=None),
        ["The score rewards those who talk most, so no score of this kind enters a verdict."], thread,
    )  # fmt: skip


@question("claims")
def coding(thread: Table) -> Result:
    """Do two readers code the thread alike? Krippendorff's alpha, 1 for perfect agreement and 0 for chance.

    Table: ``question alpha low high raw n``.
    """
    codings, seen, n = thread.related["codings"], thread.related["link_codings"], len(thread.frame)
    seen = seen[["first", "second"]].replace("", "none")
    silent = pd.DataFrame("none", index=range(n * (n - 1) - len(seen)), columns=seen.columns)
    asked = {}
    for scale, words in (("drivers", "what makes customers loyal"), ("scope", "how wide the word is meant")):
        pair = codings.loc[codings["scale"] == f"stance_{scale}", ["first", "second"]]
        given = (pair != "").astype(int)
        asked[f"{scale}-addressed"] = f"whether a claim says {words}", "nominal", given
        asked[scale] = f"what it says on {words}", "interval", pair[given.all(axis=1)].astype(float)
    asked["links"] = "who answers whom", "nominal", pd.concat([seen, silent], ignore_index=True)
    rows, numbers = [], {}
    for name, (words, scale, table) in asked.items():
        alpha = krippendorff_alpha(table.to_numpy().T, level=scale, bootstrap=thread.bootstrap,
                                   rng=thread.seed, confidence_level=thread.confidence_level)  # fmt: skip
        rows.append((words, *alpha[:4], alpha.statements))
        label = f"agreement: {words}"
        numbers[f"coding-alpha-{name}"] = Number(*alpha[:3], "alpha", alpha.statements, label)
    table = pd.DataFrame(rows, columns=["question", "alpha", "low", "high", "raw", "n"])
    where, links = numbers["coding-alpha-drivers"], numbers["coding-alpha-links"]
    finding = f"No clear difference: two readers agree on where claims stand by {where}, "
    finding += f"on who answers whom by {links}."
    if where.low > links.high:
        finding = f"Two readers agree well on where claims stand, alpha {where}, "
        finding += f"less on who answers whom, {links}."
    return Result(
        finding, numbers, table,
        lambda: general.dots(table, x_title="Krippendorff's alpha", label="question",
                             value="alpha", reference=TENTATIVE),
        ["Both readers worked from the same instructions; two strangers might agree less."], thread,
    )  # fmt: skip


@question("claims")
def figures(thread: Table) -> Result:
    """Which of the quoted figures hold? Each figure in the five articles was checked against a source.

    Table: ``figure where verdict found`` of those that do not stand as quoted.
    """
    facts = thread.related["facts"]
    counts, n = facts["status"].value_counts(), len(facts)
    hold = int(counts.get("holds", 0))
    wrong = int(counts[counts.index.str.startswith("wrong")].sum())
    label = f"of {n} quoted figures hold as they stand"
    numbers = {
        "figures-that-hold": Number(hold, unit="figures", n=n, label=label),
        "figures-wrong": Number(wrong, unit="figures", n=n, label="figures that are plainly wrong"),
    }
    rest = facts[~facts["status"].isin(("holds", "anecdote", "remark"))].sort_values("status", kind="stable")
    table = pd.DataFrame({
        "figure": rest["fact"], "where": rest["article"] + ", " + rest["location"],
        "verdict": rest["status"], "found": (rest["check"] + ". " + rest["note"]).str.strip(". "),
    }).reset_index(drop=True)  # fmt: skip
    finding = f"{hold} of {n} quoted figures hold as they stand; {count(wrong, 'is', 'are')} plainly wrong."
    return Result(
        finding, numbers, table,
        lambda: general.bars(counts.to_frame("figures"), x_title="figures and counts", value="figures"),
        ["Others are anecdotes, have no date or source, or compare unlike things."], thread,
    )  # fmt: skip
