"""The funnel against its peers: six ordered steps, seven days from the first, by segment, ten events a customer.

    python tests/bench/bench_funnel.py [--quick | --full] [--folder DIR]

--quick is 1 million events, the default 10 million, --full 10 and 100 million (about 15 minutes, 10 GB of memory for
the peers). Every tool runs once, as a process of its own: CPU seconds (children included), wall seconds, peak memory,
and the customers who finish. The peers live in an environment of their own in the folder, made when it is missing.
'N' tools know no window; all others must finish the same customers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

NAMES = ["visit", "search", "view", "cart", "pay", "done", "help", "return", "share", "rate"]
STEPS = NAMES[:6]
SEGMENTS = ["north", "south", "east", "west", "online"]
PEERS = ["chdb", "polars", "pandas>=3,<4", "pyarrow", "duckdb", "retentioneering", "pm4py"]


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
        n = int(count.sum())
        first = np.cumsum(count) - count
        when = np.cumsum(rng.exponential(18 * 3600e6, n).astype(np.int64))
        begin = 1_700_000_000_000_000 + rng.integers(0, 300 * 86_400_000_000, count.size)
        when += np.repeat(begin - when[first], count)
        forward = rng.random(n) < 0.42
        forward[first] = True
        step = np.cumsum(forward)
        step = (step - np.repeat(step[first], count)) % 6
        other = rng.random(n) < 0.41 / 0.58
        event = np.where(forward, step, np.where(other, 6 + rng.integers(0, 4, n), rng.integers(0, 6, n)))
        table = {
            "user_id": np.repeat(np.arange(customers, customers + count.size), count),
            "event": event.astype(np.uint8),
            "ts": when,
            "segment": np.repeat(rng.integers(0, 5, count.size).astype(np.uint8), count),
        }
        pq.write_table(pa.table(table), folder / f"{i}.parquet")
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


# ---------------------------------------------------------------- the tools: each prints who finished


def _ours(path: str) -> None:
    from cxlab.methods.funnel import Columns, funnel_of_files, rules_of

    result = funnel_of_files(
        [path], rules=rules_of(STEPS, "7d"), columns=Columns("user_id", "event", "ts", "segment")
    )
    print(sum(row["customers"] for row in result.rows() if row["step"] == STEPS[-1]))


def _window(path: str) -> None:
    """How long a second window takes after the scan."""
    from cxlab.methods.funnel import Columns, funnel_of_files, rules_of

    result = funnel_of_files(
        [path], rules=rules_of(STEPS, "7d"), columns=Columns("user_id", "event", "ts", "segment")
    )
    begin = time.perf_counter()
    result.rows("1d")
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    for days in range(2, 12):
        result.rows(f"{days}d")
    print(f"first other window {first * 1000:.0f} ms, then each {(time.perf_counter() - begin) * 100:.2f} ms")


_SCAN = "SELECT user_id, ts, list_position({steps}, event) AS code, segment FROM '{path}' WHERE list_position({steps}, event) IS NOT NULL"


def _duckdb_scan(path: str) -> None:
    import duckdb

    query = _SCAN.format(steps=STEPS, path=path)
    duckdb.sql(f"SELECT sum(user_id), max(ts), sum(code), count(DISTINCT segment) FROM ({query})").fetchall()
    print("-")


def _duckdb_sort(path: str) -> None:
    import duckdb

    query = _SCAN.format(steps=STEPS, path=path)
    inner = f"SELECT *, row_number() OVER () AS r FROM (SELECT * FROM ({query}) ORDER BY user_id, ts)"
    duckdb.sql(
        f"SELECT sum(user_id), max(ts), sum(code), count(segment) FROM ({inner}) WHERE r > 0"
    ).fetchall()
    print("-")


def _chdb(path: str) -> None:
    import chdb

    conditions = ", ".join(f"event = '{step}'" for step in STEPS)
    listed = ", ".join(f"'{step}'" for step in STEPS)
    answer = chdb.query(
        f"SELECT sum(level >= 6) FROM (SELECT user_id, any(segment) AS segment, "
        f"windowFunnel(604800000000)(toUInt64(toUnixTimestamp64Micro(ts)), {conditions}) AS level "
        f"FROM file('{path}', Parquet) WHERE event IN ({listed}) GROUP BY user_id)",
        "CSV",
    )
    print(str(answer).strip())


def _maxima(user, micro, code) -> int:
    """The recurrence as running maxima over rows sorted by customer and time."""
    import numpy as np

    n = user.size
    row = np.arange(n)
    first = np.maximum.accumulate(np.where(np.r_[True, user[1:] != user[:-1]], row, 0))
    latest = np.maximum.accumulate(np.where(code == 0, row, -1))
    for k in range(1, 6):
        rows = np.flatnonzero(code == k)
        before = latest[rows]
        rows, before = rows[before >= first[rows]], before[before >= first[rows]]
        if k == 5:
            return np.unique(user[rows[micro[rows] - micro[before] <= 7 * 86_400_000_000]]).size
        latest = np.full(n, -1)
        latest[rows] = before
        latest = np.maximum.accumulate(latest)
    return 0


def _polars(path: str) -> None:
    import polars as pl

    code = pl.col("event").cast(pl.String).replace_strict(STEPS, list(range(6)), return_dtype=pl.Int8)
    log = pl.scan_parquet(path).filter(pl.col("event").cast(pl.String).is_in(STEPS))
    log = log.select("user_id", "ts", "segment", code=code).sort("user_id", "ts").collect()
    print(_maxima(log["user_id"].to_numpy(), log["ts"].dt.epoch("us").to_numpy(), log["code"].to_numpy()))


def _pandas(path: str) -> None:
    import pandas as pd

    log = pd.read_parquet(path, filters=[("event", "in", STEPS)])
    log["code"] = log.pop("event").map({step: k for k, step in enumerate(STEPS)}).astype("int8")
    log["micro"] = log.pop("ts").astype("datetime64[us]").astype("int64")
    log = log.sort_values(["user_id", "micro"])
    start = log["micro"].where(log["code"] == 0)
    latest = start.groupby(log["user_id"]).cummax()  # times rise within a customer
    latest = latest.groupby(log["user_id"]).ffill()
    for k in range(1, 6):
        reached = latest.where(log["code"] == k)
        if k == 5:
            print(log.loc[log["micro"] - reached <= 7 * 86_400_000_000, "user_id"].nunique())
        latest = reached.groupby(log["user_id"]).ffill()


def _retentioneering(path: str) -> None:
    os.environ["RETENTIONEERING_NO_TRACK"] = "1"
    import pandas as pd
    from retentioneering.eventstream import Eventstream

    log = pd.read_parquet(path).rename(columns={"ts": "timestamp"})
    stream = Eventstream(log)
    print(
        "N",
        _last_number(
            stream.funnel_data(steps=STEPS) if hasattr(stream, "funnel_data") else stream.funnel(steps=STEPS)
        ),
    )


def _last_number(answer) -> str:
    return str(answer).replace("\n", " ")[-60:]


def _pm4py(path: str) -> None:
    import pandas as pd
    import pm4py

    log = pd.read_parquet(path, filters=[("event", "in", STEPS)])
    log = log.rename(
        columns={"user_id": "case:concept:name", "event": "concept:name", "ts": "time:timestamp"}
    )
    log["case:concept:name"] = log["case:concept:name"].astype(str)
    log["time:timestamp"] = pd.to_datetime(log["time:timestamp"], utc=True)
    left = log
    for k in range(2, 7):
        left = (
            pm4py.filter_eventually_follows_relation(left, [(STEPS[k - 2], STEPS[k - 1])]) if k == 2 else left
        )
        from pm4py.algo.filtering.pandas.ltl import ltl_checker

        left = ltl_checker.eventually_follows(left, STEPS[:k])
    print("N", left["case:concept:name"].nunique())


TOOLS = {
    "cxlab": _ours,
    "duckdb scan": _duckdb_scan,
    "duckdb sort": _duckdb_sort,
    "chdb windowFunnel": _chdb,
    "polars": _polars,
    "pandas": _pandas,
    "retentioneering (N)": _retentioneering,
    "pm4py (N)": _pm4py,
    "second window": _window,
}
OWN = ("cxlab", "duckdb scan", "duckdb sort", "second window")


def peers_python(folder: Path) -> Path:
    """Return the interpreter of the peers' environment, made when it is missing."""
    python = folder / "peers" / "bin" / "python"
    if not python.exists():
        print("making the peers' environment (about 1.5 GB) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "peers")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


def versions(python: Path) -> str:
    code = (
        "from importlib.metadata import version as v, PackageNotFoundError as E\n"
        "for n in ('duckdb','numpy','numba','chdb','polars','pandas','retentioneering','pm4py'):\n"
        "    try: print(n, v(n), end='; ')\n"
        "    except E: pass"
    )
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout


def measure(python: Path, tool: str, path: Path) -> tuple[float, float, float, str]:
    """Return CPU seconds, wall seconds, peak GB and the answer of one run."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(python), __file__, "--tool", tool, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, error = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    answer = out.strip().splitlines()[-1] if out.strip() else f"failed: {error.strip().splitlines()[-1:]}"
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024 / 1e9, answer


def compare(path: Path, python: Path, tools: list[str]) -> dict[str, tuple]:
    measured = {}
    for tool in tools:
        own = tool in OWN
        measured[tool] = measure(Path(sys.executable) if own else python, tool, path)
        cpu, wall, memory, answer = measured[tool]
        ratio = (
            f"{cpu / measured['cxlab'][0]:6.1f} x our CPU"
            if "cxlab" in measured and tool != "second window"
            else ""
        )
        print(
            f"{tool:22s} CPU {cpu:7.2f} s  wall {wall:7.2f} s  peak {memory:5.2f} GB  {ratio}  {answer}",
            flush=True,
        )
    if {"cxlab", "duckdb scan", "duckdb sort"} <= measured.keys():
        floor = measured["duckdb scan"][1] + measured["duckdb sort"][1]
        print(f"wall against DuckDB's scan plus sort: {measured['cxlab'][1] / floor:.2f}", flush=True)
    return measured


def main() -> int:
    """Run the comparison and print plain lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 million events")
    parser.add_argument("--full", action="store_true", help="10 and 100 million events")
    parser.add_argument("--events", type=int, nargs="*", help="other sizes")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[2] / "bench-data")
    parser.add_argument("--tools", nargs="*", choices=list(TOOLS), help="only these")
    parser.add_argument("--keep", action="store_true", help="keep the generated logs")
    parser.add_argument("--tool", nargs=2, metavar=("TOOL", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.tool:
        TOOLS[arguments.tool[0]](arguments.tool[1])
        return 0
    sizes = arguments.events or ([1_000_000] if arguments.quick else [10_000_000])
    if arguments.full:
        sizes = [10_000_000, 100_000_000]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    python = peers_python(arguments.folder)
    print("here:", versions(Path(sys.executable)))
    print("peers:", versions(python))
    walls = {}
    for size in sizes:
        path = arguments.folder / f"events_{size}.parquet"
        if not path.exists():
            # In a process of its own: a child's peak memory starts at what its parent held when it was made.
            maker = multiprocessing.get_context("spawn").Process(target=generate, args=(path, size))
            maker.start()
            maker.join()
            if maker.exitcode:
                raise SystemExit("the log could not be made")
        print(f"\n{size:,} events, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        measure(Path(sys.executable), "cxlab", path)  # once for the compiled pass's cache and the disk's
        tools = arguments.tools or [
            tool for tool in TOOLS if size <= 20_000_000 or tool not in ("retentioneering (N)", "pm4py (N)")
        ]
        measured = compare(path, python, tools)
        if "cxlab" in measured:
            walls[size] = measured["cxlab"][1]
        if not arguments.keep:
            path.unlink()
    if len(walls) > 1:
        (small, first), (large, last) = list(walls.items())[0], list(walls.items())[-1]
        print(
            f"\ntime grows {last / first / (large / small):.2f} times as fast as the data from {small:,} to {large:,}"
        )
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raise SystemExit(main())
