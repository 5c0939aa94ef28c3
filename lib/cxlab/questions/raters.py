"""Ask ten people: do they mean the same thing by product and experience? The question, and the form for
raters."""

from __future__ import annotations

import base64
import html
from pathlib import Path

import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import number, stated
from cxlab.stats.agreement import krippendorff_alpha, label_share, wide
from cxlab.stats.intervals import wilson

TENTATIVE = 0.667
_NAMES_EXPERIENCE = ("experience", "both")
# record -> (group of the statements, labels counted, words)
_GROUPS = {
    "label-share-things": ("things", ("product",), "'product' for a bought thing"),
    "label-share-status": ("status", ("product", "neither"), "not 'experience' for the feeling of status"),
    "label-share-taste": ("taste", _NAMES_EXPERIENCE, "'experience' or 'both' for taste"),
    "label-share-disgust": ("disgust", _NAMES_EXPERIENCE, "'experience' or 'both' for rotten food"),
    "label-share-feelings": ("feelings", _NAMES_EXPERIENCE, "'experience' or 'both' for feelings"),
    "label-share-failing-device": (
        "device",
        _NAMES_EXPERIENCE,
        "'experience' or 'both' for a device that hangs",
    ),
    "label-share-driving": ("driving", _NAMES_EXPERIENCE, "'experience' or 'both' for driving a car"),
    "label-share-account": ("account", ("product", "both"), "'product' or 'both' for an account or a policy"),
    "label-share-both": ("", ("both",), "'both', all statements"),
    "label-share-product": ("", ("product",), "'product', all statements"),
}
# record -> (letter of the form, labels counted, unit, words)
_OTHERS = {
    "meaning-share-interaction": ("m", ("interaction",), "share of labels", "'interaction' as the meaning"),
    "text-share-interaction": ("t", ("interactions only",), "share of texts", "texts on interactions only"),
    "text-share-alternative": ("d", ("alternative to product",), "share of sentences",
                               "sentences that mean an alternative to the product"),
}  # fmt: skip


@question("ratings", needs="labels by two or more raters (cx.claims.form makes the form)")
def same_meaning(ratings: Table, statements: pd.DataFrame | None = None) -> Result:
    """Do people mean the same thing? Krippendorff's alpha of 'product', 'experience' and 'both' over raters.

    ``statements`` (of the thread) says which statement stands for what. Table: ``about label share``: how
    often each label was given to each group of statements.
    """
    data = ratings.frame.assign(label=ratings.frame["label"].astype("str").str.strip().str.lower())
    names = data["statement"].astype(str)
    settings = {
        "bootstrap": ratings.bootstrap,
        "rng": ratings.seed,
        "confidence_level": ratings.confidence_level,
    }
    known = names.str.fullmatch(r"[smtd]\d+b?").any()
    table = wide(data, "s" if known else "")
    if len(table) < 2:
        raise NotEnough("a single rater cannot agree with anybody")
    alpha = krippendorff_alpha(table, **settings)
    numbers = {
        "alpha-labels": Number(*alpha[:3], "alpha", alpha.statements, "agreement on the two words (alpha)"),
        "raw-agreement": Number(
            alpha.raw, unit="share of pairs", n=alpha.statements, label="pairs of raters who agree"
        ),
        "raters": Number(alpha.raters, unit="people", label="raters"),
    }
    groups = pd.Series("", index=table.columns)
    if statements is not None:
        groups = statements.set_index("statement")["groups"].reindex(table.columns).fillna("")
    if known:
        numbers |= _shares(data, table, groups, ratings) | _meanings(data, ratings, settings)
    one, least = numbers["alpha-labels"], number(TENTATIVE)
    if one.high < TENTATIVE:
        finding = f"raters agree too little to build on: alpha is {one}, "
        finding += f"and {least} is the least for tentative conclusions."
        title = f"Raters agree too little: alpha {number(one.value)}, where {least} is the least"
    elif one.low > TENTATIVE:
        finding = (
            f"raters mean much the same: alpha is {one}, above the {least} that allows tentative conclusions."
        )
        title = f"Raters mean much the same: alpha {number(one.value)}"
    else:
        finding = f"whether raters agree enough stays open: alpha is {one}, "
        finding += f"and {least} is the least for tentative conclusions."
        title = f"Open: alpha {number(one.value)}, where {least} is the least"
    shown = _by_group(table, groups)
    return Result(
        stated(finding, ratings.simulated, "ratings"), numbers, shown.reset_index(),
        lambda: general.bars(shown, title=title, x_title="share of labels", value=list(shown), stacked=True,
                             percent=True),
        ["Few statements make alpha's interval wide; more statements help more than more raters."], ratings,
    )  # fmt: skip


def _shares(data: pd.DataFrame, table: pd.DataFrame, groups: pd.Series, ratings: Table) -> dict[str, Number]:
    numbers, level = {}, ratings.confidence_level
    for name, (group, labels, words) in _GROUPS.items():
        chosen = [s for s in table if not group or group in groups[s].split()]
        if chosen and table[chosen].notna().any(axis=None):
            share = label_share(table[chosen], labels, level)
            numbers[name] = Number(*share[:3], "share of labels", share.n, words)
    most = table.apply(lambda column: (column == "product").sum() / max(column.notna().sum(), 1)) > 0.5
    low, high = map(float, wilson(int(most.sum()), len(most), level))
    numbers["statement-share-product-only"] = Number(
        float(most.mean()), low, high, "share of statements", len(most), "statements that most call 'product'"
    )
    second = data[data["statement"].astype(str).str.fullmatch(r"s\d+b")].dropna(subset="label")
    if len(second):
        from scipy.stats import t

        again = second.pivot(index="rater", columns="statement", values="label")
        again.columns = again.columns.str.removesuffix("b")
        gaps = (again == "experience").sum() / again.notna().sum()
        gaps = (gaps - (table == "experience").sum() / table.notna().sum()).dropna()
        mean, few = float(gaps.mean()), len(gaps) < 2
        half = (
            0 if few else float(t.ppf(0.5 + level / 2, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5)
        )
        limits = (None, None) if few else (mean - half, mean + half)
        words = "'experience' under the second wording minus the first"
        numbers["wording-difference"] = Number(mean, *limits, "share of labels", len(gaps), words)
    return numbers


def _meanings(data: pd.DataFrame, ratings: Table, settings: dict) -> dict[str, Number]:
    numbers, names = {}, data["statement"].astype(str)
    for name, (letter, labels, unit, words) in _OTHERS.items():
        if names.str.fullmatch(rf"{letter}\d+").any():
            table = wide(data, letter)
            share = label_share(table, labels, ratings.confidence_level)
            numbers[name] = Number(*share[:3], unit, share.n, words)
            if letter == "m" and len(table) > 1:
                alpha = krippendorff_alpha(table, **settings)
                words = "agreement on the meaning of experience (alpha)"
                numbers["alpha-meaning"] = Number(*alpha[:3], "alpha", alpha.statements, words)
    return numbers


_ABOUT = {
    "things": "a bought thing", "status": "a feeling of status", "feelings": "other feelings",
    "service": "a service", "thing-in-use": "a thing in use", "account": "an account or a policy",
    "device": "a device that hangs", "driving": "driving a car",
}  # fmt: skip


def _by_group(table: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return the share of each label by group of statements, and over all."""
    rows = {}
    for group, words in _ABOUT.items():
        chosen = [s for s in table if group in groups[s].split()]
        if chosen:
            rows[words] = table[chosen].stack().value_counts(normalize=True)
    rows["all statements"] = table.stack().value_counts(normalize=True)
    table = pd.DataFrame(rows).T.fillna(0.0).rename_axis("about").rename_axis(None, axis=1)
    first = [label for label in LABELS["labels"] if label in table]
    return table[[*first, *table.columns.drop(first)]]


LABELS = {
    "labels": ("product", "experience", "both", "neither"),
    "meanings": ("interaction", "bought thing", "capability", "brand", "cannot tell"),
    "texts": ("interactions only", "product included", "unclear"),
    "sentences": ("alternative to product", "product included", "unclear"),
}
_ASK = {
    "labels": "Is each line about a product, about an experience, about both, or about neither? There is no "
    "right answer; please do not talk about it before all are done.",
    "meanings": "Which meaning has 'experience' here: dealing with people and systems of the firm, how a "
    "bought thing is seen, a feeling about what one is able to do, or closeness to the brand?",
    "texts": "Does each published text mean only dealings with people and systems, or does it include the "
    "product? Choose texts by a rule written down first, such as the first twenty hits.",
    "sentences": "Each says that experience sets a firm apart: in place of the product, or together with it?",
}
_OWN_LINES = {"texts": ("t", 20), "sentences": ("d", 12)}
_SAVE = """const f=document.forms[0];
document.getElementById('save').onclick=()=>{const who=f.rater.value.trim();
if(!who){alert('Please give a letter or number first.');return}
const q=s=>'"'+s.replaceAll('"','""')+'"',rows=['rater,statement,label'];
for(const i of f.querySelectorAll('input[type=radio]:checked'))
rows.push([who,i.name,i.value].map(q).join(','));
const a=document.createElement('a');a.download='ratings-'+who+'.csv';
a.href=URL.createObjectURL(new Blob([rows.join('\\n')+'\\n'],{type:'text/csv'}));a.click()};"""


class Form:
    """A form for raters as one file, to print or to fill in with any browser; it asks nothing of the network.

    Its button saves the labels as a CSV with ``rater statement label``, which is a table ``ratings``.
    """

    def __init__(self, name: str, page: str, lines: int) -> None:
        self.name, self.page, self.lines = name, page, lines

    def __repr__(self) -> str:
        return f"form {self.name}: {self.lines} lines; .save(folder) writes it"

    def save(self, folder: str | Path = ".") -> str:
        """Write the form into a folder and return its path."""
        path = Path(folder) / f"{self.name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.page, encoding="utf-8")
        return str(path)

    def _repr_html_(self) -> str:
        content = base64.b64encode(self.page.encode()).decode()
        return (
            f"<p><a download='{self.name}.html' href='data:text/html;base64,{content}'>The form with "
            f"{self.lines} lines</a>, to print or to fill in with a browser; its button saves the labels.</p>"
        )


def form(statements: pd.DataFrame, *, form: str = "labels", wording: int = 1) -> Form:
    """Return a form for raters.

    Parameters
    ----------
    statements : DataFrame
        Of the thread: ``thread.related["statements"]``.
    form : {"labels", "meanings", "texts", "sentences"}
        Is it product or experience; which meaning of experience; two forms whose lines you fill with texts of
        your own.
    wording : {1, 2}
        The second wording of ``labels`` tells the same events as something lived through: give it to other
        raters.
    """
    if form not in LABELS:
        raise InputError(f"form {form!r} is none of {', '.join(LABELS)}")
    if wording not in (1, 2) or (wording == 2 and form != "labels"):
        raise InputError(f"wording {wording!r} must be 1 or 2, and only the form 'labels' has a second one")
    if form in _OWN_LINES:
        letter, size = _OWN_LINES[form]
        lines = [(f"{letter}{i + 1:02d}", "") for i in range(size)]
    else:
        rows = statements[statements["form"] == form]
        text = rows["second_wording" if wording == 2 else "text"]
        lines = list(zip(rows["statement"] + ("b" if wording == 2 else ""), text, strict=True))
    head = "".join(f"<th>{option}</th>" for option in LABELS[form])
    box = "<td><input type=radio name='{0}' value='{1}' aria-label='{1}'></td>"
    body = "".join(
        f"<tr><td>{name}</td><td>{html.escape(text) or '&nbsp;'}</td>"
        + "".join(box.format(name, option) for option in LABELS[form])
        + "</tr>"
        for name, text in lines
    )
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Ask ten people</title><style>"
        "body{font:16px/1.4 system-ui,sans-serif;max-width:52rem;margin:1rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #888;padding:.25rem .4rem;text-align:left}"
        "tr{break-inside:avoid}@media print{button{display:none}}</style></head><body><form>"
        f"<h1>Product or experience?</h1><p>{html.escape(_ASK[form])}</p>"
        "<p><label>Rater (a letter or number, not a name): <input name=rater></label></p>"
        f"<table><thead><tr><th>No.</th><th>Text</th>{head}</tr></thead><tbody>{body}</tbody></table>"
        "<p><button type=button id=save>Save my labels</button></p></form>"
        f"<script>{_SAVE}</script></body></html>"
    )
    return Form(f"ask-ten-{form}" + ("-2" if wording == 2 else ""), page, len(lines))
