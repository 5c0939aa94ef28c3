"""What stands around the pages: the opening page with the story, the search, the overview, the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cxlab.questions.words import is_share
from cxlab.workbook import diff, keys, picture, plan, publish
from cxlab.workbook.executed import results_of, to_json
from cxlab.workbook.page import environment, render, squeezed
from cxlab.workbook.parts import Build, Part, versions

# The story of the opening page: notebook and the result's id; no id means the answer of the page.
STORY = (("01", ""), ("02", "survey_by_survey"), ("02", "overlap"), ("05", ""), ("09", ""))
BUSINESS = "business"  # the id of page 09's sentences for somebody who runs a business
_BOILERPLATE = "Is it the product, or the experience?"


def write_part(part: Part, folder: Path, build: Build) -> None:
    """Write the pages of a part and what belongs to it."""
    target = folder / part.folder
    for name in ("notebooks", "numbers"):
        (target / name).mkdir(parents=True, exist_ok=True)
    search: list[list[str]] = []
    results: dict[str, list[dict[str, Any]]] = {}
    for page in part.there:
        executed = keys.read(part.executed[page.stem])
        made = render(json.loads(executed), _context(part, page))
        search += made.search
        results[page.stem] = made.results
        (target / f"{page.stem}.html").write_text(made.html, encoding="utf-8")
        (target / "notebooks" / f"{page.stem}.ipynb").write_text(executed, encoding="utf-8")
        for name, text in made.files.items():
            (target / name).write_text(text, encoding="utf-8")
    (target / "results.json").write_text(to_json(results_of(part.stated)), encoding="utf-8")
    (target / "index.html").write_text(_opening(part, build, results), encoding="utf-8")
    (target / "how-to-read.html").write_text(_made("how-to-read.html.j2", part), encoding="utf-8")
    index = json.dumps(search, ensure_ascii=False, separators=(",", ":"))
    (target / "search.js").write_text(f"globalThis.CXLAB_SEARCH = {index};\n", encoding="utf-8")
    if part.folder:
        (target / publish.MANIFEST).write_text(to_json(facts(part, build)), encoding="utf-8")


def _links(part: Part) -> list[dict[str, Any]]:
    return [
        {"stem": page.stem, "name": page.name, "question": page.question, "href": f"{page.stem}.html"}
        for page in part.there
    ]


def _frame(part: Part) -> dict[str, Any]:
    root = "../" * (part.folder.count("/") + 1) if part.folder else ""
    return {"root": root, "pages": _links(part), "segment": part.label, "stem": ""}


def _made(template: str, part: Part, **context: Any) -> str:
    return squeezed(environment().get_template(template).render({**_frame(part), **context}))


def _context(part: Part, page: plan.Page) -> dict[str, Any]:
    """Return what stands around a page; see ``page.render``."""
    links = _links(part)
    at = [link["stem"] for link in links].index(page.stem)
    around = {
        "previous": links[at - 1] if at else None,
        "next": links[at + 1] if at + 1 < len(links) else None,
    }
    about = {"stem": page.stem, "name": page.name, "title": page.question, "question": page.question}
    return {
        **_frame(part), **about, **around, "minutes": page.minutes, "parameters": _parameters(part, page),
        "versions": versions(),
    }  # fmt: skip


def _parameters(part: Part, page: plan.Page) -> list[dict[str, Any]]:
    rows = []
    for parameter in page.parameters.values():
        if page.needs_results and parameter.name == "results":
            continue
        value = page.given.get(parameter.name, parameter.default)
        value = part.shown(value) if isinstance(value, str) else json.dumps(value)
        given = parameter.name in page.given
        rows.append({"name": parameter.name, "value": value, "given": given, "comment": parameter.comment})
    return rows


def _opening(part: Part, build: Build, results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the opening page: the story in pictures, what it means for a business, and the pages."""
    numbers = {page.number: page.stem for page in part.there}
    wanted = STORY if build.study is None else [(page.number, "") for page in part.there]
    found = [
        story
        for number, name in wanted
        if (
            story := _story(
                numbers.get(number, ""), name, results, {page.stem: page.name for page in part.there}
            )
        )
    ]
    business = [
        sentence
        for page in part.there
        if page.needs_results
        for result in results[page.stem]
        if result["id"] == BUSINESS
        for sentence in _sentences(result)
    ]
    about = {
        page.stem for page in part.there if page.order <= 0 and not page.tables
    }  # the workbook itself: last
    cards = [
        {**link, "finding": lead["finding"] if lead else "", "simulated": bool(lead and lead["simulated"])}
        for link in sorted(_links(part), key=lambda link: link["stem"] in about)
        for lead in [part.stated[link["stem"]]["lead"]]
    ]
    links = [{"href": "../index.html", "text": "All segments side by side"}] if part.folder else []
    if not part.folder and build.options.by is not None:
        links.append(
            {"href": "segments/index.html", "text": f"The same questions for each {build.options.by}"}
        )
    if not part.folder and build.options.against is not None:
        links.append({"href": "changes.html", "text": "What changed since the last report"})
    title = _BOILERPLATE if build.study is None else build.study.name
    lede = (
        f"{len(cards)} questions, answered from data."
        if build.study is None
        else "What your own customers say."
    )
    return _made(
        "index.html.j2", part, heading=f"{title}: {part.label}" if part.label else title, lede=lede,
        links=links,
        stories=found[:5], business=business if build.study is None else [], cards=cards,
        failed=[(page.name, reason) for page, reason in part.missed],
        missing=[(page.name, ", ".join(page.missing)) for page in part.pages if page.missing],
    )  # fmt: skip


def _story(
    stem: str, name: str, results: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any] | None:
    for result in results.get(stem, ()):
        if (result["id"] == name if name else result["lead"]) and result["chart"] and not result["missing"]:
            href = f"{stem}.html" + (f"#chart-{result['chart']['number']}" if name else "")
            return {**result["chart"], "finding": result["finding"], "href": href, "page": names[stem]}
    return None


def _sentences(result: Mapping[str, Any]) -> Iterable[str]:
    table = result["table"]
    return [row[0] for row in table["rows"]] if table else [result["finding"]]


def facts(part: Part, build: Build) -> dict[str, Any]:
    """Return what a report was made of, for its manifest."""
    keep = ("title", "licence", "citation", "sha256", "simulated")
    sources = {
        str(s["name"]): {key: s.get(key) for key in keep}
        for page in part.there
        for s in part.stated[page.stem]["sources"]
    }
    about = dict(versions())
    return {
        "schema": publish.SCHEMA,
        "cxlab": about.pop("CX Lab"),
        "notebooks": {page.stem: keys.file_hash(page.path) for page in part.there},
        "needs": {page.stem: page.missing for page in part.pages if page.missing},
        "failed": part.failed,
        "parameters": {
            page.stem: {row["name"]: row["value"] for row in _parameters(part, page)} for page in part.there
        },
        "sources": sources,
        "min_cell": build.min_cell,
        "versions": about,
    }


def overview(build: Build) -> str:
    """Return the page that sets the key numbers of the segments side by side."""
    main, *segments = build.parts
    questions = []
    for page in main.there:
        having = [(part, part.label.partition(": ")[2]) for part in segments if page.stem in part.stated]
        everyone = [(main, "everyone"), *having]
        leads = [(part, label, part.stated[page.stem]["lead"]) for part, label in everyone]
        if not having or not leads[0][2] or leads[0][2]["missing"]:
            continue
        answers = [
            {"label": label, "sentence": lead["finding"], "href": f"../{part.folder or '.'}/{page.stem}.html"}
            for part, label, lead in leads
            if lead
        ]
        questions.append({"question": page.question, "numbers": _compared(leads), "answers": answers})
    failed = [
        {"segment": part.label, "page": page.stem, "reason": reason}
        for part in segments
        for page, reason in part.missed
    ]
    links = [{**link, "href": f"../{link['href']}"} for link in _links(main)]
    shown = [
        {"label": part.label.partition(": ")[2], "href": f"../{part.folder}/index.html"} for part in segments
    ]
    return _made(
        "segments.html.j2", main, root="../", home="../index.html", pages=links, by=build.options.by,
        questions=questions,
        segments=shown, hidden=build.hidden, failed=failed,
    )  # fmt: skip


def changes(main: Part, found: diff.Comparison) -> str:
    """Return the page on what changed since an older report."""
    groups = [
        {"title": title, "rows": [diff.row(change) for change in found.of(kind)]}
        for kind, title in diff.TITLES.items()
        if found.of(kind)
    ]
    return _made("changes.html.j2", main, headline=found.headline(), groups=groups, head=diff.HEAD)


def _compared(leads: Sequence[tuple[Any, str, Mapping[str, Any] | None]]) -> list[dict[str, Any]]:
    """Return the key numbers of a page, each with a picture of all segments."""
    numbers = []
    first = leads[0][2]
    for name in (
        first["lead"]["names"] if first["lead"] else [number["name"] for number in first["numbers"][:3]]
    ):
        rows = [(label, n) for _, label, lead in leads if lead for n in lead["numbers"] if n["name"] == name]
        rows = [(label, n) for label, n in rows if isinstance(n["value"], int | float)][:60]
        if rows and rows[0][1]["low"] is not None:
            word = rows[0][1]["label"]
            numbers.append({"label": word, "pictures": _forest(rows, f"{word}, by segment")})
    return numbers


def _forest(rows: Sequence[tuple[str, Mapping[str, Any]]], label: str) -> list[Markup]:
    """Return one number of several segments as a picture, wide and narrow."""
    names = [name for name, _ in rows]
    values = [number["value"] for _, number in rows]
    low = [0 if n["low"] is None else n["value"] - n["low"] for _, n in rows]
    high = [0 if n["high"] is None else n["high"] - n["value"] for _, n in rows]
    places = list(range(len(rows), 0, -1))
    trace = {
        "type": "scatter", "mode": "markers", "x": values, "y": places, "marker": {"size": 11},
        "error_x": {"array": high, "arrayminus": low, "color": "#6b6b6b"},
    }  # fmt: skip
    share = is_share(str(rows[0][1]["unit"]))
    layout = {
        "height": 120 + 34 * len(rows),
        "xaxis": {"title": {"text": rows[0][1]["unit"]}, "tickformat": ".0%" if share else ""},
        "yaxis": {"tickvals": places, "ticktext": names, "range": [0.4, len(rows) + 0.6], "showgrid": False},
    }
    return [
        Markup(picture.svg({"data": [trace], "layout": layout}, width=width, label=label))
        for width in (800, 360)
    ]
