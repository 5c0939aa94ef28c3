"""What the benches and tests share.

Coverage of intervals in worlds whose truth is known, titles of charts, and what a chart's move costs.
"""

import sys
import timeit
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go

Limits = list[tuple[str, float, float, float]]  # what, low, truth, high
World = Callable[[np.random.Generator], Limits]


def coverage(world: World, runs: int, seed: int) -> dict[str, float]:
    """Share of runs whose interval holds the truth, for each interval of a world."""
    held: dict[str, list[bool]] = defaultdict(list)
    for run in range(runs):
        for what, low, truth, high in world(np.random.default_rng([seed, run])):
            held[what].append(low <= truth <= high)
    return {what: float(np.mean(values)) for what, values in held.items()}


def title(result) -> str:
    """The title of a result's chart, on one line."""
    return result.figure().layout.title.text.replace("<br>", " ")


def words(result) -> str:
    """The finding and the title of a result."""
    return result.finding + " " + title(result)


def print_coverage(name: str, worlds: list[World], seed: int) -> int:
    """Print the coverage of every world; return the runs of each: 400, or 60 with ``--quick``."""
    runs = 60 if "--quick" in sys.argv else 400
    print(
        f"{name}: coverage of 95 % intervals in {runs} runs (wanted .91 to .97); "
        f"numpy {np.__version__}, pandas {pd.__version__}"
    )
    for world in worlds:
        for what, share in coverage(world, runs, seed).items():
            print(f"  {what}: {share:.3f}")
    return runs


def print_redraws(draws: dict[str, Callable[[], go.Figure]]) -> None:
    """Print the best of seven draws of each chart, as the page needs it."""
    for name, draw in draws.items():
        draw()
        best = min(timeit.repeat(lambda draw=draw: draw().to_json(), number=1, repeat=7))
        print(f"  redraw {name}: {best * 1000:.0f} ms (live limit 150, report 100)")


def lines(made) -> list[tuple]:
    """Every customer's line of a scan, to compare two ways to the last customer."""
    rows = (zip(part.entered, part.segment, *part.durations, strict=True) for part in made.found)
    return sorted((start, made.labels[code], *times) for part in rows for start, code, *times in part)
