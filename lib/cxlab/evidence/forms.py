"""The 'ask ten people' kit: a form to print, a CSV to fill in, and the way back into the table ``ratings``."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LABELS", "Kit", "read_form", "survey_form", "survey_kit", "survey_template"]

LABELS = {
    "labels": ("product", "experience", "both", "neither"),
    "meanings": ("interaction", "bought thing", "capability", "brand", "cannot tell"),
    "texts": ("interactions only", "product included", "unclear"),
    "sentences": ("alternative to product", "product included", "unclear"),
}
_ASK = {
    "labels": "Each line is something that a customer could say. Is it about a product, about an experience, about both, "
    "or about neither? There is no right answer; please do not talk about it with the others before all are done.",
    "meanings": "Which meaning has the word 'experience' here: dealing with people and systems of the firm, how a bought "
    "thing is seen, a feeling about what one is able to do, or closeness to the brand?",
    "texts": "For each published text about customer experience: does it mean only dealings with people and systems, or "
    "does it include the product? Choose the texts by a rule that you write down first, such as the first twenty hits.",
    "sentences": "For each sentence in which experience is said to set a firm apart: is experience meant as the alternative "
    "to the product, or does it include the product?",
}
_LETTER = {"texts": ("t", 20), "sentences": ("d", 12)}


def survey_template(statements: pd.DataFrame, *, form: str = "labels", wording: int = 1) -> pd.DataFrame:
    """Return an empty form as the table ``ratings``, one line a statement, ready for ``to_csv``.

    Parameters
    ----------
    statements : DataFrame
        ``statements.csv``.
    form : {"labels", "meanings", "texts", "sentences"}
        Is it product or experience (36 sentences); which meaning of experience; and two coding forms for published
        texts and for sentences about being different, whose lines you fill yourself.
    wording : {1, 2}
        The second wording of the form ``labels`` (same events, told as something lived through): give it to other
        raters, or weeks later.

    Returns
    -------
    DataFrame
        ``rater statement text label``.
    """
    import pandas as pd

    if form not in LABELS:
        raise InputError(f"form {form!r} is none of {', '.join(LABELS)}")
    if wording not in (1, 2) or (wording == 2 and form != "labels"):
        raise InputError(f"wording {wording!r} must be 1 or 2, and only the form 'labels' has a second one")
    if form in _LETTER:
        letter, size = _LETTER[form]
        ids, texts = [f"{letter}{i + 1:02d}" for i in range(size)], [""] * size
    else:
        rows = statements[statements["form"] == form]
        ids = [name + ("b" if wording == 2 else "") for name in rows["statement"]]
        texts = list(rows["second_wording" if wording == 2 else "text"])
    return pd.DataFrame({"rater": "", "statement": ids, "text": texts, "label": ""})


def survey_form(statements: pd.DataFrame, *, form: str = "labels", wording: int = 1) -> str:
    """Return the same form as one HTML page to print: tick boxes, no script, no outside request.

    Parameters
    ----------
    statements, form, wording
        As for ``survey_template``.

    Returns
    -------
    str
        A whole document.
    """
    template = survey_template(statements, form=form, wording=wording)
    options = LABELS[form]
    head = "".join(f"<th>{html.escape(option)}</th>" for option in options)
    boxes = "<td class='box'>&#9744;</td>" * len(options)
    body = "".join(
        f"<tr><td>{html.escape(row.statement)}</td><td>{html.escape(row.text) or '&nbsp;'}</td>{boxes}</tr>"
        for row in template.itertuples()
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Ask ten people</title><style>"
        "body{font:14px/1.4 system-ui,sans-serif;max-width:50rem;margin:1rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:.25rem .4rem;text-align:left}"
        ".box{text-align:center;font-size:1.2rem}tr{break-inside:avoid}</style></head><body>"
        f"<h1>Product or experience? Form '{html.escape(form)}', wording {wording}</h1><p>{html.escape(_ASK[form])}</p>"
        f"<p>Rater (a letter or number, not a name): ________</p><table><thead><tr><th>No.</th><th>Text</th>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table></body></html>"
    )


class Kit:
    """Links that save each form from the page itself, with no request to anywhere."""

    def __init__(self, files: dict[str, tuple[str, str]]) -> None:
        self.files = files

    def __repr__(self) -> str:
        return f"Kit of {len(self.files)} files: {', '.join(self.files)}"

    def save(self, folder: str | Path) -> list[str]:
        """Write all files into a folder and return their names."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, (_, text) in self.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return list(self.files)

    def _repr_html_(self) -> str:
        links = [
            f"<li><a download='{name}' href='data:{mime};base64,{base64.b64encode(text.encode()).decode()}'>{name}</a></li>"
            for name, (mime, text) in self.files.items()
        ]
        return f"<ul>{''.join(links)}</ul>"


def survey_kit(statements: pd.DataFrame) -> Kit:
    """Return all forms to save: each as a page to print and as a CSV to fill in."""
    files = {}
    for form, wording in (("labels", 1), ("labels", 2), ("meanings", 1), ("texts", 1), ("sentences", 1)):
        name = f"{form}-wording-{wording}" if form == "labels" else form
        files[f"{name}.html"] = ("text/html", survey_form(statements, form=form, wording=wording))
        files[f"{name}.csv"] = (
            "text/csv",
            survey_template(statements, form=form, wording=wording).to_csv(index=False),
        )
    return Kit(files)


def read_form(path: str | Path, statements: pd.DataFrame) -> pd.DataFrame:
    """Read filled-in forms back as the table ``ratings``.

    Parameters
    ----------
    path : path
        A CSV with ``rater statement label``; several raters below each other.
    statements : DataFrame
        ``statements.csv``, to tell unknown statements.

    Returns
    -------
    DataFrame
        ``rater statement label``, labels in lower case, empty ones missing.

    Raises
    ------
    InputError
        When the file is no form, or an empty one; when a label is none of the form's; when a rater labels a statement
        twice.
    """
    import pandas as pd

    name = Path(path).name
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as fault:
        raise InputError(f"{name} cannot be read as a form: {fault}") from fault
    missing = [column for column in ("rater", "statement", "label") if column not in table]
    if missing:
        raise InputError(f"{name} lacks the column {', '.join(missing)}; survey_template() makes the form")
    table = table[["rater", "statement", "label"]].apply(lambda column: column.str.strip())
    table["label"] = table["label"].str.lower()
    filled = table[table["label"] != ""]
    if filled.empty:
        raise InputError(f"{name} is empty: no statement has a label")
    if (filled["rater"] == "").any():
        raise InputError(
            f"{name}, line {int((filled['rater'] == '').idxmax()) + 2}: a label without a rater; a letter will do"
        )
    by_letter = {
        "s": LABELS["labels"],
        "m": LABELS["meanings"],
        "t": LABELS["texts"],
        "d": LABELS["sentences"],
    }
    known = set(statements["statement"]) | {f"{s}b" for s in statements["statement"] if s.startswith("s")}
    for row in filled.itertuples():
        allowed = by_letter.get(row.statement[:1], ())
        if not allowed or (row.statement[0] in "sm" and row.statement not in known):
            raise InputError(f"{name}, line {row.Index + 2}: there is no statement {row.statement!r}")
        if row.label not in allowed:
            raise InputError(
                f"{name}, line {row.Index + 2}: label {row.label!r}; allowed are {', '.join(allowed)}"
            )
    twice = filled.duplicated(["rater", "statement"])
    if twice.any():
        row = filled.loc[twice.idxmax()]
        raise InputError(
            f"{name}, line {int(twice.idxmax()) + 2}: rater {row['rater']} labels {row['statement']} twice"
        )
    return table.assign(label=table["label"].where(table["label"] != ""))
