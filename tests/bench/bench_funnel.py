"""The funnel against the floor: six ordered steps, seven days, five segments, ten events a customer.

    python tests/bench/bench_funnel.py [--quick | --full] [--folder DIR] [--against PYTHON]

--quick is 1 million events, the default 10 million, --full 100 million. Every tool runs three times in turns,
each a process of its own: least CPU seconds, wall seconds, peak memory, and the customers who finish.
``--against`` names the interpreter of an older copy of the package, to compare with.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

NAMES = ["visit", "search", "view", "cart", "pay", "done", "help", "return", "share", "rate"]
STEPS = NAMES[:6]
SEGMENTS = ["north", "south", "east", "west", "online"]
SCAN = f"SELECT user_id, ts, list_position({STEPS}, event) AS code, segment FROM '{{path}}'"
SCAN += " WHERE code IS NOT NULL"
ASK = """
import sys, time
from cxlab.stats.funnel.files import funnel_of_files
from cxlab.stats.funnel.scan import Columns
try:
    from cxlab.stats.funnel.scan import rules_of
except ImportError:
    from cxlab.stats.funnel.rules import rules_of
path = sys.argv[1]
columns = Columns("user_id", "event", "ts", "segment")
result = funnel_of_files(path, rules=rules_of(STEPS, "7d"), columns=columns)
print(sum(row["customers"] for row in result.rows() if row["step"] == STEPS[-1]))
begin = time.perf_counter()
result.rows("1d")
first = time.perf_counter() - begin
print(f"another window {first * 1000:.0f} ms", file=sys.stderr)
"""
FLOOR = """
import duckdb, sys
scan = SCAN.format(path=sys.argv[1])
duckdb.sql(f"SELECT sum(user_id), max(ts), sum(code), count(DISTINCT segment) FROM ({scan})").fetchall()
rows = f"SELECT *, row_number() OVER () AS r FROM (SELECT * FROM ({scan}) ORDER BY user_id, ts)"
duckdb.sql(f"SELECT sum(user_id), max(ts), sum(code), count(segment) FROM ({rows}) WHERE r > 0").fetchall()
print("-")
"""
PANDAS = """
import pandas as pd, sys
log = pd.read_parquet(sys.argv[1], filters=[("event", "in", STEPS)])
log["code"] = log.pop("event").map({step: k for k, step in enumerate(STEPS)}).astype("int8")
log["micro"] = log.pop("ts").astype("datetime64[us]").astype("int64")
log = log.sort_values(["user_id", "micro"])
latest = log["micro"].where(log["code"] == 0).groupby(log["user_id"]).cummax().groupby(log["user_id"]).ffill()
for k in range(1, 6):
    reached = latest.where(log["code"] == k)
    latest = reached.groupby(log["user_id"]).ffill()
print(log.loc[log["micro"] - reached <= 7 * 86_400_000_000, "user_id"].nunique())
"""


def generate(path: Path, n_events: int, seed: int = 1, block: int = 500_000) -> None:
    """Write a log in order of time: customers with about ten events each, five segments, ten event names."""
    import duckdb
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    folder = path.with_suffix(".parts")
    folder.mkdir(parents=True, exist_ok=True)
    made = customers = i = 0
    while made < n_events:
        count = 1 + rng.negative_binomial(2, 2 / 11, min(block, n_events))
        if made + count.sum() > n_events:
            count = count[: int(np.searchsorted(np.cumsum(count), n_events - made)) + 1]
            count[-1] -= int(count.sum()) - (n_events - made)
            count = count[count > 0]
        n, first = int(count.sum()), np.cumsum(count) - count
        when = np.cumsum(rng.exponential(18 * 3600e6, n).astype(np.int64))
        begin = 1_700_000_000_000_000 + rng.integers(0, 300 * 86_400_000_000, count.size)
        when += np.repeat(begin - when[first], count)
        forward = rng.random(n) < 0.42
        forward[first] = True
        step = np.cumsum(forward)
        step = (step - np.repeat(step[first], count)) % 6
        other = rng.random(n) < 0.41 / 0.58
        event = np.where(forward, step, np.where(other, 6 + rng.integers(0, 4, n), rng.integers(0, 6, n)))
        user = np.repeat(np.arange(customers, customers + count.size), count)
        segment = np.repeat(rng.integers(0, 5, count.size).astype(np.uint8), count)
        table = pa.table({"user_id": user, "event": event.astype(np.uint8), "ts": when, "segment": segment})
        pq.write_table(table, folder / f"{i}.parquet")
        customers, made, i = customers + count.size, made + n, i + 1
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit='4GB'; SET temp_directory='{folder}'")
    connection.execute(
        f"COPY (SELECT user_id, ({NAMES})[event + 1] AS event, make_timestamp(ts) AS ts, "
        f"({SEGMENTS})[segment + 1] AS segment FROM '{folder}/*.parquet' ORDER BY ts) "
        f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    )
    connection.close()
    shutil.rmtree(folder)


def measure(python: str, code: str, path: Path) -> tuple[float, float, float, str]:
    """Return CPU seconds, wall seconds, peak GB and the answer of one run."""
    begin = time.perf_counter()
    words = [python, "-c", f"STEPS = {STEPS}\nSCAN = {SCAN!r}\n{code}", str(path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, error = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    answer = f"{out.strip()} {error.strip().splitlines()[-1:] if error.strip() else ''}"
    cpu = usage.ru_utime + usage.ru_stime
    return cpu, time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e9, answer


def main() -> int:
    """Run the comparison and print plain lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 million events")
    parser.add_argument("--full", action="store_true", help="100 million events")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[2] / "bench-data")
    parser.add_argument("--against", help="interpreter of an older copy of the package")
    arguments = parser.parse_args()
    size = 1_000_000 if arguments.quick else 100_000_000 if arguments.full else 10_000_000
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / f"events_{size}.parquet"
    if not path.exists():
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        code += f"from bench_funnel import generate, Path\ngenerate(Path({str(path)!r}), {size})"
        subprocess.run([sys.executable, "-c", code], check=True)  # its peak memory is not ours
    tools = {"cxlab": (sys.executable, ASK), "duckdb scan and sort": (sys.executable, FLOOR)}
    if arguments.against:
        tools["older copy"] = (arguments.against, ASK)
    if size <= 10_000_000:
        tools["pandas"] = (sys.executable, PANDAS)
    found: dict[str, list] = {name: [] for name in tools}
    measure(*tools["cxlab"], path)  # once for the disk's cache
    for _ in range(3):
        for name, (python, code) in tools.items():
            found[name].append(measure(python, code, path))
    own = min(run[0] for run in found["cxlab"])
    print(f"{size:,} events, {path.stat().st_size / 1e6:.0f} MB; least of three runs in turns")
    for name, runs in found.items():
        cpu, wall, peak = (min(run[i] for run in runs) for i in range(3))
        ratio = f"{cpu / own:5.2f} x our CPU"
        print(f"{name:22s} CPU {cpu:6.2f} s  wall {wall:6.2f} s  peak {peak:5.2f} GB  {ratio}  {runs[-1][3]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
