"""``cxlab workshop``: exercise copies of the notebooks, with every worked solution left blank."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from cxlab.evidence.errors import InputError
from cxlab.evidence.places import project_folder

_ANSWER = re.compile(r"""cx\.answer\(\s*(["'][^"']+["'])""")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--out", default="workshop", help="folder for the copies (default: workshop)")
    parser.add_argument("--fresh", action="store_true", help="replace copies that were worked in")


def run(arguments: argparse.Namespace) -> int:
    """Write the copies; one that is there already may hold somebody's work and is kept."""
    import nbformat

    out = Path(arguments.out)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {arguments.out}: a file of that name is in the way; name a folder")
    out.mkdir(parents=True, exist_ok=True)
    kept = 0
    notebooks = sorted((project_folder() / "notebooks").glob("0*.ipynb"))
    for path in notebooks:
        target = out / path.name
        if target.exists() and not arguments.fresh:
            kept += 1
            continue
        part = target.with_suffix(".part")
        nbformat.write(blank_solutions(nbformat.read(path, as_version=4)), part)
        os.replace(part, target)
    print(
        f"{out}: {len(notebooks) - kept} exercise notebooks written"
        + (f", {kept} kept (--fresh)" if kept else "")
    )
    return 0


def blank_solutions(notebook):
    """Return the notebook with each cell tagged ``solution`` reduced to its question, ``cx.answer(name, ...)``."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "solution" in cell.metadata.get("tags", []):
            asked = _ANSWER.findall(cell.source)
            cell.source = "\n".join(f"cx.answer({name}, ...)" for name in asked) or "# your turn"
            cell.metadata["tags"] = [tag for tag in cell.metadata["tags"] if tag != "solution"]
    return notebook
