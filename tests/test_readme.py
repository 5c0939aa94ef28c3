"""The README is short, current and true."""

import csv
import re
from pathlib import Path

from cxlab.workbook import cli, plan

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_is_at_most_600_words():
    prose = re.sub(r"<!--.*?-->", "", TEXT, flags=re.S)
    assert len(prose.split()) <= 600
    assert len(re.findall(r"\w[\w'-]*", prose)) <= 700  # numbers, paths and commands count as words too


def test_its_table_of_notebooks_is_current():
    pages = [p for p in map(plan.read_page, sorted((ROOT / "notebooks").glob("*.ipynb"))) if p.report]
    rows = [f"| [{p.stem}](notebooks/{p.path.name}) | {p.question} | {p.minutes} |" for p in pages]
    assert rows and "\n".join(["|---|---|---|", *rows, ""]) in TEXT


def test_what_it_links_to_and_its_commands_are_there():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 5 and all((ROOT / link).exists() for link in links)
    assert set(re.findall(r"\bcxlab (\w+)", TEXT)) <= set(cli._COMMANDS)
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in set(re.findall(r"make (\w+)", TEXT)) - {"sure"})


def test_glossary_terms_are_unique_and_explained():
    rows = list(csv.DictReader((ROOT / "data" / "glossary.csv").open()))
    terms = [row["term"] for row in rows]
    assert len(rows) > 30 and terms == sorted(set(terms))
    assert all(row["meaning"].endswith(".") for row in rows)
