"""Page 07 on visits in files: nobody can be found in it, and no cell counts too few people."""

import json
import re

import pytest

from cxlab.worlds.visits import make_visits

from .test_papermill import results_of, run

PERSON = re.compile(r"(?<![\d.])7\d{9}(?!\d)")
WANTED = (
    "outlets-after-false-discovery-control visits journeys-two-organisations error-ratio-shrunk "
    "variance-share-organisation role-changers exposure-difference top-issues-share top-issues-stability "
    "pooled-only-detections kpi-concordance"
)

pytestmark = pytest.mark.notebook


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "year").mkdir()
    made = make_visits(600_000, outlets=300, commented=0.3, rng=4)
    made.to_parquet(folder / "year" / "visits.parquet", index=False)
    names = ["outlet", "organisation", "person", "role", "timestamp", "score", "comment"]
    mapping = {"file": f"{folder}/year", "table": "visits", "columns": dict(zip(names, names, strict=True))}
    (folder / "visits.yaml").write_text(json.dumps(mapping))
    return run("07-ecosystem", {"visits": str(folder / "visits.yaml"), "bootstrap": 40}, folder)


def test_no_person_and_no_small_cell_is_on_the_page(outputs):
    assert len(outputs) > 20
    for data in outputs:
        assert not PERSON.search(json.dumps(data)), sorted(data)
    checked = 0
    for table in (result["table"] for result in results_of(outputs)):
        if table and "people" in table["columns"]:
            place = table["columns"].index("people")
            checked += len(table["rows"])
            assert all(row[place] >= 5 for row in table["rows"])
    assert checked > 10


def test_every_section_answers_from_a_year_of_files(outputs):
    found = results_of(outputs)
    numbers = {number["name"]: number for result in found for number in result["numbers"]}
    assert set(WANTED.split()) - set(numbers) == {"kpi-concordance"}  # the year comes without rewards
    assert [result["id"] for result in found if result["missing"]] == ["rewards"]
    assert numbers["visits"]["value"] == 600_000
    for name in WANTED.split()[2:-1]:
        assert numbers[name]["low"] <= numbers[name]["value"] <= numbers[name]["high"], name
    assert found[0]["lead"]["names"] and all(len(result["finding"].split()) <= 34 for result in found)
