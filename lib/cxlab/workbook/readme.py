"""The README's table of notebooks, made from the notebooks themselves.

``python -m cxlab.workbook.readme`` writes it between its two markers.
"""

from __future__ import annotations

import json
from pathlib import Path

START, END = "<!-- notebooks: made by python -m cxlab.workbook.readme -->", "<!-- end of notebooks -->"


def notebook_table(notebooks: Path) -> str:
    """Return a Markdown table, one row a notebook, from the metadata that the report reads too."""
    rows = ["| notebook | question | minutes |", "|---|---|---|"]
    for path in sorted(notebooks.glob("*.ipynb")):
        facts = json.loads(path.read_text(encoding="utf-8"))["metadata"]["cxlab"]
        if facts.get("report", True):
            rows.append(
                f"| [{path.stem}](notebooks/{path.name}) | {facts['question']} | {facts['minutes']} |"
            )
    return "\n".join(rows)


def update(readme: Path, notebooks: Path) -> str:
    """Return the README's text with a current table."""
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{notebook_table(notebooks)}\n{END}{after}"


if __name__ == "__main__":
    from cxlab.data.places import project_folder

    path = project_folder() / "README.md"
    path.write_text(update(path, project_folder() / "notebooks"), encoding="utf-8")
