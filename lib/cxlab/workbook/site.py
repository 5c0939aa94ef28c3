"""What stands around the pages: the opening page with the story, the search, the overview, the manifest."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxlab.data.files import sha256_of
from cxlab.figures import general
from cxlab.questions.result import is_share, plotly_json
from cxlab.workbook import diff, picture, publish
from cxlab.workbook.executed import results_of, to_json
from cxlab.workbook.page import TEMPLATES, Rendered, squeezed
from cxlab.workbook.plan import Build, Page, Part, versions

# The story of the opening page: notebook and the result's id; no id means the answer of the page.
STORY = (("01", ""), ("02", "survey_by_survey"), ("02", "overlap"), ("05", ""), ("09", ""))
BUSINESS = "business"  # the id of page 09's sentences for somebody who runs a business


def write_part(part: Part, folder: Path, build: Build) -> None:
    """Write the pages of a part and what belongs to it."""
    target, search, results = folder / part.folder, [], {}
    for name in ("notebooks", "numbers"):
        (target / name).mkdir(parents=True, exist_ok=True)
    files: dict[str, str] = {}
    around = [None, *part.there, None]
    for page, previous, following in zip(part.there, around, around[2:], strict=False):
        executed = publish.read(part.executed[page.stem])
        context = {
            **_frame(part), "stem": page.stem, "name": page.name, "question": page.question,
            "previous": previous, "next": following, "parameters": _parameters(part, page),
            "versions": versions().items(),
        }  # fmt: skip
        made = Rendered(json.loads(executed), context)
        search += made.search
        results[page.stem] = made.results
        files |= {f"{page.stem}.html": made.html, f"notebooks/{page.stem}.ipynb": executed, **made.files}
    index = json.dumps(search, ensure_ascii=False, separators=(",", ":"))
    files |= {
        "results.json": to_json(results_of(part.stated)),
        "index.html": _opening(part, build, results),
        "how-to-read.html": _made("how-to-read.html.j2", part),
        "search.js": f"globalThis.CXLAB_SEARCH = {index};\n",
    }
    if part.folder:
        files[publish.MANIFEST] = to_json(facts(part, build))
    for name, text in files.items():
        (target / name).write_text(text, encoding="utf-8")


def _frame(part: Part) -> dict[str, Any]:
    root = "../" * (part.folder.count("/") + 1) if part.folder else ""
    return {"root": root, "home": "", "pages": part.there, "segment": part.label, "stem": ""}


def _made(template: str, part: Part, **context: Any) -> str:
    return squeezed(TEMPLATES.get_template(template).render({**_frame(part), **context}))


def _parameters(part: Part, page: Page) -> list[dict[str, Any]]:
    rows = []
    for name, parameter in page.parameters.items():
        if page.needs_results and name == "results":
            continue
        value = page.given.get(name, parameter.default)
        value = part.shown(value) if isinstance(value, str) else json.dumps(value)
        rows.append({"name": name, "value": value, "given": name in page.given, "comment": parameter.comment})
    return rows


def _opening(part: Part, build: Build, results: Mapping[str, list]) -> str:
    """Return the opening page: the story in pictures, what it means for a business, and the pages."""
    pages, ours = {page.number: page for page in part.there}, build.study is None
    wanted = STORY if ours else [(number, "") for number in pages]
    told = [_story(pages[number], name, results) for number, name in wanted if number in pages]
    judged = [result for page in part.there if page.needs_results for result in results[page.stem]]
    business = [row[0] for r in judged if ours and r["id"] == BUSINESS for row in r["table"]["rows"]]
    # the workbook itself comes last
    ordered = sorted(part.there, key=lambda page: page.order <= 0 and not page.tables)
    cards = [(page, part.stated[page.stem]["lead"]) for page in ordered]
    title = "Is it the product, or the experience?" if ours else build.study.name
    return _made(
        "index.html.j2", part, heading=f"{title}: {part.label}" if part.label else title,
        by=build.options.by, changed=build.options.against is not None,
        lede=f"{len(cards)} questions, answered from data." if ours else "What your own customers say.",
        stories=list(filter(None, told))[:5], business=business, cards=cards,
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


def _story(page: Page, name: str, results: Mapping[str, list]) -> dict[str, Any] | None:
    for result in results[page.stem]:
        if (result["id"] == name if name else result["lead"]) and result["chart"] and not result["missing"]:
            href = f"{page.stem}.html" + (f"#chart-{result['chart']['number']}" if name else "")
            return {**result["chart"], "finding": result["finding"], "href": href, "page": page.name}
    return None


def facts(part: Part, build: Build) -> dict[str, Any]:
    """Return what a report was made of, for its manifest."""
    keep, about = ("title", "licence", "citation", "sha256", "simulated"), dict(versions())
    sources = [source for page in part.there for source in part.stated[page.stem]["sources"]]
    return {
        "schema": publish.SCHEMA,
        "cxlab": about.pop("CX Lab"),
        "notebooks": {page.stem: sha256_of(page.path) for page in part.there},
        "needs": part.unasked,
        "failed": part.failed,
        "parameters": {
            page.stem: {row["name"]: row["value"] for row in _parameters(part, page)} for page in part.there
        },
        "sources": {str(source["name"]): {key: source.get(key) for key in keep} for source in sources},
        "min_cell": build.min_cell,
        "versions": about,
    }


def overview(build: Build) -> str:
    """Return the page that sets the key numbers of the segments side by side."""
    main, *segments = build.parts
    questions = []
    for page in main.there:
        parts = [part for part in segments if page.stem in part.stated]
        leads = [(part, part.stated[page.stem]["lead"]) for part in (main, *parts)]
        if not parts or not leads[0][1] or leads[0][1]["missing"]:
            continue
        answers = [
            {"label": part.label.partition(": ")[2] or "everyone", "sentence": lead["finding"],
             "href": f"../{part.folder or '.'}/{page.stem}.html", "numbers": lead["numbers"]}
            for part, lead in leads if lead
        ]  # fmt: skip
        numbers = _compared(leads[0][1], answers)
        questions.append({"question": page.question, "numbers": numbers, "answers": answers})
    return _made(
        "segments.html.j2", main, root="../", home="../", by=build.options.by, questions=questions,
        hidden=build.hidden,
        segments=[(part.label.partition(": ")[2], f"../{part.folder}/index.html") for part in segments],
        failed=[(part.label, page.stem, reason) for part in segments for page, reason in part.missed],
    )  # fmt: skip


def _compared(first: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the key numbers of a page, each with a picture of all segments, wide and narrow."""
    names = first["lead"]["names"] if first["lead"] else [number["name"] for number in first["numbers"][:3]]
    made = []
    for name in names:
        rows = pd.DataFrame(
            {**n, "segment": answer["label"]} for answer in answers for n in answer["numbers"]
            if n["name"] == name and isinstance(n["value"], int | float)
        )[:60]  # fmt: skip
        if len(rows) and rows["low"][0] is not None:
            word, unit = rows["label"][0], str(rows["unit"][0])
            figure = general.dots(
                rows.astype({"low": float, "high": float}), title=word, x_title=unit, label="segment",
                value="value", reference=None, percent=is_share(unit),
            )  # fmt: skip
            content, label = plotly_json(figure), f"{word}, by segment"
            drawn = [picture.svg(content, width=width, label=label) for width in (800, 360)]
            made.append({"label": word, "pictures": drawn})
    return made


def changes(main: Part, found: diff.Comparison) -> str:
    """Return the page on what changed since an older report."""
    groups = [(title, [change[:-1] for change in found.of(kind)]) for kind, title in diff.TITLES.items()]
    groups = [(title, rows) for title, rows in groups if rows]
    return _made("changes.html.j2", main, headline=found.headline(), groups=groups, head=diff.HEAD)
