"""A year of 80 million visits: the page's numbers against DuckDB's bare scan, and against pandas at 8 million.

    python tests/bench/bench_visits.py [--quick] [--folder FOLDER]

Prints ratios of CPU time and of wall time (linear algebra on one thread: its waiting threads would count as CPU), with the versions of what was compared. Data are written to a folder that is
removed afterwards (about 0.5 GB for 80 million visits).
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from cxlab.evidence.simulators.visits import write_visits
from cxlab.methods import ecosystem, outlets, roles

COLUMNS = ["outlet", "organisation", "person", "role", "timestamp", "score", "comment"]


def page_numbers(folder: Path) -> dict[str, float]:
    """Compute every number that page 07 records from the visits."""
    heard = ecosystem.aggregate(ecosystem.open_visits(str(folder)))
    counts = ["visits", "rated", "satisfied"]
    whole = heard.cells.groupby(["organisation", "outlet"], as_index=False)[counts].sum()
    whole = whole[whole["rated"] >= 5].rename(columns={"rated": "n"})
    limits = outlets.funnel_limits(whole)
    served = (
        heard.cells.groupby(["outlet", "role"], as_index=False)[counts].sum().rename(columns={"rated": "n"})
    )
    mix = outlets.case_mix(served[served["n"] > 0], factors=["role"])
    adjusted = outlets.funnel_limits(mix.table)
    rates = outlets.shrink_rates(whole)
    error = outlets.holdout_error(whole)
    monthly = (
        heard.cells.groupby(["outlet", "month"], as_index=False)[counts].sum().rename(columns={"rated": "n"})
    )
    monthly = monthly[monthly["n"] > 0]
    changes = outlets.month_changes(monthly, min_cell=10)
    parts = outlets.variance_components(heard.sample, bootstrap=60)
    hours = ecosystem.by_hour(heard.sample, min_cell=20)
    reach = roles.touched(heard.sample)
    moves = roles.transition_matrix(roles.role_spells(heard.sample))
    removal = roles.removal_effect(roles.paths_to(heard.sample, goal="resident"), bootstrap=200, rng=1)
    said = heard.sample[(heard.sample["satisfied"] == 0) & heard.sample["comment"].notna()].copy()
    model = ecosystem.fit_themes(said["comment"], rng=1)
    theme = model.assign(said["comment"])
    said = said[theme >= 0].assign(issue=[model.names[place] for place in theme[theme >= 0]])
    said["severity"] = (5 - said["score"]) / 4
    ranked = ecosystem.priorities(said, top=2, bootstrap=200)
    middle = pd.Timestamp("2025-07-01")
    rated = heard.sample[heard.sample["score"].notna()]
    base = rated.assign(after=rated["timestamp"] >= middle).groupby(
        ["outlet", "organisation", "after"], as_index=False
    )
    base = base.size().rename(columns={"size": "n"})
    spread = ecosystem.spread_issues(said.assign(after=said["timestamp"] >= middle), base)
    halves = monthly.assign(after=monthly["month"] >= middle).groupby(["outlet", "after"], as_index=False)[
        ["n", "satisfied"]
    ]
    pooled = outlets.pooled_detection(halves.sum())
    router = ecosystem.route(ecosystem.find_issues(said, base), as_of=heard.sample["timestamp"].max())
    life = ecosystem.exposure_gap(heard.sample, bootstrap=200)
    own = ecosystem.control(heard.sample)
    met = ecosystem.observed_exposure(heard.sample)
    return {
        "visits": heard.visits,
        "rated": heard.rated,
        "naive flags": (limits["naive"] != 0).mean(),
        "flags": (limits["flag"] != 0).mean(),
        "flags after case mix": (adjusted["flag"] != 0).mean(),
        "rank width": (rates["rank_high"] - rates["rank_low"]).median(),
        "error ratio": error.ratio,
        "month changes": changes["discovery"].sum(),
        "share of organisation and outlet": parts["share"].head(2).sum(),
        "two organisations": reach["at_least"].iloc[1],
        "moves": moves["count"].sum(),
        "largest removal effect": removal["effect"].iloc[0],
        "top issues": ranked.attrs["carried"],
        "only the whole sees": spread["only_whole"].sum(),
        "pooled change": pooled.change,
        "findings routed": len(router),
        "exposure difference": life.difference,
        "least control": own["control"].iloc[0],
        "hours": len(hours),
        "exposure groups": len(met),
    }


def pandas_numbers(folder: Path) -> dict[str, float]:
    """The same tables in idiomatic pandas: read all, group by; the small numbers after them by the same functions."""
    files = sorted(folder.glob("month=*/visits.parquet"))
    visits = pd.concat([pd.read_parquet(file, columns=COLUMNS) for file in files], ignore_index=True)
    for column in ("outlet", "organisation", "role"):
        visits[column] = visits[column].astype("str")
    visits["satisfied"] = (visits["score"] >= 4).where(visits["score"].notna())
    visits["failed"] = (visits["score"] <= 2).where(visits["score"].notna())
    visits["month"] = visits["timestamp"].dt.to_period("M").dt.to_timestamp()
    cells = visits.groupby(["outlet", "organisation", "role", "month"]).agg(
        visits=("person", "size"), rated=("score", "count"), satisfied=("satisfied", "sum")
    )
    hours = visits.groupby(["organisation", visits["timestamp"].dt.hour])["satisfied"].agg(["count", "mean"])
    people = visits.groupby("person").agg(
        organisations=("organisation", "nunique"),
        roles=("role", "nunique"),
        rated=("score", "count"),
        failed=("failed", "sum"),
    )
    ordered = visits.sort_values(["person", "timestamp"])
    following = ordered.groupby("person")["role"].shift(-1)
    moves = ordered.assign(to=following).dropna(subset=["to"]).groupby(["role", "to"]).size()
    said = visits[(visits["satisfied"] == False) & visits["comment"].notna()]  # noqa: E712
    control = said.groupby(["person", "organisation"]).size()
    return {
        "visits": len(visits),
        "cells": len(cells),
        "two organisations": (people["organisations"] > 1).mean(),
        "moves": moves.sum(),
        "hours": len(hours),
        "complaints": len(said),
        "people and organisations": len(control),
    }


def bare(folder: Path) -> None:
    """DuckDB's bare scan of the columns used (the largest value of each) plus one aggregation (outlet and month)."""
    source = f"read_parquet('{folder}/month=*/visits.parquet')"
    connection = duckdb.connect()
    connection.sql(f"select {', '.join(f'max({name})' for name in COLUMNS)} from {source}").fetchall()
    connection.sql(
        f"select outlet, date_trunc('month', timestamp), count(*), count(score), sum((score >= 4)::int) from {source} "
        "group by all"
    ).fetchall()


def measured(call: Callable[[], object]) -> tuple[float, float, object]:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = call()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start, result


def alone(task: str, folder: Path) -> tuple[float, float, float]:
    """Run a task in a process of its own: CPU seconds, wall seconds, peak memory in GB (imports are not timed)."""
    done = subprocess.run(
        [sys.executable, __file__, "--task", task, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    *lines, last = done.stdout.strip().splitlines()
    print("\n".join(lines))
    cpu, wall, peak = (float(word) for word in last.split())
    return cpu, wall, peak


def run_task(task: str, folder: Path) -> None:
    if task.startswith("write"):
        cpu, wall, _ = measured(lambda: write_visits(folder, visits=int(task.split("-")[1])))
    else:
        import sklearn.decomposition
        import sklearn.feature_extraction.text  # noqa: F401
        from scipy import optimize, special  # noqa: F401

        ecosystem.open_visits(str(folder))
        call = {"page": page_numbers, "pandas": pandas_numbers, "bare": bare}[task]
        cpu, wall, result = measured(lambda: call(folder))
        for name, value in (result or {}).items():
            print(f"    {name}: {float(value):.6g}")
    print(cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def coverage(runs: int) -> None:
    """Simulate 1,300 outlets again and again: error of shrunk rates against raw ones, coverage, false flags."""
    rows = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        n = np.maximum(5, rng.lognormal(4, 1, 1300)).astype(int)
        truth = rng.beta(16, 4, 1300)
        data = pd.DataFrame({"outlet": range(1300), "n": n, "satisfied": rng.binomial(n, truth)})
        fair, limits = outlets.shrink_rates(data, draws=100), outlets.funnel_limits(data)
        raw = (data["satisfied"] / n).to_numpy()
        worst = set(np.argsort(truth)[:20])
        rows.append(
            [
                ((fair["rate"] - truth) ** 2).sum() / ((raw - truth) ** 2).sum(),
                ((fair["low"] <= truth) & (truth <= fair["high"])).mean(),
                (limits["naive"] != 0).mean(),
                (limits["flag"] != 0).mean(),
                len(worst & set(fair["rank"].nlargest(20).index)),
                len(worst & set(np.argsort(raw, kind="stable")[:20])),
            ]
        )
    mean = np.mean(rows, axis=0)
    print(
        f"1,300 outlets, {runs} runs: squared error shrunk / raw {mean[0]:.3f}, coverage of 95 % intervals {mean[1]:.1%}, "
        f"flagged by chance limits {mean[2]:.1%}, with over-dispersion {mean[3]:.2%}; of the worst 20, found by shrunk rank "
        f"{mean[4]:.1f}, by raw rank {mean[5]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="4 million visits instead of 80, 1 million for pandas"
    )
    parser.add_argument("--folder", type=Path, help="where the data go (default: a temporary folder)")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        run_task(options.task, options.folder)
        return
    visits, fewer = (4_000_000, 1_000_000) if options.quick else (80_000_000, 8_000_000)
    print(
        f"Python {platform.python_version()}, duckdb {duckdb.__version__}, pandas {pd.__version__}, {os.cpu_count()} cores"
    )
    coverage(10 if options.quick else 40)
    root = Path(tempfile.mkdtemp(prefix="visits-", dir=options.folder))
    try:
        for name, size in (("all", visits), ("fewer", fewer)):
            _, wall, peak = alone(f"write-{size}", root / name)
            print(f"write {size:,} visits: {wall:.0f} s, peak {peak:.2f} GB")
        floor, page = alone("bare", root / "all"), alone("page", root / "all")
        print(
            f"{visits:,} visits: all numbers of page 07 / DuckDB's scan and one aggregation: CPU {page[0] / floor[0]:.2f}, "
            f"wall {page[1] / floor[1]:.2f} ({page[0]:.1f} against {floor[0]:.1f} CPU seconds); peak {page[2]:.2f} GB"
        )
        ours, theirs = alone("page", root / "fewer"), alone("pandas", root / "fewer")
        print(
            f"{fewer:,} visits: pandas' tables alone / all numbers of page 07: CPU {theirs[0] / ours[0]:.1f}, "
            f"wall {theirs[1] / ours[1]:.1f}; pandas' peak {theirs[2]:.1f} GB, ours {ours[2]:.2f} GB"
        )
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
