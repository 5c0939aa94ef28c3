"""The samples that ship are what the simulators make, say that they are simulated, and open as their tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxlab.evidence import sources
from cxlab.evidence.simulators import samples
from cxlab.evidence.tables import TABLES

FOLDER = Path(__file__).parents[2] / "data" / "samples"


def test_there_is_one_for_every_table():
    assert set(samples.SAMPLES) == set(TABLES)
    assert {path.stem for path in FOLDER.glob("*.csv")} == {f"simulated-{table}" for table in TABLES}


def test_they_are_what_the_simulators_make_today(tmp_path):
    samples.write_samples(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_text() == (FOLDER / path.name).read_text(), path.name


@pytest.mark.parametrize("table", sorted(samples.SAMPLES))
def test_each_opens_as_its_table_and_says_that_it_is_simulated(table):
    sample = sources.open_source(f"simulated-{table}")
    assert sample.attrs["simulated"] is True
    assert sample.attrs["table"] == table
    required = [column.name for column in TABLES[table].columns if column.required]
    assert set(required) <= set(sample.columns)
    assert len(sample) > 5


def test_they_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000
