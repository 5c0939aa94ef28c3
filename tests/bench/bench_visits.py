"""A year of 80 million visits: all answers of page 07 against DuckDB's bare scan; coverage of intervals.

    python tests/bench/bench_visits.py [--quick] [--folder FOLDER]

Prints ratios of CPU time and of wall time (linear algebra on one thread: its waiting threads would count as
CPU), peak memory, and coverage of the intervals in worlds whose truth is known. Data go to a folder that is
removed afterwards (about 0.5 GB for 80 million visits).
"""

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

from cxlab.data.table import Table
from cxlab.data.visits import COLUMNS
from cxlab.questions import ecosystem, outlets
from cxlab.stats.chains import transition_matrix
from cxlab.stats.rates import funnel_limits, shrink_rates, variance_components
from cxlab.worlds.visits import make_outlets, make_visits

ANSWERS = (
    *(outlets.differ, ecosystem.heard, outlets.league, outlets.whose, ecosystem.changes, ecosystem.exposure),
    *(ecosystem.matters, ecosystem.who_can_act),
)


def write(folder: Path, visits: int, part: int = 4_000_000) -> None:
    """Write a year of visits in parts: other people come to the same outlets."""
    folder.mkdir()
    outlets = make_outlets(rng=1)
    for start in range(0, visits, part):
        frame = make_visits(min(part, visits - start), outlets=outlets, rng=start)
        frame["person"] += start
        frame.to_parquet(folder / f"{start}.parquet", index=False)


def page(folder: Path) -> dict[str, float]:
    """Answer every question of page 07 that the visits can answer, with its picture."""
    import ibis

    stored = ibis.duckdb.connect().read_parquet(f"{folder}/*.parquet")
    visits, numbers = Table(frame=stored, kind="visits", bootstrap=200), {}
    for ask in ANSWERS:
        answer = ask(visits)
        answer.figure()
        numbers |= {name: number.value for name, number in answer.numbers.items()}
    return numbers


def bare(folder: Path) -> None:
    """DuckDB's bare scan of the columns used (the largest of each) plus one aggregation."""
    source, connection = f"read_parquet('{folder}/*.parquet')", duckdb.connect()
    connection.sql(f"select {', '.join(f'max({name})' for name in COLUMNS)} from {source}").fetchall()
    counts = "count(*), count(score), sum((score >= 4)::int)"
    connection.sql(
        f"select outlet, date_trunc('month', timestamp), {counts} from {source} group by all"
    ).fetchall()


def measured(call: Callable[[], object]) -> tuple[float, float, object]:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = call()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start, result


def alone(task: str, folder: Path) -> tuple[float, float, float]:
    """Run a task in a process of its own: CPU seconds, wall seconds, peak memory in GB, without imports."""
    command = [sys.executable, __file__, "--task", task, "--folder", str(folder)]
    one = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=one)
    *lines, last = done.stdout.strip().splitlines()
    print("\n".join(lines))
    cpu, wall, peak = (float(word) for word in last.split())
    return cpu, wall, peak


def run_task(task: str, folder: Path) -> None:
    if task.startswith("write"):
        cpu, wall, _ = measured(lambda: write(folder, int(task.split("-")[1])))
    else:
        import ibis
        import plotly.graph_objects  # noqa: F401
        import sklearn.decomposition
        import sklearn.feature_extraction.text  # noqa: F401
        from scipy import optimize, special, stats  # noqa: F401

        ibis.duckdb.connect()
        cpu, wall, result = measured(lambda: {"page": page, "bare": bare}[task](folder))
        for name, value in (result or {}).items():
            print(f"    {name}: {float(value):.6g}")
    print(cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def outlets_world(rng: np.random.Generator, k: int, a: float) -> tuple[pd.DataFrame, np.ndarray]:
    n = np.maximum(1, rng.lognormal(4, 1, k)).astype(int)
    truth = rng.beta(a, a / 4, k) if a < 1e6 else np.full(k, 0.8)
    return pd.DataFrame({"outlet": range(k), "n": n, "satisfied": rng.binomial(n, truth)}), truth


def coverage(runs: int) -> None:
    """Print how often 95 % intervals hold the truth, and how often anything is found where nothing is."""
    for k, a in [(k, a) for k in (6, 10, 30, 1300) for a in (16, 1e6)]:
        held, found = [], []
        for seed in range(runs if k < 1000 else runs // 10):
            data, truth = outlets_world(np.random.default_rng([k, seed]), k, a)
            fair = shrink_rates(data, draws=1)
            held.append(((fair["low"] <= truth) & (truth <= fair["high"])).mean())
            found.append(funnel_limits(data)["discovery"].any())
        kind = "alike" if a > 100 else "an ordinary spread"
        print(
            f"{k} outlets, {kind}: rates covered {np.mean(held):.3f}; any outlet found {np.mean(found):.3f}"
        )
    for uneven in (False, True):
        held = []
        for seed in range(runs):
            rng = np.random.default_rng(seed)
            home = rng.choice(4, 100, p=[0.55, 0.15, 0.15, 0.15]) if uneven else np.arange(100) % 4
            outlet, person = rng.integers(0, 100, 2000), rng.integers(0, 1000, 2000)
            score = rng.standard_normal(4)[home[outlet]] * 0.5 + rng.standard_normal(100)[outlet] * 0.4
            score += rng.standard_normal(1000)[person] * 0.6 + rng.standard_normal(2000)
            data = pd.DataFrame(
                {"score": score, "organisation": home[outlet], "outlet": outlet, "person": person}
            )
            found = variance_components(data, bootstrap=200, rng=seed, together=["organisation", "outlet"])
            held.append(found["low"].iloc[-1] <= 0.41 / 1.77 <= found["high"].iloc[-1])
        print(f"4 {'uneven' if uneven else 'even'} organisations: the place covered {np.mean(held):.3f}")
    held = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        guest = rng.random((100, 8)) < rng.beta(0.6, 2.4, 100)[:, None]
        role = np.stack([np.full((100, 8), "a"), np.where(guest, "b", "c")], axis=2).ravel()
        data = pd.DataFrame(
            {"person": np.repeat(range(100), 16), "role": role, "timestamp": np.tile(range(16), 100)}
        )
        row = transition_matrix(data).query("`from` == 'a' and to == 'b'").iloc[0]
        held.append(row["low"] <= 0.2 <= row["high"])
    print(f"transitions of 100 people who differ: covered {np.mean(held):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 million visits instead of 80")
    parser.add_argument("--folder", type=Path, help="where the data go (default: a temporary folder)")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        run_task(options.task, options.folder)
        return
    visits = 4_000_000 if options.quick else 80_000_000
    versions = f"duckdb {duckdb.__version__}, pandas {pd.__version__}, {os.cpu_count()} cores"
    print(f"Python {platform.python_version()}, {versions}")
    coverage(60 if options.quick else 400)
    root = Path(tempfile.mkdtemp(prefix="visits-", dir=options.folder))
    try:
        _, wall, peak = alone(f"write-{visits}", root / "all")
        print(f"write {visits:,} visits: {wall:.0f} s, peak {peak:.2f} GB")
        floor, found = alone("bare", root / "all"), alone("page", root / "all")
        cpu, wall = found[0] / floor[0], found[1] / floor[1]
        print(f"{visits:,} visits, page 07 / scan and one aggregation: CPU {cpu:.2f}, wall {wall:.2f}")
        print(f"{found[0]:.1f} against {floor[0]:.1f} CPU seconds; peak {found[2]:.2f} GB")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
