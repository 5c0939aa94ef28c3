"""Everything that is written into the staged folder: pages, index, results, manifest and assets."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cache
from .plan import Page

if TYPE_CHECKING:
    from .build import Options, Part

__all__ = ["context_of", "links", "versions", "write"]

_PACKAGES = ("cxlab", "pandas", "numpy", "scipy", "statsmodels", "plotly", "papermill", "nbconvert")


def _href(page: Page) -> str:
    return f"{page.stem}.html"


def links(part: Part) -> list[dict[str, Any]]:
    """Return the pages of a part that are there, as its bar on top lists them."""
    return [
        {"stem": page.stem, "number": page.number, "question": page.question, "href": _href(page)}
        for page in part.pages
        if not page.missing
    ]


def context_of(part: Part, page: Page) -> dict[str, Any]:
    """Return what stands around a page; see ``pages.render``."""
    from .pages import parameter_rows

    order = links(part)
    at = next(i for i, link in enumerate(order) if link["stem"] == page.stem)
    shown = [p for p in page.parameters.values() if not (page.needs_results and p.name == "results")]
    return {
        "stem": page.stem,
        "number": page.number,
        "title": page.title,
        "question": page.question,
        "minutes": page.minutes,
        "parameters": parameter_rows(shown, page.given, part.paths),
        "pages": order,
        "previous": order[at - 1] if at else None,
        "next": order[at + 1] if at + 1 < len(order) else None,
        "root": part.root,
        "home": "index.html",
        "versions": versions(),
        "segment": part.label,
    }


def versions() -> list[tuple[str, str]]:
    """Return the versions that a page names at its foot."""
    found = [("Python", ".".join(map(str, sys.version_info[:3])))]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found


def write(
    folder: Path,
    parts: Sequence[Part],
    options: Options,
    study: Any,
    min_cell: int,
    old: Mapping[str, Any] | None,
) -> bool:
    """Write all files of the report; return whether numbers moved since the older one."""
    from . import site

    moved = False

    _assets(folder / "assets")
    for part in parts:
        target = folder / part.folder
        (target / "notebooks").mkdir(parents=True, exist_ok=True)
        for stem, html in part.html.items():
            (target / f"{stem}.html").write_text(html, encoding="utf-8")
            (target / "notebooks" / f"{stem}.ipynb").write_text(part.executed[stem], encoding="utf-8")
        results = site.results_of({p.stem: part.stated[p.stem] for p in part.pages if p.stem in part.stated})
        (target / "results.json").write_text(site.to_json(results), encoding="utf-8")
        (target / "index.html").write_text(_index(part, parts, options, study), encoding="utf-8")
        if part.folder:
            (target / "manifest.json").write_text(site.to_json(_facts(part, min_cell)), encoding="utf-8")
    if options.by is not None:
        from . import segments

        (folder / "segments" / "index.html").write_text(
            segments.overview(parts, options.by), encoding="utf-8"
        )
    if old is not None:
        from . import compare

        moved = compare.write_pages(old, folder, links(parts[0]))
    files = {
        path.relative_to(folder).as_posix(): cache.file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / "manifest.json").write_text(
        site.to_json({**_facts(parts[0], min_cell), "files": files}), encoding="utf-8"
    )
    return moved


def _facts(part: Part, min_cell: int) -> dict[str, Any]:
    shown = {
        page.stem: {row["name"]: row["value"] for row in context_of(part, page)["parameters"]}
        for page in part.pages
        if not page.missing
    }
    sources = {
        source["name"]: {
            key: source.get(key) for key in ("title", "licence", "citation", "sha256", "simulated")
        }
        for page in part.stated.values()
        for source in page["sources"]
    }
    return {
        "cxlab": 1,
        "notebooks": {page.stem: cache.file_hash(page.path) for page in part.pages if not page.missing},
        "needs": {page.stem: page.missing for page in part.pages if page.missing},
        "parameters": shown,
        "sources": sources,
        "min_cell": min_cell,
        "versions": dict(versions()),
    }


def _assets(folder: Path) -> None:
    from .pages import TEMPLATES

    folder.mkdir(parents=True)
    for path in sorted((TEMPLATES / "assets").iterdir()):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    plotly = find_spec("plotly")
    assert plotly is not None and plotly.origin
    shutil.copyfile(Path(plotly.origin).parent / "package_data" / "plotly.min.js", folder / "plotly.min.js")


def _index(part: Part, parts: Sequence[Part], options: Options, study: Any) -> str:
    from . import site

    cards, answer = [], ""
    # What is about the workbook itself stands behind what is about customers.
    for page in sorted(part.pages, key=lambda page: page.order <= 0):
        stated = part.stated.get(page.stem, {"records": [], "conclusions": [], "sources": []})
        simulated = [bool(source.get("simulated")) for source in stated["sources"]]
        first = stated["conclusions"][0] if stated["conclusions"] else ""
        if page.needs_results and first:
            answer = first
        cards.append(
            {
                "number": page.number,
                "question": page.question,
                "href": "" if page.missing else _href(page),
                "missing": page.missing,
                "answer": first,
                "minutes": page.minutes,
                "sources": [str(source.get("title") or source.get("name")) for source in stated["sources"]],
                "simulated": _simulated(simulated, part.html.get(page.stem, "")),
                "picture": site.picture(stated["records"]),
            }
        )
    more = []
    if part.folder:
        more.append({"href": "../index.html", "text": "All segments side by side"})
    elif options.by is not None:
        more.append(
            {"href": "segments/index.html", "text": f"The same questions for each {options.by}, side by side"}
        )
    if not part.folder and options.against is not None:
        more.append({"href": "changes.html", "text": "What changed since the last report"})
    count = sum(not page.missing for page in part.pages)
    return site.index_html(
        {
            "root": part.root,
            "home": "index.html",
            "pages": links(part),
            "segment": part.label,
            "lede": (f"{study.name} · " if study is not None else "")
            + (f"{part.label} · " if part.label else "")
            + f"{count} {'question' if count == 1 else 'questions'}, answered from data",
            "heading": "Is it the product, or the experience?"
            if study is None
            else "What your own customers say",
            "answer": answer,
            "links": more,
            "cards": cards,
            "versions": versions()[:3],
        }
    )


def _simulated(flags: Sequence[bool], html: str) -> str:
    if flags and all(flags):
        return "all"
    return "part" if any(flags) or 'class="badge">partly' in html else ""
