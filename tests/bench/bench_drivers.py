"""How fast are exact shares, and do the intervals hold what they promise?

``python tests/bench/bench_drivers.py [--quick | --full]``. Speed: exact LMG of 2,000 rows, 1,000 resamples,
against a plain loop of 2^p least-squares fits (timed once, multiplied by 1 + resamples). Coverage: made-up
surveys of n = 250, few rows an item, and 30 % missing at random with n = 300.
"""

import sys
import time
from math import comb

import numpy as np
import pandas as pd
from common import Limits, print_coverage, print_redraws

import cxlab as cx
from cxlab.questions import importance
from cxlab.stats.intervals import percentile_interval
from cxlab.worlds.survey import make_survey

SEED, DRAWS, ROWS = 20150401, 1000, 2000
MANY = {"product": 9, "experience": 8}


def plain_loop(data: pd.DataFrame, most: int) -> tuple[np.ndarray, float]:
    """LMG by one least-squares fit a subset; beyond ``most`` subsets a random sample of them is timed."""
    x = data.drop(columns="y").to_numpy()
    x, y = x - x.mean(axis=0), (data["y"] - data["y"].mean()).to_numpy()
    p, total = x.shape[1], 1 << x.shape[1]
    subsets = range(total) if total <= most else np.random.default_rng(0).integers(1, total, most)
    r2, start = np.zeros(total), time.perf_counter()
    for subset in subsets:
        columns = [i for i in range(p) if subset >> i & 1]
        if columns:
            fit = x[:, columns] @ np.linalg.lstsq(x[:, columns], y, rcond=None)[0]
            r2[subset] = fit @ fit / (y @ y)
    spent = (time.perf_counter() - start) * total / len(subsets)
    if total > most:
        return np.array([]), spent
    sizes, raw = np.array([subset.bit_count() for subset in range(total)]), []
    for player in range(p):
        without = np.flatnonzero((np.arange(total) >> player & 1) == 0)
        weight = 1 / (p * np.array([comb(p - 1, size) for size in sizes[without]]))
        raw.append((weight * (r2[without | 1 << player] - r2[without])).sum())
    return np.array(raw), spent


def speed(players: list[int], most: int) -> None:
    print(f"exact LMG, n = {ROWS:,}, {DRAWS:,} resamples")
    for p in players:
        rng = np.random.default_rng(p)
        x = 0.7 * rng.normal(size=(ROWS, 1)) + rng.normal(size=(ROWS, p))
        data = pd.DataFrame(x, columns=[f"x{i}" for i in range(p)])
        data["y"] = x @ rng.uniform(0, 0.5, p) + 2 * rng.normal(size=ROWS)
        blocks, spent = {column: column for column in data.columns[:-1]}, []
        raw, loop = plain_loop(data, most)
        for _ in range(3 if p <= 15 else 1):
            start = time.perf_counter()
            table = cx.drivers.relative_importance(data, outcome="y", blocks=blocks, bootstrap=DRAWS, rng=1)
            spent.append(time.perf_counter() - start)
        gap = f"largest difference {np.abs(raw - table['raw']).max():.1e}" if len(raw) else "loop sampled"
        faster = loop * (DRAWS + 1) / min(spent)
        print(f"  p={p:2d}: {min(spent):7.3f} s; loop {loop:8.2f} s a draw; {faster:9,.0f} x faster; {gap}")


def _truth(**world) -> dict[str, float]:
    """What a survey of 400,000 people shows."""
    survey = make_survey(400_000, bootstrap=0, **world).only("product", "experience")
    ready = importance.sample(survey)
    share, total = ready.share, ready.raw.sum(axis=0)
    table = importance.commonality(ready)
    slope = importance.standard_slopes(ready)[1, 0]
    return {"share": share[1, 0], "r2": total[0], "slope": slope, "unique": table.loc["experience", "raw"],
            "shared": table.loc["product & experience", "share"]}  # fmt: skip


def _limits(survey, truth: dict[str, float], words: str, per_item: float = 1) -> Limits:
    survey = survey.only("product", "experience")
    ready = importance.sample(survey, per_item=per_item)
    share, total = ready.share, ready.raw.sum(axis=0)
    table = importance.commonality(ready)
    fair = importance.adjusted_r2(total, len(survey.items), ready.n)
    ratio = importance.htmt(ready).loc[0]
    steps = importance.standard_slopes(ready)[1]
    both = table.loc["product & experience"]
    (r2_low, r2_high), alone = percentile_interval(fair[1:]), table.loc["experience"]
    return [
        (f"{words}: share", *_around(share[1], truth["share"])),
        (f"{words}: slope", *_around(steps, truth["slope"])),
        (f"{words}: overlap", ratio["low"], 0.6, ratio["high"]),
        (f"{words}: unique part", alone["low"], truth["unique"], alone["high"]),
        (f"{words}: shared part", both["share_low"], truth["shared"], both["share_high"]),
        (f"{words}: explained", max(r2_low, 0.0), truth["r2"], r2_high),
    ]


def _around(draws: np.ndarray, truth: float) -> tuple[float, float, float]:
    low, high = percentile_interval(draws[1:])
    return float(low), truth, float(high)


def plain(random: np.random.Generator) -> Limits:
    survey = make_survey(250, rng=random, bootstrap=400, seed=random)
    return _limits(survey, TRUTH, "250 people, 7 items")


def many_items(random: np.random.Generator) -> Limits:
    """Rows to items 5 (refused on pages) and 10 (the least that pages take)."""
    found = []
    for n in (85, 170):
        survey = make_survey(n, items=MANY, rng=random, bootstrap=300, seed=random)
        found += _limits(survey, TRUTH_MANY, f"{n} people, 17 items")
    return found


def missing(random: np.random.Generator) -> Limits:
    """30 % of all answers but one are missing, the more the lower that one was: missing at random."""
    survey = make_survey(300, rng=random, bootstrap=200, seed=random)
    frame = survey.frame.drop(columns=list(survey.outcomes))
    gone = 0.6 / (1 + np.exp(2 * (frame["experience_1"] - 6.5)))
    for column in [*survey.items, *survey.outcome_items]:
        if column != "experience_1":
            frame[column] = frame[column].mask(random.random(300) < gone)
    return _limits(survey.with_(frame=frame), TRUTH, "300 people, 30 % missing at random")


def people(random: np.random.Generator) -> Limits:
    """40 persons give 400 rows."""
    survey = make_survey(400, clusters=40, rng=random, bootstrap=400, seed=random)
    return _limits(survey, TRUTH, "400 rows of 40 persons")[:2]


TRUTH, TRUTH_MANY = _truth(), _truth(items=MANY)
WORLDS = [plain, many_items, people, missing]


def main() -> None:
    quick = "--quick" in sys.argv
    speed(
        [5, 10] if quick else [5, 10, 15, 20] if "--full" in sys.argv else [5, 10, 15],
        1 << (10 if quick else 15),
    )
    print_coverage("drivers", WORLDS, SEED)
    survey = make_survey(300, bootstrap=400)
    print_redraws({"parity": lambda: cx.drivers.parity(survey, spread=0.5).figure()})


if __name__ == "__main__":
    main()
