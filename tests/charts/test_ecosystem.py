"""Charts of page 07: every figure is described, stamped when simulated, shows its intervals and no person."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.simulators.governance import make_findings, make_kpis, make_practices, make_rights
from cxlab.evidence.simulators.roles import make_paths, make_roles

charts = cx.charts


@pytest.fixture(scope="module")
def outlets() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = np.maximum(5, rng.lognormal(4, 1, 300)).astype(int)
    data = pd.DataFrame({"outlet": [f"S{number}" for number in range(300)], "n": n})
    return data.assign(satisfied=rng.binomial(n, rng.beta(16, 4, 300)))


@pytest.fixture(scope="module")
def figures(outlets) -> dict:
    limits = cx.outlets.funnel_limits(outlets)
    curve = cx.outlets.funnel_curve(limits)
    months = pd.concat([outlets.assign(month=pd.Timestamp(2025, month, 1)) for month in (1, 2, 3)])
    rng = np.random.default_rng(2)
    scores = pd.DataFrame({"outlet": rng.integers(0, 50, 3000), "person": rng.integers(0, 900, 3000)})
    scores["organisation"], scores["score"] = (
        scores["outlet"] % 6,
        rng.normal(size=3000) + scores["outlet"] % 6,
    )
    moves = cx.roles.transition_matrix(make_roles(400, rng=1))
    few = cx.outlets.suppress(
        moves, count="count", values=["probability", "low", "high"], within=["from"], min_cell=30
    )
    issues = pd.DataFrame(
        {"issue": rng.choice(["queue", "price", "signs"], 300), "severity": 0.5, "person": range(300)}
    )
    spread = pd.DataFrame(
        {
            "issue": ["a", "b"],
            "change": [1.0, -0.2],
            "low": [0.5, -0.6],
            "high": [1.5, 0.2],
            "outlets": [0, 1],
        }
    )
    exposure = cx.ecosystem.PRESETS.merge(cx.ecosystem.YEARS, how="cross").assign(chance=0.5)
    visits = cx.simulators.make_visits(20_000, outlets=60, rng=1)
    sample = cx.ecosystem.aggregate(visits).sample
    hours = cx.ecosystem.by_hour(sample, min_cell=20)
    kpis = cx.ecosystem.kpi_alignment(make_kpis(rng=1), permutations=50)
    return {
        "funnel": charts.outlets.funnel(limits, curve, simulated=True),
        "funnel by chance": charts.outlets.funnel(limits, curve, over_dispersion=False, simulated=True),
        "caterpillar": charts.outlets.caterpillar(
            cx.outlets.shrink_rates(outlets, draws=100), outlets["satisfied"] / outlets["n"], simulated=True
        ),
        "components": charts.outlets.components(
            cx.outlets.variance_components(scores, bootstrap=20), simulated=True
        ),
        "months": charts.outlets.months(cx.outlets.month_changes(months), outlet="S3", simulated=True),
        "pooled": charts.outlets.pooled(spread, simulated=True),
        "matrix": charts.roles.matrix(few, simulated=True),
        "sankey": charts.roles.sankey(few, simulated=True),
        "stays": charts.roles.stays(cx.roles.sojourn(make_roles(300, rng=1)), simulated=True),
        "touched": charts.roles.touched(cx.roles.touched(sample), simulated=True),
        "removal": charts.roles.removal(
            cx.roles.removal_effect(make_paths(300, rng=1), bootstrap=30, rng=1), simulated=True
        ),
        "pareto": charts.ecosystem.pareto(
            cx.ecosystem.priorities(issues, top=1, bootstrap=50), simulated=True
        ),
        "kpis": charts.ecosystem.kpis(kpis.matrix, simulated=True),
        "rights": charts.ecosystem.rights(cx.ecosystem.decision_rights(make_rights(rng=1)), simulated=True),
        "capacity": charts.ecosystem.capacity(cx.ecosystem.capacity(make_findings(rng=1)), simulated=True),
        "culture": charts.ecosystem.culture(cx.ecosystem.culture(make_practices(rng=1)), simulated=True),
        "exposure": charts.ecosystem.exposure(exposure, failure=0.01, simulated=True),
        "observed": charts.ecosystem.observed(cx.ecosystem.observed_exposure(sample), simulated=True),
        "control": charts.ecosystem.control(cx.ecosystem.control(sample), simulated=True),
        "hours": charts.ecosystem.hours(hours[hours["organisation"] == "all"], simulated=True),
    }


def test_every_figure_is_described_and_stamped(figures):
    for name, figure in figures.items():
        assert len(figure.layout.meta["description"]) > 60, name
        assert "simulated data" in figure.layout.title.text, name
        assert figure.layout.width is None, name


def test_figures_are_small_and_hold_no_person(figures):
    for name, figure in figures.items():
        text = figure.to_json()
        assert len(text) < 120_000, name
        assert "70000000" not in text, name


def test_estimates_carry_their_intervals(figures):
    for name in (
        "caterpillar",
        "components",
        "pooled",
        "stays",
        "touched",
        "removal",
        "pareto",
        "capacity",
        "observed",
        "control",
    ):
        errors = figures[name].data[0].error_x
        assert errors.array is not None and (np.nan_to_num(np.asarray(errors.array, float)) >= -1e-9).all(), (
            name
        )


def test_funnel_marks_every_outlet_once_and_tells_sides_apart_by_shape(figures, outlets):
    points = [trace for trace in figures["funnel"].data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == len(outlets)
    assert len({trace.marker.symbol for trace in points}) == 3
    by_chance = [trace for trace in figures["funnel by chance"].data if trace.mode == "markers"]
    assert len(by_chance[0].x) < len(points[0].x)  # chance alone leaves fewer within


def test_suppressed_moves_stay_blank(figures):
    matrix = figures["matrix"].data[0]
    blank = [
        (row, column)
        for row, values in enumerate(matrix.text)
        for column, text in enumerate(values)
        if text == ""
    ]
    assert blank
    assert all(matrix.z[row][column] is None for row, column in blank)
    assert len(figures["sankey"].data[0].link.value) == 16 - len(blank) - sum(
        value == 0 for row in matrix.z for value in row if value is not None
    )
