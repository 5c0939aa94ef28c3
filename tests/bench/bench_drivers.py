"""How fast are exact shares, and do the intervals hold what they promise?

Run ``python tests/bench/bench_drivers.py [--quick | --full]``. Speed: exact LMG of n = 2,000 with 1,000 bootstrap draws, against
a plain loop of 2^p least-squares fits (the loop is timed once without draws, and its time multiplied by 1 + draws).
Coverage: 400 simulated surveys a row, seeds 0 to 399.
"""

from __future__ import annotations

import argparse
import platform
import time
from math import comb

import numpy as np
import pandas as pd

from cxlab.evidence.simulators.survey import make_firms, make_survey, survey_truth
from cxlab.methods import drivers
from cxlab.methods.drivers.subsets import shapley_r2

DRAWS, ROWS = 1000, 2000


def world(p: int) -> pd.DataFrame:
    rng = np.random.default_rng(p)
    x = 0.7 * rng.normal(size=(ROWS, 1)) + rng.normal(size=(ROWS, p))
    y = x @ rng.uniform(0, 0.5, p) + 2 * rng.normal(size=ROWS)
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(p)]).assign(y=y)


def plain_loop(data: pd.DataFrame, most: int) -> tuple[np.ndarray, float]:
    """LMG by one least-squares fit a subset; beyond ``most`` subsets a random sample of them is timed."""
    x = data.drop(columns="y").to_numpy()
    x, y = x - x.mean(axis=0), (data["y"] - data["y"].mean()).to_numpy()
    p = x.shape[1]
    total = 1 << p
    subsets = range(total) if total <= most else np.random.default_rng(0).integers(1, total, most)
    r2 = np.zeros(total)
    start = time.perf_counter()
    for subset in subsets:
        columns = [i for i in range(p) if subset >> i & 1]
        if columns:
            fit = x[:, columns] @ np.linalg.lstsq(x[:, columns], y, rcond=None)[0]
            r2[subset] = fit @ fit / (y @ y)
    spent = (time.perf_counter() - start) * total / len(subsets)
    if total > most:
        return np.array([]), spent
    sizes = np.array([subset.bit_count() for subset in range(total)])
    raw = []
    for player in range(p):
        without = np.flatnonzero((np.arange(total) >> player & 1) == 0)
        weight = 1 / (p * np.array([comb(p - 1, size) for size in sizes[without]]))
        raw.append((weight * (r2[without | 1 << player] - r2[without])).sum())
    return np.array(raw), spent


def speed(players: list[int], most: int) -> None:
    print(f"exact LMG, n = {ROWS:,}, {DRAWS:,} bootstrap draws")
    for p in players:
        data = world(p)
        blocks = {column: column for column in data.columns[:-1]}
        raw, loop = plain_loop(data, most)
        spent = []
        for _ in range(3 if p <= 15 else 1):
            start = time.perf_counter()
            result = drivers.decompose(data, outcome="y", blocks=blocks, bootstrap=DRAWS, rng=1)
            spent.append(time.perf_counter() - start)
        best = min(spent)
        gap = (
            f"largest difference {np.abs(raw - result.table['raw']).max():.1e}"
            if len(raw)
            else "loop sampled"
        )
        whole = loop * (DRAWS + 1)
        print(
            f"  p={p:2d}: ours {best:7.3f} s; plain loop {loop:8.2f} s a draw, {whole:9.0f} s in all; {whole / best:9,.0f} x faster; {gap}"
        )


def coverage(runs: int) -> None:
    print(f"coverage of 95 % intervals in {runs} simulated worlds (n = 250 unless said)")
    covariance, groups = survey_truth()
    raw = shapley_r2(covariance[None], groups)[:, 0]
    truth = raw / raw.sum()
    hits = dict.fromkeys(
        (
            "share",
            "difference",
            "unique part",
            "shared part",
            "HTMT",
            "standardised slope",
            "alike slope",
            "ordinal share",
        ),
        0,
    )
    ordinal = ordinal_share(make_survey(200_000, points=7, rng=runs))["share"]
    spans = []
    latent = covariance.copy()
    sd = np.sqrt(np.diag(latent))
    correlation = latent / np.outer(sd, sd)
    composite = np.zeros((len(sd), 3))
    for side, group in enumerate(groups):
        composite[group, side] = 1 / len(group)
    composite[-1, 2] = 1
    small = composite.T @ correlation @ composite
    small = small / np.sqrt(np.outer(np.diag(small), np.diag(small)))
    slope = np.linalg.solve(small[:2, :2], small[:2, 2])[1]
    alone = [1 - 1 / np.linalg.inv(_only(covariance, group))[-1, -1] / covariance[-1, -1] for group in groups]
    unique, shared = raw.sum() - alone[0], alone[0] + alone[1] - raw.sum()
    for seed in range(runs):
        survey = make_survey(250, rng=seed)
        blocks = survey.attrs["blocks"]
        options = {"outcome": "loyalty", "blocks": blocks, "bootstrap": 500, "rng": seed}
        result = drivers.decompose(survey, **options)
        low, high = result.table.loc["experience", ["low", "high"]]
        hits["share"] += low <= truth[1] <= high
        spans.append(high - low)
        gap = drivers.share_difference(result, "experience", "product")
        hits["difference"] += gap.low <= truth[1] - truth[0] <= gap.high
        parts = drivers.commonality(survey, **options)
        hits["unique part"] += parts.loc["experience", "low"] <= unique <= parts.loc["experience", "high"]
        row = parts.loc["product & experience"]
        hits["shared part"] += row["low"] <= shared <= row["high"]
        pair = drivers.htmt(survey, blocks=blocks, bootstrap=500, rng=seed).iloc[0]
        hits["HTMT"] += pair["low"] <= 0.6 <= pair["high"]
        steps = drivers.standardised_slopes(survey, **options).loc["experience"]
        hits["standardised slope"] += steps["low"] <= slope <= steps["high"]
        exact = make_survey(250, items=1, loading=0.9999, outcome_loading=0.9999, rng=seed)
        alike = drivers.slopes_by_level(
            exact, outcome="loyalty", of="experience_1", given="product_1", bootstrap=500, rng=seed
        ).loc["alike"]
        found = ordinal_share(make_survey(250, points=7, rng=seed), bootstrap=500, rng=seed)
        hits["ordinal share"] += found["share_low"] <= ordinal <= found["share_high"]
        hits["alike slope"] += alike["low"] <= 0.45 <= alike["high"]
    for name, count in hits.items():
        print(f"  {name:20s} {count / runs:.1%}")
    print(f"  mean width of the share's interval {np.mean(spans):.3f}")
    inside = dict.fromkeys(("between slope", "within slope", "ICC"), 0)
    icc = 0.36 / (0.36 + 0.09)
    sides = {"product": "product", "experience": "experience"}
    for seed in range(runs):
        firms = make_firms(60, 4, industry_shift=0.0, correlation=0.3, rng=seed)
        table = drivers.between_within(
            firms, outcome="outcome", blocks=sides, firm="firm", bootstrap=500, rng=seed
        )
        rows = table.set_index(["view", "block"])
        row = rows.loc[("within", "product")]
        inside["within slope"] += row["slope_low"] <= 0.2 <= row["slope_high"]
        # A firm's mean of four waves holds a quarter of the wave variance, which moves by the within slope.
        expected = _between_slope(0.6, 0.3**2 / 4, 0.3, (0.5, 0.5), (0.2, 0.5))
        row = rows.loc[("between", "product")]
        inside["between slope"] += row["slope_low"] <= expected <= row["slope_high"]
        _, low, high = table.attrs["icc"]["product"]
        inside["ICC"] += low <= icc <= high
    print("  60 firms, 4 waves:")
    for name, count in inside.items():
        print(f"  {name:20s} {count / runs:.1%}")


def ordinal_share(survey: pd.DataFrame, bootstrap: int = 0, rng: int = 0) -> pd.Series:
    """The row of experience under proportional odds."""
    blocks = survey.attrs["blocks"]
    return drivers.ordinal_importance(
        survey, outcome="loyalty_1", blocks=blocks, bootstrap=bootstrap, rng=rng
    ).loc["experience"]


def _only(covariance: np.ndarray, group: list[int]) -> np.ndarray:
    keep = [*group, len(covariance) - 1]
    return covariance[np.ix_(keep, keep)]


def _between_slope(spread, moved, correlation, lasting, moving) -> float:
    level = spread**2 * np.array([[1, correlation], [correlation, 1]])
    change = moved * np.eye(2)
    return float(np.linalg.solve(level + change, level @ lasting + change @ moving)[0])


def redraw() -> None:
    """What one state of each explorer of page 02 costs to draw (live budget 150 ms, report 100 ms)."""
    from cxlab.charts import drivers as charts

    survey = make_survey(300, rng=1)
    blocks = survey.attrs["blocks"]
    curve = drivers.parity_curve(survey, outcome="loyalty", blocks=blocks, bootstrap=100, rng=1)
    moved = {"as registered": blocks, "moved": drivers.move(blocks, ["product_4"], to="experience")}
    ways = drivers.split_readings(survey, outcomes=["loyalty"], readings=moved, bootstrap=50, rng=1)
    for name, draw in {
        "parity": lambda: charts.parity(curve, at=0.5),
        "assignment": lambda: charts.assignments(ways, chosen="moved", of="experience"),
    }.items():
        draw()
        start = time.perf_counter()
        for _ in range(5):
            draw().to_json()
        print(f"  explorer {name}: {200 * (time.perf_counter() - start):.0f} ms a state")


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and coverage of exact shares.")
    parser.add_argument("--quick", action="store_true", help="p = 5 and 10 only, 40 worlds")
    parser.add_argument("--full", action="store_true", help="p = 20 as well (minutes)")
    asked = parser.parse_args()
    quick = asked.quick
    print(f"drivers: python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}")
    speed(
        [5, 10] if quick else [5, 10, 15, 20] if asked.full else [5, 10, 15],
        most=1 << 10 if quick else 1 << 15,
    )
    coverage(40 if quick else 400)
    redraw()


if __name__ == "__main__":
    main()
