"""Page 09 says what the numbers say: other numbers, other verdicts; no numbers, no verdicts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "09-verdict.ipynb"
PAGE = "02-product-or-experience"
pytestmark = pytest.mark.notebook


def number(value, half=0.05):
    return {"value": value, "low": value - half, "high": value + half, "unit": "x"}


def run(folder, results):
    (folder / "results.json").write_text(json.dumps(results))
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(NOTEBOOK),
        str(folder / "out.ipynb"),
        "--kernel",
        "python3",
    ]
    command += ["--no-progress-bar", "--log-level", "ERROR", "-p", "results", str(folder / "results.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [
        o for cell in nbformat.read(folder / "out.ipynb", as_version=4).cells for o in cell.get("outputs", [])
    ]
    assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    data = [o.data for o in outputs if "data" in o]
    records = [
        d["application/vnd.cxlab.record+json"] for d in data if "application/vnd.cxlab.record+json" in d
    ]
    said = [
        d["application/vnd.cxlab.conclusion+json"]
        for d in data
        if "application/vnd.cxlab.conclusion+json" in d
    ]
    return {r["name"]: r["value"] for r in records}, said[0]["sentence"]


@pytest.mark.parametrize(
    ("product", "experience", "p3", "c4a"),
    [(0.6, 0.0, "supported", "refuted"), (0.0, 0.6, "refuted", "supported")],
)
def test_flipped_numbers_flip_the_page(tmp_path, product, experience, p3, c4a):
    results = {
        PAGE: {
            "source-survey": {"value": "own", "unit": "source"},
            "slope-product-corrected": number(product),
            "slope-experience-corrected": number(experience),
            "htmt-product-experience": number(0.6),
        }
    }
    records, answer = run(tmp_path, results)
    assert (records["P3"], records["C4a"]) == (p3, c4a)
    assert f"product alone settles loyalty is {p3}" in answer and f"beside it is {c4a}" in answer


def test_without_a_report_nothing_is_decided(tmp_path):
    records, answer = run(tmp_path, {})
    verdicts = {
        name: value for name, value in records.items() if value in ("supported", "refuted", "undecided")
    }
    assert verdicts == {} and records["not-testable-here"] == 150
    assert "run make report" in answer


def test_no_verdict_is_typed_by_hand():
    prose = " ".join(
        cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "markdown"
    )
    body = prose.split("## Exercises")[0]
    assert not re.search(r"\b(P\d|C\d+[a-z]|S\d-\d+)\b", body)
    assert not re.search(r"\bis (supported|refuted|undecided)\b", body)
