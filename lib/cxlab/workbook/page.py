"""An executed notebook -> a page: the answer first, a section a question, workings folded."""

import csv
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mistune
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from cxlab.questions.result import number, with_interval
from cxlab.workbook import glossary, picture
from cxlab.workbook.commands import safe_cell
from cxlab.workbook.executed import EXPLORE, PART, PLOTLY, RESULT, SOURCE, collect, lead_of, plain_arrays

LEAD_HEIGHT = 420
MOST_ROWS = 60  # of a table on a page; the file has all
_HIDDEN_TAGS = {"solution", "exercise", "parameters", "injected-parameters", "remove-cell"}
# what somebody learns who works through the notebook; a reader of the report has no exercises
_GOALS = re.compile(r"\s*After this page you can\n.*?\*\*Minutes:\*\* \d+\.?", re.DOTALL)
_FOLD = re.compile(r"<details\b[^>]*>.*?</details>", re.DOTALL)
_HARMFUL = re.compile(
    r"<(script|iframe|object|embed|meta|link|base|form|style)\b.*?(</\1\s*>|$)"
    r"|\son\w+\s*=\s*(\"[^\"]*\"|'[^']*'|\S+)",
    re.DOTALL | re.IGNORECASE,
)


class Rendered:
    """The page of an executed notebook and what other pages take from it: its ``html``, ``files`` (name ->
    text), ``results`` with their charts, and what the ``search`` finds, ``[address, page, title, words]``.
    """

    def __init__(self, notebook: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        """``context`` is what stands around the page: ``stem name question pages previous next root home
        segment parameters versions``.
        """
        self.stem, self.charts, self.files, self.results = context["stem"], 0, {}, []
        intro, *made = self._sections(notebook)
        lead = lead_of([block for each in (intro, *made) for block in each["blocks"] if "finding" in block])
        for section in (intro, *made):
            _finish(section, lead)
        references = [section for section in made if section["title"] == "References"]
        made = [section for section in made if section not in references]
        lacking = [(section, lack) for section in made if (lack := _lack(section))]
        sections = [section for section in made if section["blocks"] or section["folds"]]
        text = TEMPLATES.get_template("page.html.j2").render(
            **context, lead=lead, intro=intro, sections=sections, sources=collect(notebook)["sources"],
            references=references, lacking=lacking,
            has_code=any(block["kind"] == "code" for each in (intro, *sections) for block in each["blocks"]),
        )  # fmt: skip
        self.html, href, name = squeezed(text), f"{self.stem}.html", context["name"]
        said = f"{lead['finding'] if lead else ''} {_words(intro)}".strip()
        self.search = [[href, name, context["question"], said]]
        self.search += [[f"{href}#{s['id']}", name, s["title"], _words(s)] for s in sections]

    def _sections(self, notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the introduction and the sections: ``title id blocks folds words`` (those explained)."""
        made = [_section("")]
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            if _HIDDEN_TAGS & set(cell["metadata"].get("tags", [])):
                continue
            if cell["cell_type"] == "markdown":
                _add_prose(made, source)
            elif cell["cell_type"] == "code":
                made[-1]["blocks"] += self._outputs(cell["outputs"])
                if source.strip() not in ("", "import cxlab as cx"):
                    made[-1]["blocks"].append({"kind": "code", "html": highlighted(source)})
        return made

    def _outputs(self, outputs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield what a reader sees: a result with the chart that follows it, and plain outputs."""
        result: dict[str, Any] | None = None
        for output in outputs:
            data = output.get("data", {})
            if RESULT in data:
                result = self._result(data[RESULT])
                if result["finding"]:
                    yield result
            elif PLOTLY in data:
                chart = self._chart(data, lead=bool(result and result["lead"]))
                if result and result["finding"] and result["chart"] is None:
                    result["chart"] = chart
                else:
                    yield {"kind": "chart", "chart": chart}
            elif PART not in data and SOURCE not in data:
                yield from _plain(output)

    def _chart(self, data: Mapping[str, Any], *, lead: bool) -> dict[str, Any]:
        """Return a chart as the templates show it; ``bundle`` is for the script."""
        self.charts += 1
        figure = plain_arrays(data[PLOTLY])  # of an explorer, what is shown first
        layout = figure["layout"]
        layout.pop("template", None)
        bundle = plain_arrays(data.get(EXPLORE)) or {"data": figure["data"], "layout": layout}
        meta = layout.get("meta") or {}
        title = " ".join(picture.rows_of(layout.get("title"))).replace("simulated data", "").strip()
        finding = figure.get("finding") or meta.get("description") or title
        height = min(picture.height_of(layout), LEAD_HEIGHT) if lead else None
        if height:
            bundle["height"] = height
        drawn = [picture.svg(figure, width=width, label=finding, height=height) for width in (800, 360)]
        return {
            "number": self.charts, "title": title, "finding": finding, "simulated": meta.get("simulated"),
            "controls": bundle.get("controls"), "pictures": drawn, "bundle": bundle,
        }  # fmt: skip

    def _result(self, content: Mapping[str, Any]) -> dict[str, Any]:
        table, lead, numbers = content["table"], content["lead"], content["numbers"]
        named = {each["name"]: each for each in numbers}
        tiles = [named[name] for name in lead["names"] if name in named] if lead else numbers[:3]
        more = {"kind": "result", "chart": None, "tiles": tiles, "table": table and _table(table)}
        made = {**content, **more, "cautions": content["cautions"][:2], "csv": self._csv(table, numbers)}
        self.results.append(made)
        return made

    def _csv(self, table: Mapping[str, Any] | None, numbers: Sequence[Mapping[str, Any]]) -> str:
        """Keep a result's table, or its numbers, as a file; return its address."""
        keys = ["label", "value", "low", "high", "unit", "n"]
        rows = [keys, *([n[key] for key in keys] for n in numbers)]
        if table:
            rows = [table["columns"], *table["rows"]]
        elif not numbers:
            return ""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([safe_cell(cell) for cell in row] for row in rows)
        name = f"numbers/{self.stem}-{len(self.files) + 1:02d}.csv"
        self.files[name] = text.getvalue()
        return name


def _lack(section: dict[str, Any]) -> str:
    """Take the answers that could not be given out of a section; return what the first of them needs."""
    lacking = [block for block in section["blocks"] if block["kind"] == "result" and block["missing"]]
    section["blocks"] = [block for block in section["blocks"] if block not in lacking]
    if not lacking:
        return ""
    if not any(block["kind"] in ("result", "chart") for block in section["blocks"]):
        section["blocks"] = section["folds"] = []
    return re.sub(r"^[^:]*: (this (?=needs))?| \([^)]*\)", "", lacking[0]["finding"]).rstrip(".")


def _words(section: Mapping[str, Any]) -> str:
    blocks = [block for block in section["blocks"] if block["kind"] != "code"]
    said = [block.get("finding") or text_of(block.get("html", "")) for block in blocks]
    return " ".join([*said, *map(text_of, section["folds"])])


def squeezed(text: str) -> str:
    """Return a template's text without its blank lines; no line of the page breaks before a unit."""
    return re.sub(r"(?<=\d) (?=%)", "\u00a0", re.sub(r"\n\s*\n+", "\n", text).strip()) + "\n"


def text_of(markup: str) -> str:
    """Return the plain text of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def _finish(section: dict[str, Any], lead: Mapping[str, Any] | None) -> None:
    """Set the page's answer aside; let an answer with controls stand in the place of the same one without."""
    blocks = section["blocks"] = [block for block in section["blocks"] if block is not lead]
    drawn = {block["finding"]: block for block in reversed(blocks) if block.get("finding") and block["chart"]}
    for moved in [block for block in blocks if block["kind"] == "chart" and block["chart"]["controls"]]:
        if same := drawn.get(moved["chart"]["finding"]):
            same["chart"] = moved["chart"]
            blocks.remove(moved)


def _section(title: str) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return {"title": title, "id": name or "top", "blocks": [], "folds": [], "words": set()}


def _add_prose(sections: list[dict[str, Any]], source: str) -> None:
    """Add an author's Markdown to the last section; each heading of the second level begins another one."""
    made = _HARMFUL.sub("", _MARKDOWN(_GOALS.sub("", source))).replace("</table>", "</table></div>")
    made = made.replace("<table>", '<div class="table" tabindex="0"><table>')
    for i, part in enumerate(re.split(r"<h2>(.*?)</h2>", made)):
        if i % 2:
            sections.append(_section(text_of(part)))
            continue
        sections[-1]["folds"] += [Markup(fold) for fold in _FOLD.findall(part)]
        if rest := _FOLD.sub("", part).strip():
            explained = Markup(glossary.explain(rest, sections[-1]["words"]))
            sections[-1]["blocks"].append({"kind": "prose", "html": explained})


def _plain(output: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a text, or a table's HTML without pandas' own style, and anything without what could run."""
    data = output.get("data", {})
    if output["output_type"] == "stream":
        yield {"kind": "text", "text": output["text"]}
    elif "text/html" in data:
        markup = data["text/html"].replace('<table border="1" class="dataframe">', "<table>")
        markup = re.sub(r' style="text-align: right;"', "", markup).replace("<th></th>", "<td></td>")
        markup = re.sub(r"<td>(?:NaN|NaT|None|&lt;NA&gt;)</td>", "<td>–</td>", markup)
        yield {"kind": "html", "html": Markup(_HARMFUL.sub("", markup))}
    elif "text/plain" in data:
        yield {"kind": "text", "text": data["text/plain"]}


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result's table with its cells as people read them, and which columns hold words."""
    rows = table["rows"][:MOST_ROWS]
    words = [any(isinstance(row[i], str) for row in rows) for i in range(len(table["columns"]))]
    return {"columns": table["columns"], "rows": [list(map(_shown, row)) for row in rows], "words": words}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value if isinstance(value, str) else number(value)


class _Renderer(mistune.HTMLRenderer):
    """The page's title is not repeated, code has its colours, a wide table scrolls by itself."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        return f"<h{level}>{text}</h{level}>\n" if level > 1 else ""

    def block_code(self, code: str, info: str | None = None) -> str:
        return highlighted(code)


_MARKDOWN = mistune.create_markdown(renderer=_Renderer(escape=False), plugins=["table", "strikethrough"])


def highlighted(code: str) -> Markup:
    """Return code with its colours; the keyboard reaches it, since it scrolls sideways where it is wide."""
    shown = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    return Markup(f'<pre class="highlight" tabindex="0">{shown}</pre>')


def _limits(n: Mapping[str, Any]) -> str:
    return with_interval(n["value"], n["low"], n["high"], n["unit"]).partition(" (")[2].rstrip(")")


def _explained(text: str) -> Markup:
    return Markup(glossary.explain(html.escape(text, quote=False), set()))


_LOADER = FileSystemLoader(Path(__file__).parent / "templates")
TEMPLATES = Environment(loader=_LOADER, autoescape=True, trim_blocks=True, lstrip_blocks=True)
TEMPLATES.filters.update(number=number, limits=_limits, explained=_explained)
TEMPLATES.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False, "separators": (",", ":")}
