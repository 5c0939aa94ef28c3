"""How fast are large files read and checked, beside DuckDB merely reading them as text?

``python tests/bench/bench_check.py [--quick] [--against PYTHON]`` writes a log of ten million events (CSV and
Parquet) and a survey of a million rows (a tenth with ``--quick``) and runs ``cxlab check`` on each, in turns
with DuckDB, and with the older copy of the package of another interpreter. Prints the least CPU and wall
seconds of three runs, as ratios to DuckDB, and peak memory.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READ = """
import duckdb, sys
path = sys.argv[1]
source = f"read_csv('{path}', all_varchar = true)" if path.endswith("csv") else f"'{path}'"
print(duckdb.sql(f"SELECT count(COLUMNS(*)) FROM {source}").fetchall())
"""
LOG = """SELECT 'u' || (i // 10) AS customer_id, 'event_' || (i * 7919 % 10) AS event,
TIMESTAMP '2026-01-01' + to_seconds(i * 104729 % 31536000) AS timestamp,
'segment ' || (i // 10 % 5) AS segment FROM range({rows}) t(i)"""
ITEMS = ", ".join(f"1 + hash(i * 31 + {k}) % 10 AS q{k}" for k in range(12))
SIDES = """file: survey.csv
columns: {id: respondent}
blocks: {product: [q0, q1, q2, q3, q4, q5], experience: [q6, q7, q8, q9, q10, q11]}
outcomes: {loyalty: [recommend]}
"""
SURVEY = f"SELECT i AS id, hash(i) % 11 AS recommend, {ITEMS} FROM range({{rows}}) t(i)"


def measure(words: list[str]) -> tuple[float, float, float]:
    """Run a command; return its CPU seconds, wall seconds and peak memory in GB."""
    begin = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    """Print the ratios."""
    import duckdb

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--against", help="interpreter of an older copy of the package")
    asked = parser.parse_args()
    part = 10 if asked.quick else 1
    with tempfile.TemporaryDirectory(dir=os.environ.get("CXLAB_BENCH_DATA")) as folder:
        for name, query, rows, kind in (
            ("log.csv", LOG, 10_000_000, "events"),
            ("log.parquet", LOG, 10_000_000, "events"),
            ("survey.csv", SURVEY, 1_000_000, "survey"),
        ):
            path = str(Path(folder) / name)
            mapping = Path(folder) / "survey.yaml"
            mapping.write_text(
                f"table: survey\nrange: [1, 10]\nranges: {{recommend: [0, 10]}}\n{SIDES}", "utf-8"
            )
            duckdb.sql(f"COPY ({query.format(rows=rows // part)}) TO '{path}'")
            check = ["-m", "cxlab", "check", path, "--table", kind]
            check += ["--mapping", str(mapping)] if kind == "survey" else []
            tools = {"duckdb": [sys.executable, "-c", READ, path], "cxlab": [sys.executable, *check]}
            if asked.against:
                tools["older copy"] = [asked.against, *check]
            found: dict[str, list] = {tool: [] for tool in tools}
            for tool in [*tools] * 3:
                found[tool].append(measure(tools[tool]))
            print(f"{name}, {rows // part:,} rows, {os.path.getsize(path) / 1e6:.0f} MB")
            floor = [min(run[i] for run in found["duckdb"]) for i in range(2)]
            for tool, runs in found.items():
                cpu, wall, peak = (min(run[i] for run in runs) for i in range(3))
                ratios = f"({cpu / floor[0]:.2f} and {wall / floor[1]:.2f} x DuckDB)"
                print(f"  {tool:12} CPU {cpu:6.2f} s  wall {wall:6.2f} s  {ratios}  peak {peak:.2f} GB")


if __name__ == "__main__":
    main()
