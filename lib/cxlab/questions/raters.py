"""Ask ten people: do they mean the same thing by product and experience? The question, and the form."""

import base64
import html
from functools import partial

import pandas as pd
from IPython.display import HTML

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, number, question
from cxlab.stats.agreement import Alpha, krippendorff_alpha, label_share, wide
from cxlab.stats.regression import t_quantile

TENTATIVE = 0.667  # the least alpha for tentative conclusions (Krippendorff 2004)
_EXPERIENCE = ("experience", "both")
# record -> (group of the statements, labels counted, words)
_GROUPS = {
    "label-share-things": ("things", ("product",), "'product' for a bought thing"),
    "label-share-status": ("status", ("product", "neither"), "not 'experience' for the feeling of status"),
    "label-share-taste": ("taste", _EXPERIENCE, "'experience' or 'both' for taste"),
    "label-share-disgust": ("disgust", _EXPERIENCE, "'experience' or 'both' for rotten food"),
    "label-share-feelings": ("feelings", _EXPERIENCE, "'experience' or 'both' for feelings"),
    "label-share-failing-device": ("device", _EXPERIENCE, "'experience' or 'both' for a device that hangs"),
    "label-share-driving": ("driving", _EXPERIENCE, "'experience' or 'both' for driving a car"),
    "label-share-account": ("account", ("product", "both"), "'product' or 'both' for an account or a policy"),
    "label-share-both": ("", ("both",), "'both', all statements"),
    "label-share-product": ("", ("product",), "'product', all statements"),
}
_ABOUT = {  # groups in the picture
    "things": "a bought thing", "status": "a feeling of status", "feelings": "other feelings",
    "service": "a service", "thing-in-use": "a thing in use", "account": "an account or a policy",
    "device": "a device that hangs", "driving": "driving a car", "": "all statements",
}  # fmt: skip
# form -> (labels, what is asked)
_FORMS = {
    "labels": (
        ("product", "experience", "both", "neither"),
        "Is each line about a product, about an experience, about both, or about neither? There is no "
        "right answer; please do not talk about it before all are done.",
    ),
    "meanings": (
        ("interaction", "bought thing", "capability", "brand", "cannot tell"),
        "Which meaning has 'experience' here: dealing with people and systems of the firm, how a "
        "bought thing is seen, a feeling about what one is able to do, or closeness to the brand?",
    ),
}


@question("ratings", needs="labels by two or more raters (cx.claims.form makes the form)")
def same_meaning(ratings: Table, statements: pd.DataFrame | None = None) -> Result:
    """Do people mean the same thing? Krippendorff's alpha of 'product', 'experience' and 'both' over raters.

    ``statements`` (of the thread) says which statement stands for what. Table: ``about label share``: how
    often each label was given to each group of statements.
    """
    data = ratings.frame.assign(label=ratings.frame["label"].astype("str").str.strip().str.lower())
    names = data["statement"].astype(str)
    known = names.str.fullmatch(r"[sm]\d+b?").any()
    table = wide(data, "s" if known else "")
    if len(table) < 2:
        raise NotEnough("a single rater cannot agree with anybody")
    one, alpha = _alpha(table, ratings, "agreement on the two words (alpha)")
    label = "pairs of raters who agree"
    numbers = {
        "alpha-labels": one,
        "raw-agreement": Number(alpha.raw, unit="share of pairs", n=alpha.statements, label=label),
        "raters": Number(alpha.raters, unit="people", label="raters"),
    }
    groups = pd.Series("", index=table.columns)
    if statements is not None:
        groups = statements.set_index("statement")["groups"].reindex(table.columns).fillna("")
    if known:
        level = ratings.confidence_level
        numbers |= _shares(table, groups, level)
        second = data[names.str.fullmatch(r"s\d+b")].dropna(subset="label")
        if len(second):
            numbers |= _wording(wide(second), table, level)
        if names.str.fullmatch(r"m\d+").any():
            meanings, words = wide(data, "m"), "'interaction' as the meaning"
            *share, n = label_share(meanings, ("interaction",), level)
            numbers["meaning-share-interaction"] = Number(*share, "share of labels", n, words)
            if len(meanings) > 1:
                words = "agreement on the meaning of experience (alpha)"
                numbers["alpha-meaning"] = _alpha(meanings, ratings, words)[0]
    said = "raters mean much the same" if one.low > TENTATIVE else "whether raters agree enough stays open"
    said = "raters agree too little to build on" if one.high < TENTATIVE else said
    finding = f"{said}: alpha is {one}, and {number(TENTATIVE)} is the least for tentative conclusions."
    parts = {words: _about(table, groups, group) for group, words in _ABOUT.items()}
    rows = {words: part.stack().value_counts(normalize=True) for words, part in parts.items() if part.size}
    shown = pd.DataFrame(rows).T.fillna(0.0).rename_axis("about").rename_axis(None, axis=1)
    first = [label for label in _FORMS["labels"][0] if label in shown]
    shown = shown[[*first, *shown.columns.drop(first)]]
    axes = {"x_title": "share of labels", "stacked": True, "percent": True}
    draw = partial(general.bars, shown, value=list(shown), **axes)
    caution = "Few statements make alpha's interval wide; more statements help more than more raters."
    return Result(finding, numbers, shown.reset_index(), draw, [caution], ratings)


def _alpha(table: pd.DataFrame, ratings: Table, label: str) -> tuple[Number, Alpha]:
    settings = {"bootstrap": ratings.bootstrap, "confidence_level": ratings.confidence_level}
    alpha = krippendorff_alpha(table, rng=ratings.seed, **settings)
    return Number(*alpha[:3], "alpha", alpha.statements, label), alpha


def _about(table: pd.DataFrame, groups: pd.Series, group: str) -> pd.DataFrame:
    """Return the labels of the statements of a group (all for no group)."""
    return table[[s for s in table if not group or group in groups[s].split()]]


def _shares(table: pd.DataFrame, groups: pd.Series, level: float) -> dict[str, Number]:
    numbers = {}
    for name, (group, labels, words) in _GROUPS.items():
        chosen = _about(table, groups, group)
        if chosen.notna().any(axis=None):
            *share, n = label_share(chosen, labels, level)
            numbers[name] = Number(*share, "share of labels", n, words)
    most = int(((table == "product").sum() > 0.5 * table.notna().sum()).sum())
    words = "statements that most call 'product'"
    only = Number.share(most, len(groups), "share of statements", words, level)
    return numbers | {"statement-share-product-only": only}


def _wording(again: pd.DataFrame, table: pd.DataFrame, level: float) -> dict[str, Number]:
    """Return how much more often the second wording is called 'experience' (t interval over statements)."""
    share, before = ((part == "experience").sum() / part.notna().sum() for part in (again, table))
    gaps = (share.rename(lambda name: name.removesuffix("b")) - before).dropna()
    mean, n, limits = float(gaps.mean()), len(gaps), (None, None)
    if n > 1:
        half = t_quantile(level, n - 1) * float(gaps.std()) / n**0.5
        limits = mean - half, mean + half
    words = "'experience' under the second wording minus the first"
    return {"wording-difference": Number(mean, *limits, "share of labels", n, words)}


_SAVE = """const f=document.forms[0];
document.getElementById('save').onclick=()=>{const who=f.rater.value.trim();
if(!who){alert('Please give a letter or number first.');return}
const q=s=>'"'+s.replaceAll('"','""')+'"',rows=['rater,statement,label'];
for(const i of f.querySelectorAll('input[type=radio]:checked'))
rows.push([who,i.name,i.value].map(q).join(','));
const a=document.createElement('a');a.download='ratings-'+who+'.csv';
a.href=URL.createObjectURL(new Blob([rows.join('\\n')+'\\n'],{type:'text/csv'}));a.click()};"""


def form(statements: pd.DataFrame, *, form: str = "labels", wording: int = 1) -> HTML:
    """Return a form for raters, of ``thread.related["statements"]``: one file, to print or to fill in with
    any browser. Its button saves a CSV with ``rater statement label``, which is a table ``ratings``.

    ``form`` asks "labels" (product or experience) or "meanings" (which meaning of experience). The second
    ``wording`` of "labels" tells the same events as something lived through: give it to other raters.
    """
    if form not in _FORMS:
        raise InputError(f"form {form!r} is none of {', '.join(_FORMS)}")
    if wording not in (1, 2) or (wording == 2 and form != "labels"):
        raise InputError(f"wording {wording!r} must be 1 or 2, and only the form 'labels' has a second one")
    options, ask = _FORMS[form]
    text, letter = ("second_wording", "b") if wording == 2 else ("text", "")
    rows = statements[statements["form"] == form]
    head = "".join(f"<th>{option}</th>" for option in options)
    boxes = "".join(f"<td><input type=radio name='{{0}}' value='{o}' aria-label='{o}'></td>" for o in options)
    body = "".join(
        f"<tr><td>{name}</td><td>{html.escape(line)}</td>{boxes.format(name)}</tr>"
        for name, line in zip(rows["statement"] + letter, rows[text], strict=True)
    )
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Ask ten people</title><style>"
        "body{font:16px/1.4 system-ui,sans-serif;max-width:52rem;margin:1rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #888;padding:.25rem .4rem;text-align:left}"
        "tr{break-inside:avoid}@media print{button{display:none}}</style></head><body><form>"
        f"<h1>Product or experience?</h1><p>{html.escape(ask)}</p>"
        "<p><label>Rater (a letter or number, not a name): <input name=rater></label></p>"
        f"<table><thead><tr><th>No.</th><th>Text</th>{head}</tr></thead><tbody>{body}</tbody></table>"
        "<p><button type=button id=save>Save my labels</button></p></form>"
        f"<script>{_SAVE}</script></body></html>"
    )
    name, content = f"ask-ten-{form}{'-2' * (wording == 2)}", base64.b64encode(page.encode()).decode()
    return HTML(
        f"<p><a download='{name}.html' href='data:text/html;base64,{content}'>The form with {len(rows)} lines"
        "</a>, to print or to fill in with a browser; its button saves the labels.</p>"
    )
