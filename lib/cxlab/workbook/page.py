"""An executed notebook -> a page: the answer first, a section a question, workings folded."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import mistune
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from cxlab.questions.words import number, with_interval
from cxlab.workbook import glossary, pen, picture
from cxlab.workbook.executed import EXPLORE, PART, PLOTLY, RESULT, SOURCE, collect

TEMPLATES = Path(__file__).resolve().parent / "templates"
LEAD_HEIGHT = 420
MOST_ROWS = 60  # of a table on a page; the file has all
_HIDDEN_TAGS = {"solution", "exercise", "parameters", "injected-parameters", "remove-cell"}
_TAG = re.compile(r"<[^>]+>")
_FOLD = re.compile(r"<details\b[^>]*>.*?</details>", re.DOTALL)
_HARMFUL = re.compile(
    r"<(script|iframe|object|embed|meta|link|base|form|style)\b.*?(</\1\s*>|$)"
    r"|\son\w+\s*=\s*(\"[^\"]*\"|'[^']*'|\S+)",
    re.DOTALL | re.IGNORECASE,
)


class Page:
    """A rendered page and what other pages take from it."""

    def __init__(
        self, text: str, files: dict[str, str], results: list[dict], search: list[list[str]]
    ) -> None:
        self.html, self.files, self.results, self.search = text, files, results, search


def render(notebook: Mapping[str, Any], context: Mapping[str, Any]) -> Page:
    """Return the page of an executed notebook.

    Parameters
    ----------
    notebook : dict
        Stabilised, as the cache keeps it.
    context : mapping
        What stands around it: ``stem number name title question minutes pages previous next root segment
        parameters versions``.
    """
    maker = _Maker(context["stem"])
    intro, *sections = maker.sections(notebook)
    references = [section for section in sections if section["title"] == "References"]
    sections = [each for each in sections if each not in references and (each["blocks"] or each["folds"])]
    text = environment().get_template("page.html.j2").render(
        **context, lead=maker.lead, intro=intro, sections=sections, sources=collect(notebook)["sources"],
        references=references,
        has_code=any(block["kind"] == "code" for each in (intro, *sections) for block in each["blocks"]),
    )  # fmt: skip
    search = list(_search(context, maker.lead, intro, sections))
    return Page(squeezed(text), maker.files, maker.results, search)


def squeezed(text: str) -> str:
    """Return a template's text without its blank lines."""
    return re.sub(r"\n\s*\n+", "\n", text).strip() + "\n"


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
                chart = self._chart(data, result)
                if result is not None and result.get("chart") is None and result["finding"]:
                    result["chart"] = chart
                else:
                    yield {"kind": "chart", "chart": chart}
            elif PART not in data and SOURCE not in data:
                yield from _plain(output)

    def _result(self, content: Mapping[str, Any]) -> dict[str, Any]:
        lead = content.get("lead")
        named = {each["name"]: each for each in content["numbers"]}
        table = content.get("table")
        made = {
            "kind": "result",
            "id": content.get("id", ""),
            "finding": content["finding"],
            "cautions": content["cautions"][:2],
            "missing": content["missing"],
            "simulated": content["simulated"],
            "numbers": content["numbers"],
            "table": table and _table(table),
            "open": bool(content.get("open")),
            "csv": self._csv(content, table),
            "lead": lead,
            "tiles": [named[name] for name in lead["names"] if name in named] if lead else [],
            "chart": None,
        }
        self.results.append(made)
        return made

    def _csv(self, content: Mapping[str, Any], table: Mapping[str, Any] | None) -> str:
        """Keep the result's table, or its numbers, as a file; return its address."""
        if not table and not content["numbers"]:
            return ""
        keys = ("label", "value", "low", "high", "unit", "n")
        rows = (
            [table["columns"], *table["rows"]]
            if table
            else [keys, *([n[k] for k in keys] for n in content["numbers"])]
        )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[_safe(cell) for cell in row] for row in rows])
        name = f"numbers/{self.stem}-{len(self.files) + 1:02d}.csv"
        self.files[name] = text.getvalue()
        return name

    def _chart(self, data: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Any]:
        self.charts += 1
        return chart_of(
            data, self.charts, result["finding"] if result else "", bool(result and result["lead"])
        )


def chart_of(data: Mapping[str, Any], number: int, finding: str = "", lead: bool = False) -> dict[str, Any]:
    """Return a chart as the templates show it: picture, bundle for the script, controls, title, finding."""
    bundle = pen.plain_arrays(data.get(EXPLORE) or data[PLOTLY])
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
    facts = layout.get("title") or {}
    title = (
        text_of((facts.get("text") if isinstance(facts, dict) else facts) or "")
        .replace("simulated data", "")
        .strip()
    )
    finding = finding or (layout.get("meta") or {}).get("description", "") or title
    height = min(picture.height_of(layout), LEAD_HEIGHT) if lead else None
    return {
        "number": number,
        "title": title,
        "finding": finding,
        "simulated": bool((layout.get("meta") or {}).get("simulated")),
        "controls": controls,
        "pictures": [
            Markup(picture.svg(figure, width=width, label=finding, height=height)) for width in (800, 360)
        ],
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
    return {
        "title": title,
        "id": re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "top",
        "blocks": [],
        "folds": [],
    }


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
    data = output.get("data", {})
    text = {key: "".join(value) if isinstance(value, list) else value for key, value in data.items()}
    if output["output_type"] == "stream":
        yield {"kind": "text", "text": "".join(output["text"])}
    elif "text/html" in text:
        yield {"kind": "html", "html": Markup(tidy(text["text/html"]))}
    elif "text/markdown" in text:
        yield {
            "kind": "prose",
            "html": mistune.create_markdown(escape=True, plugins=["table"])(text["text/markdown"]),
        }
    elif "image/svg+xml" in text or "image/png" in text:
        mime = "image/svg+xml" if "image/svg+xml" in text else "image/png"
        yield {
            "kind": "image",
            "mime": mime,
            "content": text[mime].replace("\n", "") if "png" in mime else text[mime],
        }
    elif "text/plain" in text:
        yield {"kind": "text", "text": text["text/plain"]}


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
    shown = [[_shown(cell) for cell in row] for row in rows]
    return {
        "columns": table["columns"],
        "rows": shown,
        "words": words,
        "more": len(table["rows"]) - len(rows),
    }


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


@cache
def _formatter() -> Any:
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return PythonLexer(), HtmlFormatter(nowrap=True)


def highlighted(code: str) -> str:
    """Return code with its colours; the keyboard reaches it, since it scrolls sideways where it is wide."""
    from pygments import highlight

    return Markup(f'<pre class="highlight" tabindex="0">{highlight(code, *_formatter())}</pre>')


def json_block(value: Any) -> Markup:
    """Return JSON that can stand in a script element, whatever texts it holds."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


@cache
def environment() -> Environment:
    """Return the templates, with escaping on."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    env.filters.update(
        json_block=json_block,
        number=number,
        estimate=lambda n: with_interval(n["value"], n["low"], n["high"], n["unit"]),
        limits=lambda n: (
            with_interval(n["value"], n["low"], n["high"], n["unit"]).partition(" (")[2].rstrip(")")
        ),
        explained=lambda text: Markup(glossary.explain(html.escape(text, quote=False), set())),
        safe_html=Markup,
    )
    return env


def _search(
    context: Mapping[str, Any],
    lead: Mapping[str, Any] | None,
    intro: Mapping[str, Any],
    sections: Sequence[Mapping],
) -> Iterator[list[str]]:
    """Yield what the search finds: address, page, heading and words of each section."""
    href = f"{context['stem']}.html"
    yield [
        href,
        context["name"],
        context["question"],
        " ".join([lead["finding"] if lead else "", _words(intro)]).strip(),
    ]
    for section in sections:
        yield [f"{href}#{section['id']}", context["name"], section["title"], _words(section)]


def _words(section: Mapping[str, Any]) -> str:
    texts = [
        block.get("finding") or text_of(block.get("html", ""))
        for block in section["blocks"]
        if block["kind"] != "code"
    ]
    return " ".join([*texts, *(text_of(fold) for fold in section["folds"])])
