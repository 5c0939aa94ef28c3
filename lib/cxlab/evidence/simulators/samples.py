"""The small simulated samples that ship in ``data/samples``, one a table, so that every page opens offline.

``python -m cxlab.evidence.simulators.samples`` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cxlab.evidence import simulators as make

__all__ = ["SAMPLES", "write_samples"]

_SLOPES = {"product": 0.25, "experience": 0.45, "price": 0.15, "image": 0.10, "trust": 0.15}
_SURVEY = {
    "slopes": _SLOPES,
    "items": {"product": 4, "experience": 3, "price": 2, "image": 3, "trust": 2},
    "outcomes": ("satisfaction", "loyalty", "advocacy", "emotion"),
    "segments": {
        "business": _SLOPES | {"product": 0.40, "experience": 0.30},
        "private": _SLOPES,
        "public": _SLOPES,
    },
    "points": 10,
    "missing": 0.01,
}

SAMPLES: dict[str, Callable[[], pd.DataFrame]] = {
    "survey": lambda: make.make_survey(400, correlation=0.5, **_SURVEY, rng=1),
    "firms": lambda: make.make_firms(rng=1),
    "events": lambda: make.make_journeys(2_000, rng=1),
    "stage_quality": lambda: make.make_stage_quality(2_000, handover=1.5, rng=1),
    "contacts": lambda: make.make_contacts(2_000, rng=1),
    "initiatives": lambda: make.make_initiatives(rng=1),
    "pain": lambda: make.make_pain(rng=1),
    "visits": lambda: make.make_visits(2_000, rng=1),
    "ladder": lambda: make.make_ladder(rng=1),
    "ratings": lambda: make.make_ratings(rng=1),
    "vignette": lambda: make.make_vignettes(240, scale=(0, 10), rng=1),
    "expectations": lambda: make.make_expectations(250, 4, scale=(1, 10), rng=1),
    "kpis": lambda: make.make_kpis(rng=1),
    "findings": lambda: make.make_findings(rng=1),
    "say_do": lambda: make.make_say_do(rng=1),
    "responsibility": lambda: make.make_responsibility(rng=1),
    "plans": lambda: make.make_plans(rng=1),
}
_CONSTANT = {"licence": "CC0-1.0", "citation": "made by the workbook's own simulators"}


def write_samples(folder: Path) -> list[str]:
    """Write ``simulated-<table>.csv`` for each table, and ``samples.json`` with what is known of them.

    Returns
    -------
    list of str
        The names written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = {}
    for table, simulate in SAMPLES.items():
        sample = simulate()
        name = f"simulated-{table}"
        dates = sample.select_dtypes(include=["datetime", "datetimetz"]).columns.tolist()
        numbers = sample.select_dtypes(include="floating").columns
        # Four decimals keep the files small and the same on every machine.
        sample.assign(**{column: sample[column].round(4) for column in numbers}).to_csv(
            folder / f"{name}.csv", index=False
        )
        about = {key: value for key, value in sample.attrs.items() if key not in ("name", "simulated")}
        facts[name] = {
            "title": f"Simulated {table}",
            "table": table,
            "notes": "",
            **about,
            "dates": dates,
            **_CONSTANT,
        }
    text = json.dumps(facts, indent=1, sort_keys=True, default=_plain)
    (folder / "samples.json").write_text(text + "\n", encoding="utf-8")
    return list(facts)


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a sample's attrs hold a {type(value).__name__}, which JSON cannot")


if __name__ == "__main__":
    from cxlab.evidence.places import data_folder

    for written in write_samples(data_folder() / "samples"):
        print(written)
