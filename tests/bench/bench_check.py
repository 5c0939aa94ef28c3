"""How fast is ``cxlab check`` on a large event log, beside DuckDB merely reading it?

``python tests/bench/bench_check.py [--quick] [--rows N]`` writes a CSV of ten million events (a million with
``--quick``), reads it with DuckDB (every column counted), checks it, and prints wall and CPU ratios and peak
memory, each in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

READ = """
import duckdb
con = duckdb.connect()
con.execute("set enable_progress_bar = false")
print(con.execute("select count(customer_id), count(event), count(timestamp), count(segment) from read_csv(?,
{options})", [path]).fetchone())
"""
TEXT, TYPED = "all_varchar = true", "auto_detect = true"
CHECK = """
from cxlab.evidence.check import check_file
report = check_file(path, table="events")
assert report.ok, report.lines()
print(report.lines()[0])
"""
OPEN = """
import cxlab as cx
table = cx.open_table(path, kind="events")
print(table.count().execute())
"""


def measure(code: str, path: Path) -> dict[str, float]:
    """Run code in a fresh process.

    Return wall and CPU seconds of the work, and its peak memory in gigabytes.
    """
    frame = (
        "import sys, time, resource, json\npath = sys.argv[1]\nstart = time.perf_counter()\n" + code + "\n"
        "use = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps(dict(wall=time.perf_counter() - start, "
        "cpu=use.ru_utime + use.ru_stime, gb=use.ru_maxrss / 2**20)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", frame, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def write_log(path: Path, rows: int) -> None:
    """Write a log of ``rows`` events, ten a customer, with DuckDB."""
    import duckdb

    query = (
        "select 'u' || (range // 10) as customer_id, 'event_' || (range * 7919 % 10) as event, "
        "timestamp '2026-01-01' + to_seconds(range * 104729 % 31536000) as timestamp, "
        "'segment ' || (range // 10 % 5) as segment "
        f"from range({rows})"
    )
    duckdb.execute(f"copy ({query}) to '{path}' (format csv, header true)")


def main() -> None:
    """Print the ratios."""
    import duckdb

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int)
    arguments = parser.parse_args()
    rows = arguments.rows or (1_000_000 if arguments.quick else 10_000_000)
    folder = os.environ.get("CXLAB_BENCH_DATA")
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary) / "events.csv"
        write_log(path, rows)
        print(
            f"check of {rows:,} events ({path.stat().st_size / 1e6:,.0f} MB CSV), "
            f"duckdb {duckdb.__version__}, {os.cpu_count()} cores"
        )
        runs = {
            "duckdb reads it as text": READ.format(options=TEXT),
            "duckdb reads it with types": READ.format(options=TYPED),
            "cxlab check": CHECK,
            "open_table and count": OPEN,
        }
        seen = {
            name: min((measure(code, path) for _ in range(2)), key=lambda run: run["wall"])
            for name, code in runs.items()
        }
        base = seen["duckdb reads it as text"]
        for name, run in seen.items():
            print(
                f"  {name:28} {run['wall']:6.2f} s wall ({run['wall'] / base['wall']:.2f} x)   "
                f"{run['cpu']:6.2f} s CPU "
                f"({run['cpu'] / base['cpu']:.2f} x)   {run['gb']:.2f} GB"
            )


if __name__ == "__main__":
    main()
