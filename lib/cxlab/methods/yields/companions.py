"""The other tables of the metaquality page, opened where they belong to the same reader, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from ..intervals import generator, percentile_interval, wilson
from .deeds import plan_difference, say_do_gap
from .owners import ownership
from .spread import first_fault, handover_risk, upstream_risk
from .throughput import rolled_throughput_yield

__all__ = ["Companions", "function_slopes", "functions_bearing", "metaquality_findings", "sentences"]


_WORDS = {
    "journeys": "events with the columns product_score and experience_score",
    "purchases": "events with a purchase",
}


class Note(str):
    """A sentence that a notebook shows as text."""

    def _repr_markdown_(self) -> str:
        return str(self)


class Companions:
    """Tables by name; a table that is not there answers with a sentence.

    Parameters
    ----------
    source : str
        The page's own source. When it is a study's mapping file, registered and simulated tables stay shut: nothing
        of somebody else's is shown under the reader's name. Mapping files beside it, such as ``stage_quality.yaml``,
        are found by themselves.
    tables : mapping of table to source
    """

    def __init__(self, source: str, tables: Mapping[str, str]):
        self.own = source.endswith((".yaml", ".yml"))
        self.sources = {
            name: place for name, place in tables.items() if place and (not self.own or _is_own(place))
        }
        if self.own:
            beside = {
                name: Path(source).with_name(f"{name}.yaml") for name in tables if name not in self.sources
            }
            self.sources |= {name: str(path) for name, path in beside.items() if path.is_file()}
        self._open: dict[str, Any] = {}

    def offer(self, name: str, table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
        """Use a part of the page's own log for ``name`` where the log is a study's and no other table is given."""
        if self.own and name not in self.sources:
            table = table.copy()
            table.attrs.update(name=facts.get("name", "own"), simulated=bool(facts.get("simulated")))
            self._open[name] = table

    def get(self, name: str) -> pd.DataFrame | None:
        """Return a table, or None where there is none."""
        if name not in self._open and name in self.sources:
            from cxlab.evidence.sources import open_source

            self._open[name] = open_source(self.sources[name])
        return self._open.get(name)

    def view(self, name: str, make: Callable[[pd.DataFrame], Any]) -> Any:
        """Return ``make(table)``, or the sentence that says what this part needs."""
        table = self.get(name)
        wanted = _WORDS.get(name, f"the table `{name}`")
        if table is None:
            return Note(f"*This part needs {wanted}: add it to the study.*")
        try:
            return make(table)
        except InputError as fault:
            if not self.own:
                raise
            return Note(f"*This part needs {wanted}, and says: {fault}.*")

    def simulated(self, name: str) -> bool:
        """Return whether a table is simulated (False where it is missing)."""
        table = self.get(name)
        return bool(table is not None and table.attrs.get("simulated"))


def _is_own(place: str) -> bool:
    return place.endswith((".yaml", ".yml"))


def function_slopes(
    survey: pd.DataFrame,
    *,
    outcome: str,
    areas: list[str],
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how each functional area moves with an outcome, the others held fixed.

    Returns
    -------
    DataFrame
        Index area; ``slope low high spread n``: standardised least-squares slopes with bootstrap intervals
        (respondents), complete cases; ``spread`` is the area's standard deviation in its own points.
    """
    if outcome not in survey or any(area not in survey for area in areas):
        raise InputError(f"the survey lacks {outcome!r} or one of {', '.join(areas)}")
    data = survey[[outcome, *areas]].dropna().astype(float)
    if len(data) <= len(areas) + 2:
        raise InputError(
            f"only {len(data)} respondents answered {outcome!r} and every area; too few for {len(areas)} slopes"
        )
    observed, draws = _slopes(data.to_numpy(), bootstrap, rng)
    low, high = percentile_interval(draws, confidence_level)
    columns = {
        "slope": observed,
        "low": low,
        "high": high,
        "spread": data[areas].std().to_numpy(),
        "n": len(data),
    }
    return pd.DataFrame(columns, index=pd.Index(areas, name="area"))


def _slopes(values: np.ndarray, bootstrap: int, rng) -> tuple[np.ndarray, np.ndarray]:
    def one(rows):
        moved = values[rows] - values[rows].mean(axis=0)
        moved = moved / moved.std(axis=0)
        return np.linalg.lstsq(moved[:, 1:], moved[:, 0], rcond=None)[0]

    random = generator(rng)
    n = len(values)
    return one(np.arange(n)), np.array([one(random.integers(0, n, n)) for _ in range(max(bootstrap, 2))])


def functions_bearing(
    survey: pd.DataFrame,
    *,
    outcome: str,
    areas: list[str],
    least: float = 0.10,
    bootstrap: int = 500,
    rng=None,
) -> dict:
    """Return the share of functional areas whose slope lies above the smallest effect of interest, ready to record."""
    data = survey[[outcome, *areas]].dropna().astype(float)
    observed, draws = _slopes(data.to_numpy(), bootstrap, rng)
    low, high = percentile_interval((draws > least).mean(axis=1))
    return _finding(
        "functions-bearing", (observed > least).mean(), low, high, "share of functions", len(data)
    )


def _finding(name: str, value: float, low: float, high: float, unit: str, n: int) -> dict:
    return {
        "name": name,
        "value": float(value),
        "low": float(low),
        "high": float(high),
        "unit": unit,
        "n": int(n),
    }


def metaquality_findings(
    others: Companions, *, bootstrap: int = 500, rng: int | np.random.Generator | None = None
) -> list[dict]:
    """Return what the tables stage_quality, responsibility, say_do and plans say, ready to record.

    Returns
    -------
    list of dict
        ``name value low high unit n``; what a missing table would have said is left out.
    """
    made: list[dict] = []
    quality = others.get("stage_quality")
    if quality is not None:
        rolled = rolled_throughput_yield(quality, bootstrap=bootstrap, rng=rng)
        risk, first = upstream_risk(quality), first_fault(quality)
        made += [
            _finding("rolled-throughput-yield", rolled.rolled, rolled.rolled_low, rolled.rolled_high, "share of customers", rolled.n),
            _finding("joint-clean-rate", rolled.joint, rolled.joint_low, rolled.joint_high, "share of customers", rolled.n),
            _finding(
                "clean-minus-worst-stage", rolled.clean_minus_worst, rolled.clean_minus_worst_low,
                rolled.clean_minus_worst_high, "share of customers", rolled.n,
            ),
            _finding("upstream-risk-ratio", risk.ratio, risk.low, risk.high, "risk ratio", risk.n),
        ]  # fmt: skip
        early, total = (
            int(first.loc[first["upstream"], "first_faults"].sum()),
            int(first["first_faults"].sum()),
        )
        if total:
            low, high = wilson(early, total)
            made.append(
                _finding("first-fault-upstream", early / total, low, high, "share of faulty journeys", total)
            )
        if "function" in quality and quality["function"].notna().any():
            hand = handover_risk(quality)
            made.append(
                _finding("handover-failure-ratio", hand.ratio, hand.low, hand.high, "risk ratio", hand.n)
            )
    duty = others.get("responsibility")
    if duty is not None:
        owners = ownership(duty)
        for name, count in (
            ("stages-shared", int((owners["bearing"] >= 2).sum())),
            ("stages-without-owner", int((owners["owners"] != 1).sum())),
        ):
            share = count / len(
                owners
            )  # a count of all stages, not a sample of them: it has no sampling error
            made.append(_finding(name, share, share, share, "share of stages", len(owners)))
    answers = others.get("say_do")
    if answers is not None:
        gap = say_do_gap(answers)
        made.append(
            _finding("say-do-gap", gap.gap, gap.low, gap.high, "share of respondents", gap.respondents)
        )
    plans = others.get("plans")
    if plans is not None and {"handovers", "failed"} <= set(plans):
        try:
            difference = plan_difference(plans)
            n = difference.strategies_complete + difference.strategies_incomplete
            made.append(
                _finding(
                    "plan-difference",
                    difference.difference,
                    difference.low,
                    difference.high,
                    "share of handovers",
                    n,
                )
            )
        except InputError:  # every plan complete, or none: nothing to compare
            pass
    return [
        finding for finding in made if np.isfinite([finding["value"], finding["low"], finding["high"]]).all()
    ]


def sentences(others: Companions) -> dict[str, str]:
    """Return, by finding, a sentence in which its ``value``, ``low`` and ``high`` are filled in."""
    texts = {
        "joint-clean-rate": (
            "stage_quality",
            "{value:.0%} [{low:.0%}, {high:.0%}] of customers met no fault at any stage",
        ),
        "upstream-risk-ratio": (
            "stage_quality",
            "after a fault in the earlier stages a fault later is {value:.1f} [{low:.1f}, {high:.1f}] times as likely",
        ),
        "say-do-gap": (
            "say_do",
            "the same respondents call a stage a priority more often than they review it, "
            "by {value:.0%} [{low:.0%}, {high:.0%}]",
        ),
    }
    lead = {True: "In simulated data, ", False: ""}
    made = {}
    for name, (table, text) in texts.items():
        start = lead[others.simulated(table)]
        made[name] = f"{start}{text if start else text[0].upper() + text[1:]}."
    return made
