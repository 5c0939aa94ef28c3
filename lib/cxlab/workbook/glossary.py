"""The workbook's words: each explains itself where a page first uses it, and all of them on two sheets."""

import csv
import html
import re
from functools import cache

from cxlab.data.files import data_folder

_SILENT = "a|code|pre|summary|h1|h2|h3|h4|th|button|script|svg"  # where a word stays as it is


@cache
def read_glossary() -> dict[str, str]:
    """Return the meaning of each term of ``data/glossary.csv``."""
    with (data_folder() / "glossary.csv").open(encoding="utf-8", newline="") as file:
        return {row["term"]: row["meaning"] for row in csv.DictReader(file)}


@cache
def _pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return what finds a silent element, a tag, or any term, with or without a plural s; brackets hold
    another name for a term.
    """
    terms = {}
    for term in read_glossary():
        terms |= {name.lower(): term for name in re.split(r"\s*[()]\s*", term) if name}
    names = "|".join(re.escape(name) for name in sorted(terms, key=lambda name: (-len(name), name)))
    kept = rf"<({_SILENT})\b[^>]*>.*?(?:</\1>|$)|</?\w[^>]*>"
    return re.compile(rf"{kept}|(?<![\w-])(?P<term>{names})s?(?![\w-])", re.IGNORECASE | re.DOTALL), terms


def explain(markup: str, seen: set[str]) -> str:
    """Return HTML in which the first use of a term shows its meaning on hover and focus; adds to ``seen``."""
    pattern, terms = _pattern()

    def explained(match: re.Match[str]) -> str:
        term = terms.get((match["term"] or "").lower())
        if term is None or term in seen:
            return match[0]
        seen.add(term)
        meaning = html.escape(read_glossary()[term])
        return f'<span class="term" tabindex="0">{match[0]}<span role="tooltip">{meaning}</span></span>'

    return pattern.sub(explained, markup)
