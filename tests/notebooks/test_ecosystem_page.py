"""Page 07 on visits in Parquet: nobody can be found in it, and no cell counts too few people."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from cxlab.evidence.simulators.visits import write_visits

PAGE = Path(__file__).parents[2] / "notebooks" / "07-ecosystem.ipynb"
PERSON = re.compile(r"(?<![\d.])7\d{9}(?!\d)")
COUNTS = ["n", "rated", "people", "both", "visits", "spells", "findings"]

pytestmark = pytest.mark.notebook


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("page")
    write_visits(folder / "year", visits=120_000, outlets=300, commented=0.3, rng=4)
    out = folder / "page.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(PAGE),
        str(out),
        "--kernel",
        "python3",
        "--no-progress-bar",
    ]
    command += ["--log-level", "ERROR", "-p", "source", str(folder / "year"), "-p", "bootstrap", "40"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = nbformat.read(out, as_version=4).cells
    streams = [
        output for cell in cells for output in cell.get("outputs", []) if output.output_type == "stream"
    ]
    assert [stream.text for stream in streams if stream.name == "stderr"] == []
    return [dict(output.data) for cell in cells for output in cell.get("outputs", []) if "data" in output]


def tables(outputs: list[dict]) -> list[pd.DataFrame]:
    """Read the tables of the page (pandas' own HTML: one header row, an index column)."""
    found = []
    for page in (data["text/html"] for data in outputs if "<table" in data.get("text/html", "")):
        rows = [
            re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S)
            for row in re.findall(r"<tr.*?</tr>", page, flags=re.S)
        ]
        found.append(pd.DataFrame([row[1:] for row in rows[1:]], columns=rows[0][1:]))
    return found


def router(outputs: list[dict]) -> dict[str, str]:
    page = next(data["text/html"] for data in outputs if "router.csv" in data.get("text/html", ""))
    links = re.findall(r'download="([^"]+)" href="data:[^;]+;base64,([^"]+)"', page)
    return {name: base64.b64decode(body).decode() for name, body in links}


def test_no_person_is_on_the_page_in_the_router_or_in_the_records(outputs):
    assert len(outputs) > 60
    for data in outputs:
        assert not PERSON.search(json.dumps(data)), sorted(data)
    files = router(outputs)
    assert sorted(files) == ["router.csv", "router.json"]
    assert not PERSON.search("".join(files.values()))


def test_no_cell_is_below_the_threshold(outputs):
    found = tables(outputs)
    assert len(found) >= 10
    checked = 0
    for table in found:
        for column in set(COUNTS) & set(table.columns):
            numbers = pd.to_numeric(table[column], errors="coerce").dropna()
            assert (numbers >= 5).all(), table.to_string()
            checked += len(numbers)
    assert checked > 30
    rows = json.loads(router(outputs)["router.json"])
    assert rows and all(int(row["evidence"].split()[0]) >= 5 for row in rows)


def test_records_name_their_source_and_count_enough(outputs):
    mime = "application/vnd.cxlab.record+json"
    records = {data[mime]["name"]: data[mime] for data in outputs if mime in data}
    assert records["source-visits"]["value"].startswith("simulated")
    assert records["visits"]["value"] == 120_000
    assert all(record["n"] is None or record["n"] >= 5 for record in records.values())
    wanted = (
        "journeys-two-organisations variance-share-organisation role-changers top-issues-stability error-ratio-shrunk "
        "kpi-concordance top-issues-share closing-difference exposure-difference pooled-only-detections "
        "designed-minus-effect source-kpis source-findings"
    )
    assert set(wanted.split()) <= set(records)
    for name in wanted.split():
        if not name.startswith("source"):
            assert records[name]["low"] <= records[name]["value"] <= records[name]["high"], name
