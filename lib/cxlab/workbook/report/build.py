"""All of it in order: plan, run what changed, make the pages, publish in one step."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxlab.evidence.errors import InputError
from cxlab.evidence.places import cache_folder, project_folder

from . import cache, plan, publish, run
from .plan import Page
from .write import context_of, versions, write

__all__ = ["Options", "build_report"]


@dataclass
class Options:
    """What the command line asked for."""

    out: Path
    params: Path | None = None
    only: Sequence[str] = ()
    given: Sequence[str] = ()
    by: str | None = None
    min_cell: int | None = None
    against: Path | None = None
    fresh: bool = False
    jobs: int = 0
    timeout: float = 600.0


@dataclass
class Part:
    """One report of the build: the main one, or that of a segment."""

    folder: str
    label: str
    pages: list[Page]
    paths: dict[str, str]
    keys: dict[str, str] = field(default_factory=dict)
    executed: dict[str, str] = field(default_factory=dict)
    html: dict[str, str] = field(default_factory=dict)
    stated: dict[str, dict] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        return "../" * (self.folder.count("/") + 1) if self.folder else ""


def build_report(options: Options) -> int:
    """Build and publish a report.

    Returns
    -------
    int
        0, or 3 when ``against`` names an older results.json and numbers changed beyond their intervals.

    Raises
    ------
    InputError, NotebookError, OutOfReach
        The last good report is then untouched.
    """
    out = options.out.resolve()
    publish.check_target(out)
    old = None
    if options.against is not None:
        from . import compare

        old = compare.read_old(options.against)
    with publish.locked(out, cache_folder()):
        publish.recover(out)
        study, parts = _plan(options)
        min_cell = _min_cell(options, study)
        key = _whole_key(options, parts, study, min_cell)
        name = f"last-{cache.key_of(str(out))[:24]}"
        if not options.fresh and cache.read(name) == key and publish.is_intact(out):
            print(f"{_shown(out)}: nothing has changed, the report stands")
            return 3 if cache.read(f"{name}-moved") == key else 0
        _check_rules(parts[0].pages)
        with run.Forge(_jobs(options, parts), min_cell=min_cell, timeout=options.timeout) as forge:
            _make(parts, forge, options, min_cell)
        with publish.staging(out) as folder:
            moved = write(folder, parts, options, study, min_cell, old)
            publish.publish(folder, out)
        cache.store(name, key)
        cache.store(f"{name}-moved", key if moved else "")
        cache.prune()
    print(f"{_shown(out)}: {sum(len(part.html) for part in parts)} pages; open {_shown(out / 'index.html')}")
    if old is not None:
        print((out / "changes.md").read_text(encoding="utf-8").splitlines()[2])
    return 3 if moved else 0


# ---------------------------------------------------------------- what to run


def _plan(options: Options) -> tuple[Any, list[Part]]:
    every = plan.find_pages(project_folder() / "notebooks")
    pages = plan.select(every, options.only)
    paths = {str(project_folder()): "."}
    study = None
    if options.params is not None:
        from . import own

        study = own.read(options.params)
        pages = own.leave_out(pages)
        own.give(every, pages, study, paths)
    plan.give_parameters(pages, options.given)
    for page in pages:
        if "min_cell" in page.parameters and "min_cell" not in page.given and _min_cell(options, study) != 5:
            page.given["min_cell"] = _min_cell(options, study)
    for page in pages:
        for name, value in page.given.items():
            if (
                (name == "source" or name.endswith("_source"))
                and isinstance(value, str)
                and Path(value).is_file()
            ):
                path = Path(value).resolve()
                page.given[name] = str(path)
                paths.setdefault(str(path), f"{path.parent.name}/{path.name}")
    parts = [Part("", "", pages, paths)]
    if options.by is not None:
        from . import segments

        if study is None:
            raise InputError(
                f"--by {options.by} splits your own data: give --params STUDY/params.yaml as well"
            )
        parts += segments.parts(parts[0], study, options.by, _min_cell(options, study))
    return study, parts


def _check_rules(pages: Sequence[Page]) -> None:
    """Refuse a malformed rule before any number is known that it would judge."""
    folder = project_folder() / "data" / "evidence"
    if any(page.needs_results for page in pages) and (folder / "rules.toml").is_file():
        from cxlab.evidence.claims import check_evidence

        check_evidence(folder)


def _min_cell(options: Options, study: Any) -> int:
    if options.min_cell is not None:
        return options.min_cell
    return study.min_cell if study is not None else 5


def _jobs(options: Options, parts: Sequence[Part]) -> int:
    wanted = options.jobs or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0, 0])
    return max(1, min(wanted, sum(len(part.pages) for part in parts)))


def _whole_key(options: Options, parts: Sequence[Part], study: Any, min_cell: int) -> str:
    return cache.key_of(
        {
            "parts": [
                [
                    part.folder,
                    part.label,
                    [[page.stem, page.missing, _run_key(page, min_cell)] for page in part.pages],
                ]
                for part in parts
            ],
            "templates": cache.templates_hash(),
            "study": getattr(study, "name", None),
            "by": options.by,
            "versions": versions(),
            "against": cache.file_hash(options.against) if options.against else None,
        }
    )


def _run_key(page: Page, min_cell: int, results: str | None = None) -> str:
    return cache.run_key(page.path, page.given, extra={"min_cell": min_cell, "results": results})


# ---------------------------------------------------------------- run


def _make(parts: Sequence[Part], forge: run.Forge, options: Options, min_cell: int) -> None:
    """Fill in each part's executed notebooks, what they state and their pages; pages that read the others come last."""
    from .progress import Progress

    everything = [(part, page) for part in parts for page in part.pages if not page.missing]
    with Progress(len(everything)) as progress:
        for last in (False, True):
            wave = [(part, page) for part, page in everything if page.needs_results == last]
            _run_wave(wave, forge, options, min_cell, progress)


def _run_wave(
    wave: Sequence[tuple[Part, Page]], forge: run.Forge, options: Options, min_cell: int, progress: Any
) -> None:
    jobs, where = [], {}
    for part, page in wave:
        given, paths, results = dict(page.given), dict(part.paths), None
        if page.needs_results:
            results = _results_so_far(part)
            path = forge.folder / f"results-{cache.key_of(part.folder)[:8]}.json"
            path.write_text(results, encoding="utf-8")
            given["results"] = str(path)
            paths[str(path)] = "results.json"
        key = _run_key(page, min_cell, results)
        context = context_of(part, page)
        page_key = cache.render_key(key, context)
        executed = None if options.fresh else cache.read(f"run-{key}")
        html = None if options.fresh else cache.read(f"page-{page_key}")
        if executed is not None and html is not None:
            _keep(part, page, executed, html)
            progress.done(page.stem, kept=True)
            continue
        identity = f"{part.folder}/{page.stem}" if part.folder else page.stem
        job = {
            "job": identity,
            "path": str(page.path),
            "parameters": given,
            "context": context,
            "cwd": str(Path.cwd()),
            "paths": paths,
        }
        if executed is not None:
            file = forge.folder / f"kept-{key[:16]}.ipynb"
            file.write_text(executed, encoding="utf-8")
            job["executed"] = str(file)
        jobs.append(job)
        where[identity] = (part, page, key, page_key)
    failures = []
    for event in forge.run(jobs, progress.watch):
        part, page, key, page_key = where[event["job"]]
        if event["event"] == "failed":
            failures.append(run.Failure(event["job"], event, run.keep_failed(event)))
            continue
        executed = Path(event["executed"]).read_text(encoding="utf-8")
        html = Path(event["page"]).read_text(encoding="utf-8")
        cache.store(f"run-{key}", executed)
        cache.store(f"page-{page_key}", html)
        _keep(part, page, executed, html)
        shutil.rmtree(Path(event["page"]).parent, ignore_errors=True)
    run.raise_failures(failures)


def _keep(part: Part, page: Page, executed: str, html: str) -> None:
    from .stabilise import collect

    part.executed[page.stem], part.html[page.stem] = executed, html
    part.stated[page.stem] = collect(json.loads(executed))


def _results_so_far(part: Part) -> str:
    from .site import results_of, to_json

    return to_json(
        results_of({page.stem: part.stated[page.stem] for page in part.pages if page.stem in part.stated})
    )


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
