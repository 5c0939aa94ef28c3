"""An executed notebook -> a page: nbconvert with a template of ours, no script but our own, nothing from outside."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..glossary import words_of
from ..record import rounded
from .numbers import show_interval, show_number, show_value
from .stabilise import collect

__all__ = ["render", "warm_up"]

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"

_EXPLORE = "application/vnd.cxlab.explore+json"
_PLOTLY = "application/vnd.plotly.v1+json"
_SHOWN = (
    _EXPLORE,
    _PLOTLY,
    "application/vnd.cxlab.record+json",
    "application/vnd.cxlab.conclusion+json",
    "application/vnd.cxlab.source+json",
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/latex",
    "text/plain",
)
_HIDDEN = ("application/vnd.cxlab.record+json", "application/vnd.cxlab.source+json")
_TAG = re.compile(r"<[^>]+>")


def warm_up() -> None:
    """Import and build what every page needs, once, before the forge forks."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# A\n\nWord $a$"},
        {"cell_type": "code", "metadata": {}, "source": "a = 1", "outputs": []},
    ]
    around = {
        "stem": "a",
        "number": "",
        "title": "A",
        "question": "A",
        "minutes": 1,
        "parameters": [],
        "pages": [],
    }
    more = {"previous": None, "next": None, "root": "", "home": "", "versions": [], "segment": ""}
    render({"cells": cells, "metadata": {}}, {**around, **more})


_EXPORTER: Any = None


def _exporter() -> Any:
    global _EXPORTER
    if _EXPORTER is None:
        from nbconvert.exporters.html import HTMLExporter
        from nbconvert.exporters.templateexporter import TemplateExporter

        class PageExporter(HTMLExporter):
            def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> Any:
                from nbconvert.filters.highlight import Highlight2HTML

                highlight = Highlight2HTML(pygments_lexer="ipython3", parent=self)
                self.register_filter("highlight_code", lambda code: _reachable(highlight(code)))
                # HTMLExporter would parse the whole page once more to mend what our template never writes.
                return TemplateExporter.from_notebook_node(self, nb, resources, **kw)

        exporter = PageExporter(template_name="cxlab", extra_template_basedirs=[str(TEMPLATES)])
        for name, function in {
            "prose": _prose,
            "output_prose": _output_prose,
            "json_block": json_block,
            "tidy_table": _tidy_table,
            "value": show_value,
            "number": show_number,
            "interval": show_interval,
        }.items():
            exporter.register_filter(name, function)
        _EXPORTER = exporter
    return _EXPORTER


def render(notebook: dict[str, Any], context: Mapping[str, Any]) -> str:
    """Return the page of an executed notebook.

    Parameters
    ----------
    notebook : dict
        Stabilised, as the cache keeps it.
    context : mapping
        What stands around it: ``number question minutes parameters pages previous next root home versions segment``.
    """
    import nbformat

    stated = collect(notebook)
    blocks = list(_blocks(notebook))
    charts = [block for cell in blocks for block in cell["outputs"] if block["kind"] == "chart"]
    for number, chart in enumerate(charts, start=1):
        chart["number"] = number
    simulated = [bool(source.get("simulated")) for source in stated["sources"]]
    drawn = [chart["simulated"] for chart in charts]
    page = {
        **context,
        "blocks": blocks,
        "records": stated["records"],
        "sources": stated["sources"],
        "answer": stated["conclusions"][0] if stated["conclusions"] else "",
        "has_charts": bool(charts),
        "simulated": "all"
        if simulated and all(simulated)
        else "part"
        if any(simulated) or any(drawn)
        else "",
        "title": context["title"],
        "words": words_of(
            "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
        ),
    }
    node = nbformat.from_dict({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    html, _ = _exporter().from_notebook_node(node, resources={"cxlab": page})
    return re.sub(r"\n\s*\n+", "\n", html).strip() + "\n"


def _blocks(notebook: Mapping[str, Any]) -> Any:
    """Yield the cells a reader sees: no solutions, no parameters, the first heading taken out."""
    titled = False
    for cell in notebook["cells"]:
        tags = set(cell["metadata"].get("tags", []))
        source = "".join(cell["source"])
        if (
            tags & {"solution", "parameters", "injected-parameters", "remove-cell"}
            or cell["cell_type"] == "raw"
        ):
            continue
        if cell["cell_type"] == "markdown":
            if not titled:
                lines = source.splitlines()
                heading = next((i for i, line in enumerate(lines) if line.startswith("# ")), None)
                if heading is not None:
                    titled = True
                    source = "\n".join(lines[:heading] + lines[heading + 1 :])
            if source.strip():
                yield {"kind": "prose", "source": source, "outputs": []}
            continue
        outputs = [shown for output in cell["outputs"] if (shown := _output(output)) is not None]
        yield {"kind": "code", "source": "" if "exercise" in tags else source, "outputs": outputs}


def _output(output: Mapping[str, Any]) -> dict[str, Any] | None:
    if output["output_type"] == "stream":
        return {"kind": "text", "text": "".join(output["text"])}
    data = output.get("data", {})
    kind = next((mime for mime in _SHOWN if mime in data), None)
    if kind is None or kind in _HIDDEN:
        return None
    content = data[kind]
    if isinstance(content, list):
        content = "".join(content)
    if kind in (_EXPLORE, _PLOTLY):
        return _chart(content, explored=kind == _EXPLORE)
    if kind == "application/vnd.cxlab.conclusion+json":
        return {"kind": "conclusion", "text": content["sentence"]}
    if kind.startswith("image/"):
        return {"kind": "image", "mime": kind, "content": content}
    word = {"text/html": "html", "text/markdown": "markdown"}.get(kind, "text")
    return {"kind": word, "text": content}


def _chart(content: dict[str, Any], *, explored: bool) -> dict[str, Any]:
    if explored:
        first = content["figures"][content["states"][0]]
        layout = {**content.get("layout", {}), **first.get("layout", {})}
        bundle = {key: content[key] for key in ("states", "figures", "layout") if key in content}
        bundle["sizes"] = [len(control["values"]) for control in content["controls"]]
        controls = content["controls"]
    else:
        layout, controls = content.get("layout", {}), []
        bundle = {key: content[key] for key in ("data", "layout", "frames") if content.get(key)}
    _drop_template(bundle)
    bundle = _listed(bundle)
    meta = layout.get("meta") or {}
    meta = meta if isinstance(meta, dict) else {}
    title = layout.get("title") or {}
    title = title.get("text", "") if isinstance(title, dict) else str(title)
    title = " ".join(_TAG.sub(" ", title.replace("simulated data", "")).split())
    return {
        "kind": "chart",
        "bundle": bundle,
        "controls": controls,
        "title": title or "Chart",
        "description": meta.get("description", ""),
        "simulated": bool(meta.get("simulated")),
        "height": int(layout.get("height") or 420),
    }


def _drop_template(value: Any) -> None:
    """Leave plotly's own template out: 7 KB a figure that only says what the page's script says again."""
    for figure in [value, *value.get("figures", [])]:
        if isinstance(figure.get("layout"), dict):
            figure["layout"].pop("template", None)


def _listed(value: Any) -> Any:
    """Turn plotly's base64 arrays into lists of rounded numbers: smaller, and the page's script can read them."""
    if isinstance(value, list):
        return [_listed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) - {"shape"} != {"bdata", "dtype"}:
        return {key: _listed(item) for key, item in value.items()}
    import numpy as np

    array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
    if "shape" in value:
        array = array.reshape([int(size) for size in str(value["shape"]).split(",")])
    return rounded(array.tolist())


def json_block(value: Any) -> str:
    """Return JSON that can stand in a script element, whatever texts it holds."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _reachable(html: str) -> str:
    """Let the keyboard reach code, which scrolls sideways where it is wide."""
    return html.replace("<pre>", '<pre tabindex="0">')


_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
_SCRIPT = re.compile(
    r"<(script|iframe|object|embed|meta|link|base|form)\b.*?(</\1\s*>|$)", re.DOTALL | re.IGNORECASE
)


def _tidy_table(html: str) -> str:
    """Return the HTML of a table without pandas' own style sheet and frame."""
    if 'class="dataframe"' in html:
        html = _STYLE.sub("", html).replace(
            '<table border="1" class="dataframe">', '<table class="dataframe">'
        )
        html = _EMPTY.sub("<td>–</td>", html.replace(' style="text-align: right;"', ""))
        html = _HEAD.sub(_one_head, html)
        html = _aligned(html).replace("<th></th>", "<td></td>")
    return _SCRIPT.sub("", html)


_HEAD = re.compile(r"<thead>(.*?)</thead>", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<(th|td)>(.*?)</\1>", re.DOTALL)
_NUMBER = re.compile(r"[-−+]?[\d,.]+(?:e[-+]?\d+)?\s*%?|NaN|NaT|None|&lt;NA&gt;|–|inf|")
_EMPTY = re.compile(r"<td>(?:NaN|NaT|None|&lt;NA&gt;)</td>")


def _one_head(match: re.Match[str]) -> str:
    """Join the two rows of a head in which pandas sets the columns' names above the index's name."""
    rows = [_CELL.findall(row) for row in _ROW.findall(match[1])]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or "span=" in match[1]:
        return match[0]
    pairs = [(above, below) for (_, above), (_, below) in zip(*rows, strict=True)]
    if any(above and below for above, below in pairs):
        return match[0]
    return "<thead><tr>" + "".join(f"<th>{above or below}</th>" for above, below in pairs) + "</tr></thead>"


def _aligned(html: str) -> str:
    """Set columns of words to the left, and leave out an index that only counts the rows."""
    rows = [_CELL.findall(row) for row in _ROW.findall(html)]
    widths = {len(row) for row in rows}
    body = [row for row in rows if row and row[-1][0] == "td"]
    if len(widths) != 1 or not body or "span=" in html:
        return html
    head = rows[0]
    counts = head[0] == ("th", "") and all(row[0][0] == "th" and row[0][1].isdigit() for row in body)
    words = [not all(_NUMBER.fullmatch(row[i][1].strip()) for row in body) for i in range(len(head))]

    def rewrite(match: re.Match[str]) -> str:
        cells = enumerate(_CELL.findall(match[1]))
        kept = [(i, tag, text) for i, (tag, text) in cells if i or not counts]
        return (
            "<tr>"
            + "".join(
                f'<{tag} class="words">{text}</{tag}>' if words[i] and text else f"<{tag}>{text}</{tag}>"
                for i, tag, text in kept
            )
            + "</tr>"
        )

    return _ROW.sub(rewrite, html)


_RENDERERS: dict[str, Any] = {}


def _prose(source: str) -> str:
    """Return the Markdown of a notebook's author as HTML, with headings that can be linked to and MathML."""
    if "prose" not in _RENDERERS:
        from latex2mathml.converter import convert
        from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

        class Renderer(IPythonRenderer):
            def inline_math(self, body: str) -> str:
                return convert(body)

            def block_math(self, body: str) -> str:
                formula = convert(body, display="block")
                return f'<div class="math" tabindex="0" role="group" aria-label="Formula">{formula}</div>'

            def latex_environment(self, name: str, body: str) -> str:
                return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

            def block_code(self, code: str, info: str | None = None) -> str:
                return _reachable(super().block_code(code, info=info))

            def heading(self, text: str, level: int, **attrs: Any) -> str:
                slug = re.sub(r"[^a-z0-9]+", "-", _TAG.sub("", text).lower()).strip("-")
                level = max(2, level)
                return f'<h{level} id="{slug}">{text}</h{level}>\n'

            def table(self, text: str) -> str:
                return f'<div class="table" tabindex="0" role="group" aria-label="Table"><table>\n{text}</table></div>'

        renderer = Renderer(escape=False, allow_harmful_protocols=False, exclude_anchor_links=True)
        _RENDERERS["prose"] = MarkdownWithMath(renderer=renderer)
    return _RENDERERS["prose"].render(source)


def _output_prose(source: str) -> str:
    """Return Markdown that a cell computed as HTML; it may hold texts from data, so no HTML of its own and no math."""
    if "output" not in _RENDERERS:
        import mistune

        _RENDERERS["output"] = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])
    return _RENDERERS["output"](source)


def inline(sentence: str) -> str:
    """Return a sentence's Markdown as HTML without the paragraph around it."""
    html = _output_prose(sentence).strip()
    return html[3:-4] if html.startswith("<p>") and html.endswith("</p>") and html.count("<p>") == 1 else html


def plain(sentence: str) -> str:
    """Return a sentence's Markdown as plain text."""
    return " ".join(_TAG.sub("", inline(sentence)).split())


def parameter_rows(
    parameters: Sequence[Any], given: Mapping[str, Any], paths: Mapping[str, str]
) -> list[dict]:
    """Return the parameters a page was made with, as the foot of the page shows them."""
    rows = []
    for parameter in parameters:
        value = given.get(parameter.name, parameter.default)
        text = value if isinstance(value, str) else json.dumps(value)
        for path in sorted(paths, key=len, reverse=True):
            text = text.replace(path, paths[path])
        rows.append(
            {
                "name": parameter.name,
                "value": text,
                "given": parameter.name in given,
                "comment": parameter.comment,
            }
        )
    return rows
