"""The entry form of the 'ask ten people' kit: boxes to click in a live notebook, a plain table everywhere else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from IPython.display import display

from cxlab.evidence.errors import InputError
from cxlab.evidence.forms import LABELS, survey_template
from cxlab.workbook.explore import is_live

__all__ = ["entry_form"]


def entry_form(
    statements: pd.DataFrame, *, form: str = "labels", wording: int = 1, path: str | Path = "ratings.csv"
) -> None:
    """Show a form for one rater; 'Save' appends the labels to a CSV that ``read_form`` and ``cxlab check`` read.

    Parameters
    ----------
    statements : DataFrame
        ``statements.csv``.
    form, wording
        As for ``survey_template``.
    path : path
        Where the labels go, one line a label, several raters below each other.
    """
    template = survey_template(statements, form=form, wording=wording)
    if not is_live():
        display(template[["statement", "text"]].head(6).assign(label="  |  ".join(LABELS[form])))
        return
    import ipywidgets as widgets

    rater = widgets.Text(description="rater", placeholder="a letter or number")
    rows = [
        widgets.ToggleButtons(options=["", *LABELS[form]], style={"button_width": "6.5rem"})
        for _ in template.index
    ]
    lines = [
        widgets.VBox([widgets.Label(f"{statement}  {text}"), row])
        for statement, text, row in zip(template["statement"], template["text"], rows, strict=True)
    ]
    save, note = widgets.Button(description="Save", button_style="primary"), widgets.Label()

    def keep(_button: object) -> None:
        try:
            note.value = add_labels(template, rater.value, [row.value for row in rows], path)
        except InputError as fault:
            note.value = str(fault)

    save.on_click(keep)
    display(widgets.VBox([rater, *lines, widgets.HBox([save, note])]))


def add_labels(template: pd.DataFrame, rater: str, labels: list[str], path: str | Path) -> str:
    """Append one rater's labels to the file and say so.

    Raises
    ------
    InputError
        Without a rater or any label, or when that rater's labels are there already.
    """
    path, rater = Path(path), rater.strip()
    filled = template.assign(rater=rater, label=labels)[["rater", "statement", "label"]]
    filled = filled[filled["label"] != ""]
    if not rater or filled.empty:
        raise InputError("the form is empty: name the rater by a letter or number and label a statement")
    if path.is_file():
        known = pd.read_csv(path, dtype=str, keep_default_na=False)
        twice = known.merge(filled, on=["rater", "statement"])
        if len(twice):
            raise InputError(
                f"rater {rater} has labelled {twice['statement'].iloc[0]} before; take another letter"
            )
        filled = pd.concat([known, filled], ignore_index=True)
    part = path.with_suffix(path.suffix + ".part")
    filled.to_csv(part, index=False)
    part.replace(path)
    return f"kept {int((filled['rater'] == rater).sum())} labels of rater {rater} in {path.name}"
