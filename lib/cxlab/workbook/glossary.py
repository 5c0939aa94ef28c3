"""The workbook's words: one table, from which each page lists those that it uses."""

from __future__ import annotations

import csv
import re
from functools import cache

from cxlab.evidence.places import data_folder

__all__ = ["read_glossary", "words_of"]


@cache
def read_glossary() -> dict[str, str]:
    """Return the meaning of each term of ``data/glossary.csv``, in its order; nothing where a workbook has none."""
    path = data_folder() / "glossary.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["term"]: row["meaning"] for row in csv.DictReader(file)}


def words_of(text: str) -> list[tuple[str, str]]:
    """Return the terms that a text uses, with their meanings.

    A term counts where it stands as whole words, in either case, with or without a plural s; what a term has in
    brackets is an alternative name.
    """
    found = []
    for term, meaning in read_glossary().items():
        names = [name for name in re.split(r"\s*[()]\s*", term) if name]
        pattern = "|".join(rf"{re.escape(name)}s?" for name in names)
        if re.search(rf"(?<![\w-])(?:{pattern})(?![\w-])", text, flags=re.IGNORECASE):
            found.append((term, meaning))
    return found
