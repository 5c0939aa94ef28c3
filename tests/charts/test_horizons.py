"""Figures of the five horizons: complete, spoken, and true to their tables."""

import numpy as np
import pandas as pd
import pytest

from cxlab.charts import horizons as charts
from cxlab.evidence.simulators.ladder import make_ladder
from cxlab.methods import horizons as h


@pytest.fixture(scope="module")
def figures():
    ladder = make_ladder(80, rng=1)
    levels = ladder.pivot(index="account", columns="level", values="score")[list(dict.fromkeys(ladder.level))]
    passes = (levels >= 55).where(levels.notna()).astype(float)
    once = ladder.groupby("account").first().assign(lowest=levels.min(axis=1))
    cuts = {"satisfaction": "lowest", "outcome": "renewed", "satisfied": 50, "dependent": 70}
    found = pd.DataFrame([("accounts", *h.reproducibility(passes))], columns=["name", "value", "chance"])
    return {
        "staircase": charts.staircase(passes, cut=55, simulated=True),
        "scalability": charts.scalability(h.scalability(passes, bootstrap=100, rng=1)),
        "reproducibility": charts.reproducibility(found),
        "pass_rates": charts.pass_rates(h.pass_rates(levels, cut=55, rng=1)),
        "attainment": charts.attainment(h.attainment_pairs(ladder)),
        "rules": charts.rules(h.scoring_rules(levels, outcome=once.renewed, repeats=3, rng=1)),
        "averaging": charts.averaging(h.averaging_hides(levels, cut=55)),
        "cells": charts.cells(
            h.hostage_cells(once, dependence="dependence", **cuts), outcome="share renewed"
        ),
        "release": charts.release(h.release(once, before="dependence", later="dependence_later", **cuts)),
        "curve": charts.curve(h.hidden_curve(0.4)),
        "checks": charts.checks(h.level_checks(ladder, cut=55)),
        "advocacy": charts.advocacy(h.advocacy(ladder, cut=55)),
    }


def test_every_figure_is_spoken_titled_and_serialisable(figures):
    assert set(figures) == set(charts.__all__)
    for name, figure in figures.items():
        assert len(figure.layout.meta["description"]) > 40, name
        assert figure.layout.title.text and figure.layout.width is None, name
        assert len(figure.to_json()) < 60_000, name


def test_simulated_data_are_stamped(figures):
    assert "simulated data" in figures["staircase"].layout.title.text
    assert "simulated data" not in figures["curve"].layout.title.text


def test_the_staircase_holds_each_account_once_from_easiest_to_hardest(figures):
    z = np.array(figures["staircase"].data[0].z, dtype=float)
    assert z.shape == (80, 5) and set(np.unique(z)) <= {0, 0.5, 1}
    easy = [column[column != 0.5].mean() for column in z.T]
    assert easy == sorted(easy, reverse=True)
    assert {trace.name for trace in figures["staircase"].data[1:]} == {"fails", "unseen", "passes"}


def test_the_matrix_has_an_empty_diagonal(figures):
    z = np.array(figures["attainment"].data[0].z, dtype=float)
    assert np.isnan(np.diag(z)).all() and not np.isnan(z[~np.eye(len(z), dtype=bool)]).any()


def test_the_band_lies_between_its_bounds(figures):
    high, low = (trace.y for trace in figures["curve"].data)
    assert (np.array(low) <= np.array(high)).all()
