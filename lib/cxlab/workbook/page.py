"""An executed notebook -> a page: the answer first, a section a question, workings folded."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import mistune
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from cxlab.questions.words import number, with_interval
from cxlab.workbook import glossary, picture
from cxlab.workbook.executed import EXPLORE, PART, PLOTLY, RESULT, SOURCE, collect, plain_arrays

TEMPLATES = Path(__file__).resolve().parent / "templates"
LEAD_HEIGHT = 420
MOST_ROWS = 60  # of a table on a page; the file has all
_HIDDEN_TAGS = {"solution", "exercise", "parameters", "injected-parameters", "remove-cell"}
_TAG = re.compile(r"<[^>]+>")
_UNIT = re.compile(r"(?<=\d) (?=%)")
_FOLD = re.compile(r"<details\b[^>]*>.*?</details>", re.DOTALL)
_HARMFUL = re.compile(
    r"<(script|iframe|object|embed|meta|link|base|form|style)\b.*?(</\1\s*>|$)"
    r"|\son\w+\s*=\s*(\"[^\"]*\"|'[^']*'|\S+)",
    re.DOTALL | re.IGNORECASE,
)


class Page(NamedTuple):
    """A rendered page and what other pages take from it: its files, results and what the search finds."""

    html: str
    files: dict[str, str]
    results: list[dict]
    search: list[list[str]]


def render(notebook: Mapping[str, Any], context: Mapping[str, Any]) -> Page:
    """Return the page of an executed notebook, as the cache keeps it.

    ``context`` is what stands around it: ``stem number name title question minutes pages previous next root
    segment parameters versions``.
    """
    maker = _Maker(context["stem"])
    intro, *made = maker.sections(notebook)
    references = [section for section in made if section["title"] == "References"]
    made = [each for each in made if each not in references]
    lacking = [(each["title"], lack) for each in made if (lack := _lack(each))]
    sections = [each for each in made if each["blocks"] or each["folds"]]
    text = environment().get_template("page.html.j2").render(
        **context, lead=maker.lead, intro=intro, sections=sections, sources=collect(notebook)["sources"],
        references=references, lacking=lacking,
        has_code=any(block["kind"] == "code" for each in (intro, *sections) for block in each["blocks"]),
    )  # fmt: skip
    href = f"{context['stem']}.html"
    said = f"{maker.lead['finding'] if maker.lead else ''} {_words(intro)}".strip()
    search = [[href, context["name"], context["question"], said]]
    search += [[f"{href}#{s['id']}", context["name"], s["title"], _words(s)] for s in sections]
    return Page(squeezed(text), maker.files, maker.results, search)


def _lack(section: dict[str, Any]) -> str:
    """Take the answers that could not be given out of a section; return what the first of them needs."""
    lacking = [block for block in section["blocks"] if block["kind"] == "result" and block["missing"]]
    section["blocks"] = [block for block in section["blocks"] if block not in lacking]
    if not lacking:
        return ""
    if not any(block["kind"] in ("result", "chart") for block in section["blocks"]):
        section["blocks"] = section["folds"] = []
    return re.sub(r"^[^:]*: (this (?=needs))?| \([^)]*\)", "", lacking[0]["finding"]).rstrip(".")


def squeezed(text: str) -> str:
    """Return a template's text without its blank lines; no line of the page breaks before a unit."""
    return _UNIT.sub("\u00a0", re.sub(r"\n\s*\n+", "\n", text).strip()) + "\n"


class _Maker:
    """Goes through a notebook's cells once."""

    def __init__(self, stem: str) -> None:
        self.stem, self.charts, self.files = stem, 0, {}
        self.lead: dict[str, Any] | None = None
        self.results: list[dict[str, Any]] = []

    def sections(self, notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the introduction and the sections: ``title id blocks folds``; the lead is set aside."""
        made = [_section("")]
        for cell in notebook["cells"]:
            if _HIDDEN_TAGS & set(cell["metadata"].get("tags", [])) or cell["cell_type"] == "raw":
                continue
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for title, text in _parts(source):
                    if title is not None:
                        made.append(_section(title))
                    _add_prose(made[-1], text)
                continue
            blocks = list(self._outputs(cell.get("outputs", [])))
            if source.strip() and not re.fullmatch(r"\s*import cxlab as cx\s*", source):
                blocks.append({"kind": "code", "html": highlighted(source)})
            made[-1]["blocks"] += blocks
        self._hoist(made)
        for section in made:
            _merge(section["blocks"])
            seen: set[str] = set()
            for block in section["blocks"]:
                if block["kind"] == "prose":
                    block["html"] = glossary.explain(block["html"], seen)
        return made

    def _hoist(self, sections: Sequence[Mapping[str, Any]]) -> None:
        """Set the page's answer aside; where its data are missing, the first answer that there is."""
        answers = [
            (s, b) for s in sections for b in s["blocks"] if b["kind"] == "result" and not b["missing"]
        ]
        leads = [(s, b) for s in sections for b in s["blocks"] if b.get("lead")]
        for section, block in [*(pair for pair in leads if pair in answers), *answers, *leads][:1]:
            self.lead = block
            section["blocks"].remove(block)
            if not block["lead"]:
                block["tiles"] = block["numbers"][:3]

    def _outputs(self, outputs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield what a reader sees: a result with the chart that follows it, and plain outputs."""
        result: dict[str, Any] | None = None
        for output in outputs:
            data = output.get("data", {})
            if RESULT in data:
                result = self._result(data[RESULT])
                if result["finding"]:
                    yield result
            elif EXPLORE in data or PLOTLY in data:
                self.charts += 1
                known = result or {"finding": "", "lead": None}
                chart = chart_of(data, self.charts, known["finding"], bool(known["lead"]))
                if known["finding"] and known["chart"] is None:
                    known["chart"] = chart
                else:
                    yield {"kind": "chart", "chart": chart}
            elif PART not in data and SOURCE not in data:
                yield from _plain(output)

    def _result(self, content: Mapping[str, Any]) -> dict[str, Any]:
        table, lead = content.get("table"), content.get("lead")
        named = {each["name"]: each for each in content["numbers"]}
        made = {
            **{"id": "", "open": False, **content, "kind": "result", "cautions": content["cautions"][:2]},
            **{"table": table and _table(table), "csv": self._csv(content, table), "lead": lead},
            **{"tiles": [named[n] for n in lead["names"] if n in named] if lead else [], "chart": None},
        }
        self.results.append(made)
        return made

    def _csv(self, content: Mapping[str, Any], table: Mapping[str, Any] | None) -> str:
        """Keep the result's table, or its numbers, as a file; return its address."""
        keys = ["label", "value", "low", "high", "unit", "n"]
        rows = (
            [table["columns"], *table["rows"]]
            if table
            else [[n[k] for k in keys] for n in content["numbers"]]
        )
        if not rows:
            return ""
        text = io.StringIO()
        lines = rows if table else [keys, *rows]
        csv.writer(text, lineterminator="\n").writerows([[_safe(cell) for cell in row] for row in lines])
        name = f"numbers/{self.stem}-{len(self.files) + 1:02d}.csv"
        self.files[name] = text.getvalue()
        return name


def chart_of(data: Mapping[str, Any], number: int, finding: str = "", lead: bool = False) -> dict[str, Any]:
    """Return a chart as the templates show it: picture, bundle for the script, controls, title, finding."""
    bundle = plain_arrays(data.get(EXPLORE) or data[PLOTLY])
    controls, start, at = bundle.get("controls", []), 0, 0
    if EXPLORE in data:
        for control in controls:
            at = at * len(control["values"]) + control["start"]
        start = bundle["states"][at]
        first = bundle["figures"][start]
        figure = {"data": first["data"], "layout": {**bundle["layout"], **first["layout"]}}
        finding = first.get("finding") or finding
    else:
        figure = bundle
        bundle = {key: bundle[key] for key in ("data", "layout", "frames") if bundle.get(key)}
    layout = figure["layout"]
    layout.pop("template", None)
    meta = layout.get("meta") or {}
    title = " ".join(picture.rows_of(layout.get("title"))).replace("simulated data", "").strip()
    finding = finding or meta.get("description", "") or title
    height = min(picture.height_of(layout), LEAD_HEIGHT) if lead else None
    drawn = [picture.svg(figure, width=width, label=finding, height=height) for width in (800, 360)]
    return {
        **{"number": number, "title": title, "finding": finding, "simulated": bool(meta.get("simulated"))},
        **{"controls": controls, "pictures": list(map(Markup, drawn))},
        "bundle": {**bundle, "height": height} if height else bundle,
    }


def _merge(blocks: list[dict[str, Any]]) -> None:
    """Let an answer with controls stand in the place of the same answer without."""
    for moved in [block for block in blocks if block["kind"] == "chart" and block["chart"]["controls"]]:
        for block in blocks:
            if block["kind"] == "result" and block["chart"] and block["finding"] == moved["chart"]["finding"]:
                block["chart"] = moved["chart"]
                blocks.remove(moved)
                break


def text_of(markup: str) -> str:
    """Return the plain text of HTML."""
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def _section(title: str) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return {"title": title, "id": name or "top", "blocks": [], "folds": []}


def _parts(source: str) -> Iterator[tuple[str | None, str]]:
    """Split Markdown at its ``##`` headings, the page's title taken out."""
    title, lines, fenced = None, [], False
    for line in source.splitlines():
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("## "):
            yield title, "\n".join(lines)
            title, lines = line[3:].strip(), []
        elif fenced or not line.startswith("# "):
            lines.append(line)
    yield title, "\n".join(lines)


def _add_prose(section: dict[str, Any], source: str) -> None:
    rendered = prose(source)
    section["folds"] += [Markup(fold) for fold in _FOLD.findall(rendered)]
    rest = _FOLD.sub("", rendered).strip()
    if rest:
        section["blocks"].append({"kind": "prose", "html": rest})


def _plain(output: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    data = {
        key: "".join(value) for key, value in output.get("data", {}).items() if isinstance(value, str | list)
    }
    if output["output_type"] == "stream":
        yield {"kind": "text", "text": "".join(output["text"])}
    elif "text/html" in data:
        yield {"kind": "html", "html": Markup(tidy(data["text/html"]))}
    elif "text/markdown" in data:
        yield {"kind": "prose", "html": mistune.create_markdown(plugins=["table"])(data["text/markdown"])}
    elif "image/png" in data:
        yield {"kind": "image", "content": data["image/png"].replace("\n", "")}
    elif "text/plain" in data:
        yield {"kind": "text", "text": data["text/plain"]}


def tidy(markup: str) -> str:
    """Return a table's HTML without pandas' own style, and anything without what could run."""
    markup = markup.replace('<table border="1" class="dataframe">', "<table>")
    markup = re.sub(r' style="text-align: right;"', "", markup)
    markup = re.sub(r"<td>(?:NaN|NaT|None|&lt;NA&gt;)</td>", "<td>–</td>", markup)
    return _HARMFUL.sub("", markup.replace("<th></th>", "<td></td>"))


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result's table with its cells as people read them, and which columns hold words."""
    rows = table["rows"][:MOST_ROWS]
    words = [any(isinstance(row[i], str) for row in rows) for i in range(len(table["columns"]))]
    return {"columns": table["columns"], "rows": [list(map(_shown, row)) for row in rows], "words": words}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value if isinstance(value, str) else number(value)


def _safe(value: Any) -> Any:
    """Return a cell that a spreadsheet will not run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


class _Renderer(mistune.HTMLRenderer):
    def heading(self, text: str, level: int, **attrs: Any) -> str:
        return f"<h{max(3, level)}>{text}</h{max(3, level)}>\n"

    def block_code(self, code: str, info: str | None = None) -> str:
        return highlighted(code)


@cache
def _markdown() -> Any:
    return mistune.create_markdown(
        renderer=_Renderer(escape=False), plugins=["table", "strikethrough", "footnotes"]
    )


def prose(source: str) -> str:
    """Return the Markdown of a notebook's author as HTML."""
    return (
        _HARMFUL.sub("", _markdown()(source))
        .replace("<table>", '<div class="table" tabindex="0"><table>')
        .replace("</table>", "</table></div>")
    )


def highlighted(code: str) -> str:
    """Return code with its colours; the keyboard reaches it, since it scrolls sideways where it is wide."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    shown = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    return Markup(f'<pre class="highlight" tabindex="0">{shown}</pre>')


def json_block(value: Any) -> Markup:
    """Return JSON that can stand in a script element, whatever texts it holds."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


@cache
def environment() -> Environment:
    """Return the templates, with escaping on."""
    loader = FileSystemLoader(TEMPLATES)
    env = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    estimate = lambda n: with_interval(n["value"], n["low"], n["high"], n["unit"])  # noqa: E731
    env.filters.update(
        json_block=json_block,
        number=number,
        limits=lambda n: estimate(n).partition(" (")[2].rstrip(")"),
        explained=lambda text: Markup(glossary.explain(html.escape(text, quote=False), set())),
        safe_html=Markup,
    )
    return env


def _words(section: Mapping[str, Any]) -> str:
    texts = [
        block.get("finding") or text_of(block.get("html", ""))
        for block in section["blocks"]
        if block["kind"] != "code"
    ]
    return " ".join([*texts, *(text_of(fold) for fold in section["folds"])])
