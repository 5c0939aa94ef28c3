"""Random studies whose reports are attacked by sums and differences, and hostile input by the hundred.

Run ``.venv/bin/python tests/bench/bench_hostile.py [--quick] [studies [funnels [cases [first study]]]]``.
A study's people are known, so that an attack counts only where it finds a true count of 1 to 4 people of
one segment.
"""

import contextlib
import io
import itertools
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

FEW = range(1, 5)
ROOT = Path(__file__).parents[2]
STEPS = ["view", "cart", "pay", "again"]
RESULT, EXPLORE = "application/vnd.cxlab.result+json", "application/vnd.cxlab.explore+json"
NO_PEOPLE = {"claims", "surveys"}  # units of numbers whose n counts no people
PEOPLE = {"n", "people", "respondents", "customers", "contacts", "visits", "missing", "through", "count"}
PEOPLE |= {"n below", "n above", "checked", "at risk"}
UNITS = {"people", "respondents", "customers", "contacts", "visits"}


# ---------------------------------------------------------------- random studies


def make_study(folder: Path, seed: int) -> dict[str, pd.DataFrame]:
    """Write a study with a survey, a log, contacts and visits, each of other people; return its tables.

    The column ``region`` tells segments apart.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    names = [f"Reg{seed}{letter}" for letter in "abcdef"[: rng.integers(2, 7)]]

    def regions() -> np.ndarray:
        sizes = rng.choice([1, 2, 3, 4, 5, 6, 8, 12, 20, 35, 60, 120], len(names))
        sizes[rng.integers(len(names))] = rng.integers(70, 140)
        return np.repeat(names, sizes)

    region = regions()
    liking = rng.normal(size=len(region))
    answers = pd.DataFrame(
        {
            f"q{i}": (5.5 + 1.5 * liking + rng.normal(0, 1.5, len(region))).round().clip(1, 10)
            for i in range(6)
        }
    )
    for outcome, low in (("nps", 0), ("again", 1)):
        answers[outcome] = (6 + 2 * liking + rng.normal(0, 1.5, len(region))).round().clip(low, 10)
    answers = answers.mask(rng.random(answers.shape) < rng.choice([0, 0.003, 0.01, 0.03, 0.1]))
    answers["region"] = np.where(rng.random(len(region)) < rng.choice([0, 0.02]), None, region)
    answers["plan"] = rng.choice(["x", "y", "z"], len(region), p=[0.6, 0.3, 0.1])
    answers["w"] = rng.uniform(0.5, 2, len(region)).round(2)
    survey = {
        "table": "survey", "file": "answers.csv", "outcomes": {"recommend": ["nps"], "again": ["again"]},
        "blocks": {"product": ["q0", "q1", "q2"], "experience": ["q3", "q4", "q5"]},
        "segments": ["region", "plan"], **({"weights": "w"} if rng.random() < 0.5 else {}),
    }  # fmt: skip
    rows = []
    for person, own in enumerate(regions()):
        at = pd.Timestamp("2026-01-01") + pd.Timedelta(hours=float(rng.uniform(0, 2000)))
        for step in STEPS:
            rows.append((f"c{person}", step, at, own))
            at += pd.Timedelta(hours=float(rng.exponential(60)))
            if rng.random() < 0.25:
                break
    log = pd.DataFrame(rows, columns=["customer_id", "event", "timestamp", "region"])
    tables = {"survey": answers, "events": log}
    for kind in ("contacts", "visits"):
        own = pd.DataFrame({"region": regions()})
        own["customer" if kind == "contacts" else "person"] = [f"{kind[0]}{i}" for i in range(len(own))]
        own = own.loc[own.index.repeat(rng.integers(1, 4, len(own)))].reset_index(drop=True)
        if kind == "contacts":
            own["coded_reason"] = rng.choice(["bill", "late", "broken", "price"], len(own))
            audited = rng.random(len(own)) < 0.4
            own["second_coding"] = own["coded_reason"].where(audited & (rng.random(len(own)) < 0.8), "late")
            own["second_coding"] = own["second_coding"].where(audited)
        else:
            own["outlet"] = rng.choice([f"o{i}" for i in range(6)], len(own))
            own["role"] = rng.choice(["visitor", "guest", "resident"], len(own), p=[0.7, 0.25, 0.05])
            own["timestamp"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(
                rng.integers(0, 900, len(own)), "D"
            )
            own["score"] = rng.integers(1, 11, len(own))
        tables[kind] = own
    for kind, table in tables.items():
        file = {"survey": "answers", "events": "log"}.get(kind, kind) + ".csv"
        table.to_csv(folder / file, index=False)
        mapping = survey if kind == "survey" else {"table": kind, "file": file}
        (folder / f"{kind}.yaml").write_text(yaml.safe_dump(mapping))
    named = {kind: f"{kind}.yaml" for kind in tables}
    (folder / "params.yaml").write_text(yaml.safe_dump({"study": "T", "tables": named}))
    return tables


def say(arguments: list[str]) -> tuple[int, str, str]:
    """Run ``cxlab`` in this process; return exit code, output and messages."""
    from cxlab.workbook.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as left:
            code = left.code
    return code, out.getvalue(), err.getvalue()


# ---------------------------------------------------------------- attacks


def funnel_leaks(folder: Path, log: pd.DataFrame, window: str) -> list[str]:
    """Return what ``cxlab funnel --by`` and the whole sample's funnel tell of 1 to 4 people of a segment.

    A count is told when it is a sum and difference of printed ones: when its row lies in the span of theirs.
    """
    command = ["funnel", str(folder / "log.csv"), "--steps", ",".join(STEPS), "--window", window]
    code, out, err = say([*command, "--by", "region", "--format", "json"])
    assert code == 0, err
    document = json.loads(out)
    names = sorted(log["region"].unique())
    place = {(name, step): i for i, (name, step) in enumerate(itertools.product(names, STEPS))}
    told = [[float(key == (row["segment"], row["step"])) for key in place] for row in document["table"]]
    told += [[float(key[1] == step) for key in place] for step in STEPS]
    true = brute_funnel(log, pd.Timedelta(window.upper()))
    for row in document["table"]:
        assert row["customers"] == true[row["segment"], row["step"]]
    rank = np.linalg.matrix_rank(np.array(told))
    leaks = []
    for name in names:
        for i, step in enumerate(STEPS):
            for earlier in [None, *STEPS[:i]]:
                row = np.zeros(len(place))
                row[place[name, step]] = 1.0
                if earlier:
                    row[place[name, earlier]] = -1.0
                count = abs(true[name, step] - (true[name, earlier] if earlier else 0))
                if count in FEW and np.linalg.matrix_rank(np.vstack([told, row])) == rank:
                    leaks.append(f"{name} {earlier or ''}-{step}: {count}")
    hidden = [name for name in names if not any(row["segment"] == name for row in document["table"])]
    return leaks + [f"{name} is named" for name in hidden if name in out + err]


def brute_funnel(log: pd.DataFrame, window: pd.Timedelta) -> dict[tuple[str, str], int]:
    """Count customers of a segment who made the steps in order; here nobody makes a step twice."""
    times = log.pivot(index=["region", "customer_id"], columns="event", values="timestamp")[STEPS]
    found = {}
    for i, step in enumerate(STEPS):
        made = (times[step] - times[STEPS[0]] <= window) & times[STEPS[: i + 1]].notna().all(axis=1)
        for name, count in made.groupby(level="region").sum().items():
            found[name, step] = int(count)
    return found


def _page(path: Path) -> list[dict]:
    """Return every result and explorer of a published notebook: place, table cells, numbers, sentences."""
    found = []
    for place, cell in enumerate(json.loads(path.read_text())["cells"]):
        turn = 0
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if RESULT in data:
                result, cells = data[RESULT], {}
                table = result["table"] or {"columns": [], "rows": []}
                for number, row in enumerate(table["rows"]):
                    label = "|".join(v for v in row if isinstance(v, str)) or str(number)
                    for column, value in zip(table["columns"], row, strict=True):
                        if column in PEOPLE and isinstance(value, int | float) and value == int(value):
                            cells[label, column] = int(value)
                bases = {
                    n["name"]: n["n"]
                    for n in result["numbers"]
                    if n["n"] and not NO_PEOPLE & {*n["unit"].split()}
                }
                values = [n["value"] for n in result["numbers"] if n["unit"] in UNITS]
                text = " ".join([result["finding"], *result["cautions"]])
                bars = []
            elif EXPLORE in data:
                cells, bases, values, figures = {}, {}, [], data[EXPLORE]["figures"]
                text = " ".join(figure["finding"] for figure in figures)
                bars = [
                    [int(t.split(" (")[0].replace(",", "")) for t in trace.get("text") or () if " (" in t]
                    for figure in figures for trace in figure["data"]
                ]  # fmt: skip
            else:
                continue
            said = re.findall(
                r"(\d[\d,]*)(?: of (\d[\d,]*))? (?:answered|respond|custom|people|contact|visit)", text
            )
            said = [int(n.replace(",", "")) for pair in said for n in pair if n]
            facts = {"cells": cells, "bases": bases, "values": values, "said": said, "bars": bars}
            found.append({"at": (place, turn), "source": data.get(RESULT, {}).get("source", ""), **facts})
            turn += 1
    return found


def _true_counts(tables: dict[str, pd.DataFrame], name: str) -> dict[str, set[int]]:
    """Return table -> how many rows, people and complete answers a segment has."""
    items = [f"q{i}" for i in range(6)]
    sets = [items, items[:3], items[3:], ["nps"], ["again"], *([item] for item in items)]
    sets += [[*items, "nps"], [*items, "again"], [*items, "nps", "again"], [*items[:3], "again"]]
    found = {}
    for kind, table in tables.items():
        rows = table[table["region"] == name]
        found[kind] = {len(rows)} | {rows[c].nunique() for c in ("customer", "person") if c in rows}
        if kind == "survey":
            found[kind] |= {int(rows[columns].notna().all(axis=1).sum()) for columns in sets}
    return found


def report_leaks(out: Path, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return what a report by segment tells of 1 to 4 people of one segment, by sums and differences."""
    leaks, manifest = [], json.loads((out / "manifest.json").read_text())
    pages = {path.stem: _page(path) for path in sorted((out / "notebooks").glob("*.ipynb"))}
    parts = {
        words.partition(": ")[2]: {
            p.stem: _page(p) for p in sorted((out / folder / "notebooks").glob("*.ipynb"))
        }
        for folder, words in manifest["segments"].items()
    }
    every = {name for table in tables.values() for name in table["region"].dropna()}
    sums: dict[tuple, tuple[int, list[int]]] = {}
    for name, own in parts.items():
        true, stated = _true_counts(tables, name), {kind: set() for kind in tables}
        for stem, shown in own.items():
            whole = {one["at"]: one for one in pages.get(stem, [])}
            for one in shown:
                same = whole.get(one["at"], {"cells": {}, "bases": {}, "values": [], "said": [], "bars": []})
                fresh = [n for key, n in one["bases"].items() if same["bases"].get(key) != n]
                fresh += [n for n in one["values"] if n not in same["values"]]
                fresh += [n for n in one["said"] if n not in same["said"]]
                counts = [n for key, n in one["cells"].items() if same["cells"].get(key) != n]
                bars = [] if one["bars"] == same["bars"] else one["bars"]
                steps = [a - b for bar in bars for a, b in itertools.pairwise(bar)]
                steps += [a - b for x, y in itertools.pairwise(bars) for a, b in zip(x, y, strict=False)]
                small = [n for n in (*fresh, *counts, *map(abs, steps), *itertools.chain(*bars)) if n in FEW]
                leaks += [f"{name} {stem} {one['at']}: {n} is shown" for n in small]
                if stem[:2] != "05":
                    stated.get(one["source"] or "survey", set()).update(fresh, counts)
                for kind in ("cells", "bases"):
                    for key, n in one[kind].items():
                        total = same[kind].get(key)
                        if total is not None and total != n:
                            sums.setdefault((stem, one["at"], kind, key), (total, []))[1].append(n)
        for shown in pages.values():
            for one in shown:
                own = {n for key, n in one["cells"].items() if name in key[0]}
                stated.get(one["source"], set()).update(own)
        for kind in set(tables) - {"events"}:  # its steps are compared above
            told = sorted(stated[kind] & true[kind])
            pairs = itertools.combinations(told, 2)
            leaks += [f"{name} {kind}: {b} - {a}" for a, b in pairs if b - a in FEW]
    for key, (total, counts) in sums.items():
        if total - sum(counts) in FEW and len(counts) < len(every):
            leaks.append(f"{key}: {total} - {counts}")
    texts = [p for p in out.rglob("*") if p.is_file() and "assets" not in p.parts]
    for name in every - set(parts):
        if all((table["region"] == name).sum() < 5 for table in tables.values()):
            leaks += [f"{name} is named in {p.name}" for p in texts if name in p.read_text(errors="replace")]
    return leaks


# ---------------------------------------------------------------- hostile cases

CELLS = [
    "1",
    "0",
    "NA",
    "-99",
    "2.5",
    "2,5",
    "1e999",
    "inf",
    "nan",
    "=1+1",
    "<b>",
    "'",
    '"',
    "TRUE",
    "[1]",
    "{a: 1}",
]
CELLS += [
    "",
    "\u202e",
    "\x00",
    "é" * 9,
    "x" * 5000,
    "a\tb",
    "9" * 20,
    "${HOME}",
    "../..",
    "Ann Lee",
    "a@b.org",
    "\n",
]
CELLS += ["2026-01-01", "31.02.2026", "100000-01-01", "-44-03-15", "🙂"]
NAMES = [
    "data.csv",
    "log[1].csv",
    "all*.csv",
    "q?.csv",
    "ünï.csv",
    "-rf.csv",
    "a'b.csv",
    "{x}.csv",
    "%d.csv",
    "a;b.csv",
    "~.csv",
]
NAMES += ["sp ace.csv", "$HOME.csv", "x" * 200 + ".csv", "c#1.csv", "d::e.csv", "UP.CSV"]
MAPPING = "table: survey\nfile: data.csv\nblocks: {product: [q1], experience: [q2]}\noutcomes: {nps: [nps]}\n"
YAMLS = ["file: [1]", "where: {a: [1]}", "file: {path: {a: b}}", "range: {a: 1}", "blocks: [q]", "recode: x"]
YAMLS += ["columns: {q: [1, 2]}", "file: /dev/zero", "file: .", "file: data.csv\nrange: [1, a]"]
YAMLS = [f"table: survey\n{text}" for text in YAMLS]
YAMLS += [
    "a: &a [1]\nb: [*a, *a]",
    "[" * 4000,
    "table: [survey",
    "- a\n- b",
    "\x00",
    "table: {survey: 1}",
    "table: 7",
]
YAMLS += ["", "null", "!!python/object:os.x", "? {a: b}\n: c", "a: 1\na: 2", "{" * 3000]
BOMB = [f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in itertools.pairwise("abcdefghij")]
YAMLS += ["\n".join(["a: &a [x]", *BOMB])]
PARAMS = (
    "seed=-1 bootstrap=-5 bootstrap=1e9 seed=x source=nowhere source=/dev/zero = x bootstrap=nan 02.seed=-1"
)
PARAMS = [*PARAMS.split(), "77.seed=1", "seed=" + "9" * 400, "steps=" + "[" * 4000, "seed=1\n2"]
FLAGS = ["--timeout=inf", "--timeout=nan", "--timeout=-1", "--jobs=-2", "--min-cell=-1", "--min-cell=0"]
FLAGS += ["--by=x", "--only=77", "--against=none", "--cluster=x", "--params=none", "--params=."]
HEADS = {
    "survey": "nps,q1,q2,region", "events": "customer_id,event,timestamp", "stages": "stage,passed",
    "contacts": "customer,coded_reason,text", "visits": "visit,person,outlet,time,role,satisfied",
    "ratings": "rater,s1,s2", "accounts": "account,l1,l2", "initiatives": "id,title,impact,cost,level",
    "vignette": "person,stock,courtesy,satisfaction",
}  # fmt: skip
WAYS = ["table", "name", "yaml", "study", "params", "flags", "funnel", "drivers", "init", "other"]


def hostile_bytes(draw: random.Random, kind: str) -> bytes:
    """Return a file of a table with odd cells, separators, letters and, at times, broken bytes."""
    head = HEADS[kind].split(",")
    good = {"customer_id": "a", "timestamp": "2026-01-02", "event": "x", "nps": "7", "q1": "3", "region": "n"}
    rows = [[good.get(name, "1") for name in head] for _ in range(draw.randint(0, 40))]
    for _ in range(draw.choice([0, 1, 1, 2, 5, 30]) if rows else 0):
        row = draw.choice(rows)
        row[draw.randrange(len(row))] = draw.choice(CELLS)
    if draw.random() < 0.25:
        head[draw.randrange(len(head))] = draw.choice(CELLS)
    text = draw.choice(["\n", "\r\n"]).join(draw.choice([",", ",", ";", "\t"]).join(r) for r in [head, *rows])
    raw = text.encode(draw.choice(["utf-8", "utf-8", "utf-16", "utf-8-sig"]))
    for _ in range(draw.choice([0, 0, 0, 3])):
        at, odd = draw.randrange(len(raw) + 1), bytes(draw.randrange(256) for _ in range(draw.randint(1, 9)))
        raw = raw[:at] + odd + raw[at + draw.randint(0, 5) :]
    return raw


def make_case(folder: Path, seed: int) -> tuple[list[str], int | None]:
    """Write one hostile case; return the command's arguments, and the rows that it must tell if it reads."""
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    way, kind = WAYS[seed % len(WAYS)], draw.choice(sorted(HEADS))
    raw = hostile_bytes(draw, kind)
    (folder / "data.csv").write_bytes(raw)
    (folder / "survey.yaml").write_text(
        MAPPING if way == "study" and draw.random() < 0.5 else draw.choice(YAMLS)
    )

    def one(*commands: str) -> tuple[list[str], None]:
        return draw.choice(commands).split(" "), None

    if way == "table":
        return ["check", "data.csv", "--table", kind], None
    if way == "name":
        name, count = draw.choice(NAMES), draw.randint(1, 9)
        head, row = "customer_id,event,timestamp\n", "a,x,2026-01-02\n"
        for other in ("log1.csv", "all1.csv", "qa.csv", "d", "up.csv", "c", "x.csv"):
            (folder / other).write_text(head + row * 51)
        (folder / name).write_text(head + row * count)
        funnel = ["funnel", f"./{name}", "--steps", "x,x", "--format", "json"]
        return draw.choice([["check", f"./{name}", "--table", "events"], funnel]), count
    if way == "yaml":
        report = "report --only 10 -p source=survey.yaml"
        check = "check data.csv --mapping survey.yaml"
        return one("check survey.yaml", check, report, "verdict survey.yaml", "drivers survey.yaml")
    if way == "study":
        study = {
            "study": draw.choice(["x", ["a"], {"a": 1}, "<b>", 7, None]),
            "tables": draw.choice(
                [{"survey": "survey.yaml"}] * 4 + [[], {"survey": ["a"]}, {"nothing": "a"}, "x"]
            ),
            "min_cell": draw.choice([5, 5, 0, -1, "x", [1], 2.5, True]),
            "personal": draw.choice([[], [], ["nps"], "x", [[1]]]),
            "parameters": draw.choice([{}, {}, {"seed": -1}, {"seed": [1]}, [1], {"nothing": 1}]),
        }
        text = yaml.safe_dump(study) if draw.random() < 0.8 else draw.choice(YAMLS)
        (folder / "params.yaml").write_text(text)
        report = "report --params params.yaml --by region --only 77"
        return one("check params.yaml", report, "funnel params.yaml --steps a,b", "verdict .", "drivers .")
    if way == "params":
        return ["report", "--out", "r", "-p", draw.choice(PARAMS)], None
    if way == "flags":
        return [
            "report",
            "--out",
            draw.choice(["r", "data.csv", "."]),
            draw.choice(FLAGS),
            "--only",
            "77",
        ], None
    if way == "funnel":
        steps, window = (
            draw.choice(["x,y", ",", "x", "x,x", "\x00,é", '"a', "a" * 999]),
            "7d -1d inf 0 9e99 x",
        )
        more = ["--window", draw.choice(window.split()), "--by", draw.choice([*HEADS[kind].split(","), "no"])]
        return [
            "funnel",
            "data.csv",
            "--steps",
            steps,
            *more,
            *one("--memory 2GB", "--memory x", "--memory -1")[0],
        ], None
    if way == "drivers":
        block = draw.choice(["product=q1", "x", "=", "p=q1,q1", "p=nps", "p=\x00"])
        more = one(
            "--bootstrap 10", "--bootstrap -1", "--seed nan", "--seed -1", "--confidence 1e9", "--min-cell 0"
        )
        return [
            "drivers",
            "data.csv",
            "--outcome",
            draw.choice(["nps", "no", ""]),
            "--block",
            block,
            *more[0],
        ], None
    if way == "init":
        source, table = (
            draw.choice(["data.csv", "data.csv", "none", "/dev/zero", "x.sqlite"]),
            [[], ["--table", kind]],
        )
        return ["init", draw.choice(["s", "data.csv", "."]), "--from", source, *draw.choice(table)], None
    results = draw.choice([raw, b"[" * 9999, b'{"a": {"b": {"value": []}}}', b"{}"])
    (folder / "results.json").write_bytes(results)
    diff = "diff results.json results.json"
    return one(
        "diff results.json data.csv",
        diff,
        "room .",
        "room none",
        "data --from .",
        "check .",
        "check none\x00",
    )


def _child(folder: str, arguments: list[str], places: dict[str, str], pipe) -> None:
    os.environ.update(places)
    os.chdir(folder)
    try:
        pipe.send(say(arguments))
    except BaseException as fault:
        pipe.send(("raised", "", f"{type(fault).__name__}: {fault}"))


def run_case(folder: Path, seed: int, timeout: float = 60.0) -> tuple[object, str]:
    """Run one case in a process of its own; return its exit code and what is wrong with how it ended.

    The process is forked from a server that has no threads: a fork of this one may die in DuckDB's or BLAS's.
    """
    arguments, rows = make_case(folder, seed)
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(
        ["cxlab.data.check", "cxlab.data.sources", "cxlab.workbook.report", __name__]
    )
    mine, theirs = server.Pipe()
    places = {name: os.environ[name] for name in ("CXLAB_HOME", "CXLAB_CACHE")}
    process = server.Process(target=_child, args=(str(folder), arguments, places, theirs))
    process.start()
    theirs.close()
    try:
        code, out, err = mine.recv() if mine.poll(timeout) else ("hangs", "", "")
    except EOFError:
        process.join(timeout)
        code, out, err = f"died with {process.exitcode}", "", ""
    process.kill()
    process.join()
    told = f"case {seed}: {arguments} -> {code}: {err[:200]}"
    if code not in (0, 1, 2, 3, 4) or "Traceback" in err:
        return code, told
    if code == 2 and len(err.strip().splitlines()) != 1 and "usage" not in err:
        return code, told
    if rows is not None and code == 0:
        found = re.search(r": (\d+) rows?," if arguments[0] == "check" else r'"events": (\d+)', out)
        if not found or int(found[1]) != rows:
            return code, f"{told} read another file ({found and found[1]} rows, not {rows})"
    return code, ""


def warm(folder: Path, put: Callable = os.environ.__setitem__) -> None:
    """Set this process up for cases and commands: the project's folder, and a cache of its own."""
    for name, path in {"CXLAB_HOME": ROOT, "CXLAB_CACHE": folder / "cache"}.items():
        put(name, str(path))


def study_leaks(home: Path, seed: int) -> tuple[int, list[str]]:
    """Build one study's report by segment, every 25th one whole, else one page; return what it tells."""
    tables = make_study(home / f"s{seed}", seed)
    params, out = str(home / f"s{seed}" / "params.yaml"), home / f"r{seed}"
    only = [] if seed % 25 == 0 else ["--only", ["05", "04", "07", "10"][seed % 4]]
    command = ["report", "--params", params, "--by", "region", "--out", str(out), "-p", "bootstrap=20"]
    code, said, err = say([*command, *only])
    if code:
        return 0, [f"{seed}: exit {code}: {err}"]
    return int(re.search(r"(\d+) pages", said)[1]), [f"{seed}: {leak}" for leak in report_leaks(out, tables)]


def main() -> None:
    """Print what was attacked and what was found."""
    from cxlab.workbook import report
    from cxlab.workbook.run import Runners

    given = [int(word) for word in sys.argv[1:] if word.isdigit()]
    quick = [2, 10, 60] if "--quick" in sys.argv else [200, 200, 600]
    studies, funnels, cases, first = [*given, *[*quick, 0][len(given) :]]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        warm(home)
        ends = [run_case(home / f"case{seed}", seed) for seed in range(cases)]
        codes = ", ".join(f"{n} exit {code}" for code, n in Counter(code for code, _ in ends).items())
        print(f"{cases} hostile cases: {codes}", *filter(None, (wrong for _, wrong in ends)), sep="\n  ")
        leaks = []
        for seed in range(funnels):
            log = make_study(home / f"f{seed}", seed)["events"]
            for window in ("1d", "3d", "30d"):
                leaks += [f"{seed} {window}: {leak}" for leak in funnel_leaks(home / f"f{seed}", log, window)]
        print(f"{funnels} studies, cxlab funnel --by, three windows: {len(leaks)} leaks", *leaks, sep="\n  ")
        found = []
        with Runners(2, min_cell=5, timeout=600) as warm_ones:  # one start for all reports
            report.Runners = lambda *_, **__: contextlib.nullcontext(warm_ones)
            for seed in range(first, first + studies):
                found.append(study_leaks(home, seed))
                pages, leaks = sum(n for n, _ in found), [leak for _, own in found for leak in own]
                words = f"{len(found)} reports by segment, {pages} pages: {len(leaks)} leaks"
                print(words, *found[-1][1], flush=True)


if __name__ == "__main__":
    main()
