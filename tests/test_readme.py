"""The README is short, current and true."""

import csv
import re
from pathlib import Path

from cxlab.workbook import cli, plan

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_is_at_most_600_words():
    prose = re.sub(r"<!--.*?-->", "", TEXT, flags=re.S)
    assert (
        len(re.findall(r"\w[\w'-]*", prose)) <= 700
    )  # counted strictly: numbers, paths and commands are words too
    assert len(prose.split()) <= 600


def test_its_table_of_notebooks_is_current():
    pages = [p for p in map(plan.read_page, sorted((ROOT / "notebooks").glob("*.ipynb"))) if p.report]
    rows = [f"| [{p.stem}](notebooks/{p.path.name}) | {p.question} | {p.minutes} |" for p in pages]
    assert rows and "\n".join(["|---|---|---|", *rows, ""]) in TEXT


def test_what_it_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_commands_exist():
    for command in set(re.findall(r"\bcxlab (\w+)", TEXT)):
        assert command in cli._COMMANDS
    targets = set(re.findall(r"make (\w+)", TEXT)) - {"sure"}
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if f"\n{target}:" not in makefile] == []


def test_glossary_terms_are_unique_and_explained():
    rows = list(csv.DictReader((ROOT / "data" / "glossary.csv").open()))
    terms = [row["term"] for row in rows]
    assert len(rows) > 30
    assert len(set(terms)) == len(terms)
    assert terms == sorted(terms)
    assert all(row["meaning"].endswith(".") for row in rows)
