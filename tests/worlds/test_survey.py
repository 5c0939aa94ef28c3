"""Made-up surveys: the arguments are the truth."""

import numpy as np
import pytest

from cxlab.worlds.survey import ITEMS, SLOPES, make_survey


def stated(slopes=SLOPES, spreads=1.0, items=None, reliability=0.5625, correlation=0.6, halo=0.0, noise=0.7):
    """The exact covariance of the items and, last, of an outcome."""
    sides, given = list(slopes), (spreads, reliability)
    spread, part = (np.array([v[s] if isinstance(v, dict) else v for s in sides]) for v in given)
    home = np.repeat(np.arange(len(sides)), [items or ITEMS.get(side, 3) for side in sides])
    latent = (correlation + (1 - correlation) * np.eye(len(sides))) * np.outer(spread, spread)
    slope, size = np.array(list(slopes.values())), len(home) + 1
    found = np.full((size, size), halo**2)
    found[:-1, :-1] += latent[np.ix_(home, home)] + np.diag((spread**2 * (1 / part - 1))[home])
    found[-1, :-1] += (latent @ slope)[home]
    found[:-1, -1] = found[-1, :-1]
    found[-1, -1] += (slope @ latent @ slope + noise**2) * (1 + (1 / 0.81 - 1) / 3)
    return found


@pytest.mark.parametrize(
    "truth",
    [
        {},
        {"halo": 0.5, "correlation": 0.2},
        {"slopes": {"product": 0.1, "experience": 0.3, "price": 0.5}, "items": 2, "noise": 1.2},
        {"spreads": {"product": 0.4, "experience": 1.5}, "reliability": {"product": 0.5, "experience": 0.9}},
    ],
)
def test_the_covariances_of_a_big_survey_are_the_stated_ones(truth):
    covariance = stated(**truth)
    survey = make_survey(60_000, **truth)
    found = np.cov(survey.frame[[*survey.items, "loyalty"]].to_numpy(), rowvar=False)
    assert found == pytest.approx(covariance, abs=0.04 * covariance.max())


def test_persons_give_several_rows_that_resemble_each_other():
    survey = make_survey(6000, clusters=600, cluster_share=0.8)
    assert survey.clusters == "person" and survey.frame["person"].nunique() <= 600
    opinion = survey.frame[survey.blocks["product"]].mean(axis=1)
    between = opinion.groupby(survey.frame["person"]).transform("mean").var() / opinion.var()
    plain = make_survey(6000)
    assert between > 0.5 and plain.clusters is None
    assert opinion.var() == pytest.approx(plain.frame[plain.blocks["product"]].mean(axis=1).var(), rel=0.1)


def test_segments_outcomes_points_and_gaps_are_as_asked():
    survey = make_survey(
        900, segments={"a": {"product": 0.9}, "b": {"experience": 0.9}}, points=5, missing=0.2,
        outcomes=("loyalty", "emotion"), outcome="emotion", bootstrap=50,
    )  # fmt: skip
    answers = survey.frame[survey.items]
    assert set(np.unique(answers.to_numpy()[answers.notna().to_numpy()])) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert answers.isna().mean().mean() == pytest.approx(0.2, abs=0.02)
    assert survey.scale == (1, 5) and survey.segments == ["segment"] and survey.outcome == "emotion"
    assert survey.frame["segment"].value_counts().tolist() == [450, 450] and survey.bootstrap == 50
    assert survey.roles["emotion"] == ["emotion_1", "emotion_2", "emotion_3"]
    assert survey.roles["sensuous"] == ["product_4"] and survey.simulated
