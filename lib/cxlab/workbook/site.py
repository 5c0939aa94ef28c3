"""What stands around the pages: the opening page with the story, the search, the overview, the manifest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cxlab.questions.words import is_share
from cxlab.workbook import diff, picture, plan, publish
from cxlab.workbook.executed import results_of, to_json
from cxlab.workbook.page import environment, render, squeezed
from cxlab.workbook.plan import Build, Part, versions

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
        executed = publish.read(part.executed[page.stem])
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
    at = part.there.index(page)
    return {
        **_frame(part), "stem": page.stem, "name": page.name, "title": page.question,
        "question": page.question, "minutes": page.minutes, "previous": links[at - 1] if at else None,
        "next": links[at + 1] if at + 1 < len(links) else None, "parameters": _parameters(part, page),
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
    pages = {page.number: page for page in part.there}
    wanted = STORY if build.study is None else [(number, "") for number in pages]
    told = [_story(pages[number], name, results) for number, name in wanted if number in pages]
    judged = [result for page in part.there if page.needs_results for result in results[page.stem]]
    business = [line for result in judged if result["id"] == BUSINESS for line in _sentences(result)]
    # the workbook itself comes last
    about = {page.stem for page in part.there if page.order <= 0 and not page.tables}
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
    lede = f"{len(cards)} questions, answered from data."
    return _made(
        "index.html.j2", part, heading=f"{title}: {part.label}" if part.label else title, links=links,
        lede=lede if build.study is None else "What your own customers say.",
        stories=list(filter(None, told))[:5], business=business if build.study is None else [], cards=cards,
        failed=[(page.name, reason) for page, reason in part.missed],
        missing=[
            (page.name, part.unasked[page.stem], _too_few(part.stated.get(page.stem)))
            for page in part.pages if page.stem in part.unasked
        ],
    )  # fmt: skip


def _too_few(stated: Mapping[str, Any] | None) -> str:
    """Return the first reason why a table that is there cannot answer; what a table lacks is none."""
    results = stated["results"] if stated else ()
    own = (result["finding"].partition(": ")[2] for result in results if result["source"])
    return next((reason.rstrip(".") for reason in own if not reason.startswith("this needs")), "")


def _story(page: plan.Page, name: str, results: Mapping[str, Any]) -> dict[str, Any] | None:
    for result in results[page.stem]:
        if (result["id"] == name if name else result["lead"]) and result["chart"] and not result["missing"]:
            href = f"{page.stem}.html" + (f"#chart-{result['chart']['number']}" if name else "")
            return {**result["chart"], "finding": result["finding"], "href": href, "page": page.name}
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
        "notebooks": {page.stem: publish.file_hash(page.path) for page in part.there},
        "needs": part.unasked,
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
        parts = [(part, part.label.partition(": ")[2]) for part in segments if page.stem in part.stated]
        leads = [(p, label, p.stated[page.stem]["lead"]) for p, label in [(main, "everyone"), *parts]]
        if not parts or not leads[0][2] or leads[0][2]["missing"]:
            continue
        leads = [(part, label, lead) for part, label, lead in leads if lead]
        answers = [
            {"label": label, "sentence": lead["finding"], "href": f"../{part.folder or '.'}/{page.stem}.html"}
            for part, label, lead in leads
        ]
        questions.append({"question": page.question, "numbers": _compared(leads), "answers": answers})
    failed = [(part.label, page.stem, reason) for part in segments for page, reason in part.missed]
    return _made(
        "segments.html.j2", main, root="../", home="../index.html", by=build.options.by, questions=questions,
        pages=[{**link, "href": f"../{link['href']}"} for link in _links(main)], hidden=build.hidden,
        segments=[(part.label.partition(": ")[2], f"../{part.folder}/index.html") for part in segments],
        failed=failed,
    )  # fmt: skip


def changes(main: Part, found: diff.Comparison) -> str:
    """Return the page on what changed since an older report."""
    groups = [(title, [change[:-1] for change in found.of(kind)]) for kind, title in diff.TITLES.items()]
    groups = [(title, rows) for title, rows in groups if rows]
    return _made("changes.html.j2", main, headline=found.headline(), groups=groups, head=diff.HEAD)


def _compared(leads: Sequence[tuple[Any, str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the key numbers of a page, each with a picture of all segments, wide and narrow."""
    import pandas as pd

    from cxlab.figures import general
    from cxlab.questions.result import plotly_json

    first, numbers = leads[0][2], []
    names = first["lead"]["names"] if first["lead"] else [number["name"] for number in first["numbers"][:3]]
    for name in names:
        found = [
            {"segment": label, **n} for _, label, lead in leads for n in lead["numbers"] if n["name"] == name
        ]
        rows = pd.DataFrame([n for n in found if isinstance(n["value"], int | float)][:60])
        if len(rows) and rows["low"][0] is not None:
            word, unit = found[0]["label"], str(found[0]["unit"])
            figure = general.dots(
                rows.astype({"low": float, "high": float}), title=word, x_title=unit, label="segment",
                value="value", reference=None, percent=is_share(unit),
            )  # fmt: skip
            drawn = [
                picture.svg(plotly_json(figure), width=w, label=f"{word}, by segment") for w in (800, 360)
            ]
            numbers.append({"label": word, "pictures": list(map(Markup, drawn))})
    return numbers
