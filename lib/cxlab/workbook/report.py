"""All of it in order: plan, run what changed, make the pages, publish in one step."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import project_folder
from cxlab.workbook import diff, plan, publish
from cxlab.workbook.executed import results_of, to_json
from cxlab.workbook.plan import Build, Options, Part, versions
from cxlab.workbook.run import Failure, Runners, failure_of, raise_failures


def build_report(options: Options) -> int:
    """Build and publish a report.

    Returns
    -------
    int
        0; 1 with ``strict`` when a part was skipped; 3 when ``against`` names an older results.json and
        numbers changed beyond their intervals.

    Raises
    ------
    InputError, NotebookError, OutOfReach
        The last good report is then untouched.
    """
    out = options.out.resolve()
    publish.check_target(out)
    old = diff.read_results(options.against) if options.against is not None else None
    with publish.locked(out):
        publish.recover(out)
        build = _plan(options)
        key = _whole_key(build)
        last = publish.manifest_of(out) or {}
        if not options.fresh and key and last.get("key") == key and publish.is_intact(out):
            print(f"{_near(out)}: nothing has changed, the report stands")
            return _code(options, last.get("failed"), last.get("moved"))
        if build.study is not None:
            _check_tables(build)
        with publish.staging(out) as folder:
            with Runners(build.jobs, min_cell=build.min_cell, timeout=options.timeout) as runners:
                _make(build, runners, folder)
            before = old if old is not None else _published(out)
            found = diff.compare(before, json.loads((folder / "results.json").read_text(encoding="utf-8")))
            failed = _finish(build, folder, key, found if old is not None else None)
            publish.publish(folder, out)
        publish.prune()
    changed = len(found.of("moved", "beyond", "gone", "changed")) if before else 0
    print(
        f"{_near(out)}: {sum(len(part.stated) for part in build.parts)} pages, "
        f"{len(found.changes) - len(found.of('gone'))} numbers ({changed} changed), "
        f"{sum(map(len, failed.values()))} parts skipped; open {_near(out / 'index.html')}"
    )
    if old is not None:
        print(found.headline())
    return _code(options, failed, old is not None and found.alarm)


def _code(options: Options, failed: Any, moved: Any) -> int:
    return 1 if options.strict and failed else 3 if moved else 0


def _published(out: Path) -> dict[str, Any]:
    try:
        return diff.read_results(out)
    except InputError:
        return {}


# ---------------------------------------------------------------- what to run


def _plan(options: Options) -> Build:
    study, settings = None, {}
    if options.params is not None:
        from cxlab.data.study import read_settings, read_study

        settings = read_settings(options.params)
        study = None if settings else read_study(options.params)
    every = plan.find_pages(project_folder() / "notebooks", study=study is not None)
    pages = plan.select(every, options.only)
    paths = {str(project_folder()): "."}
    files: dict[str, Any] = {}
    if study is not None:
        paths[str(study.path.parent)] = study.path.parent.name
        files = _files_of(study)
        for page in pages:
            found = {name: study.tables.get(kind, "") for name, kind in page.tables.items()}
            page.given |= {name: str(path) for name, path in found.items()}
            page.missing = sorted(set(page.tables.values())) if found and not any(found.values()) else []
        for name, value in study.own.items():
            plan.give(every, name, value, origin=f"{study.path.name}, parameters")
        for stem, values in study.notebooks.items():
            for name, value in values.items():
                plan.give(every, f"{stem}.{name}", value, origin=f"{study.path.name}, notebooks")
    for name, value in settings.items():
        plan.give(pages, name, value, origin=options.params.name)
    plan.give_parameters(pages, options.given)
    min_cell = options.min_cell or (study.min_cell if study is not None else 5)
    for page in pages:
        if "min_cell" in page.parameters and min_cell != 5:
            page.given.setdefault("min_cell", min_cell)
        for name in page.tables:
            value = page.given.get(name)
            if isinstance(value, str) and value.endswith((".yaml", ".yml")):
                path = Path(value).resolve()
                page.given[name] = str(path)
                paths.setdefault(str(path), f"{path.parent.name}/{path.name}")
                if study is None:
                    from cxlab.data.study import Study

                    files |= _files_of(Study(path, path.stem, {"": path}))
    if pages and all(page.missing for page in pages):
        lacks = ", ".join(sorted({kind for page in pages for kind in page.missing}))
        raise InputError(f"{options.params}: no page asked for reads a table of this study; it lacks {lacks}")
    build = Build(options, study, min_cell, [Part("", "", pages, paths, files)])
    if options.by is not None:
        from cxlab.workbook import segments

        if study is None:
            raise InputError(f"--by {options.by} splits your own data: give --params STUDY as well")
        segments.add_parts(build)
    elif options.cluster:
        raise InputError("--cluster spreads the segments of --by COLUMN over machines: give --by as well")
    return build


def _check_tables(build: Build) -> None:
    """Refuse a study with faults in a table that its pages read, before a runner starts.

    Logs of more than 100 MB are read by the pages alone.
    """
    from cxlab.data.study import open_mapped
    from cxlab.data.tables import KINDS

    asked = {kind for page in build.parts[0].pages for kind in page.tables.values()}
    for kind, mapping in build.study.tables.items():
        files = replace(build.study, tables={kind: mapping}).files
        huge = KINDS[kind].large and sum(path.stat().st_size for path in files) > 100e6
        if not huge and {kind, KINDS[kind].beside} & asked:
            open_mapped(mapping)


def _files_of(study: Any) -> dict[str, Any]:
    """Return names and hashes of all that a study reads."""
    return {os.path.relpath(path, study.path.parent): publish.tree_hash(path) for path in study.files}


def _run_key(part: Part, page: plan.Page, build: Build, results: str | None = None) -> str:
    given = {name: part.shown(value) for name, value in page.given.items()}
    return publish.run_key(page.path, given, part.files, min_cell=build.min_cell, results=results)


def _whole_key(build: Build) -> str:
    """Return the key of the whole report."""
    parts = [
        [part.folder, part.label, [[p.stem, p.missing, _run_key(part, p, build)] for p in part.pages]]
        for part in build.parts
    ]
    against = publish.file_hash(build.options.against) if build.options.against else None
    title = getattr(build.study, "name", None)
    return publish.key_of(
        [parts, publish.templates_hash(), title, build.options.by, build.hidden, versions(), against]
    )


# ---------------------------------------------------------------- run


def _make(build: Build, runners: Runners, folder: Path) -> None:
    """Run everything, segments some at a time; then write what may be shown."""
    from cxlab.workbook.site import write_part

    if any(page.needs_results for page in build.parts[0].pages):
        _check_rules()
    main, *others = build.parts
    progress = _Progress(sum(len(part.asked) for part in build.parts))
    run_parts([main], runners, build, progress)
    if build.options.cluster:
        from cxlab.workbook.run import run_on_cluster

        run_on_cluster(build, others, progress, run_parts)
        others = []
    size = max(4, 2 * build.jobs)
    for start in range(0, len(others), size):
        run_parts(others[start : start + size], runners, build, progress)
    if build.parts[1:]:
        from cxlab.workbook.segments import hide_small

        hide_small(build.parts, build.min_cell, build.hidden)
    for part in build.parts:
        write_part(part, folder, build)


def _check_rules() -> None:
    """Refuse a malformed rule before any number is known that it would judge."""
    folder = project_folder() / "data" / "evidence"
    if (folder / "rules.toml").is_file():
        from cxlab.data.claims import check_evidence

        check_evidence(folder)


def run_parts(parts: Sequence[Part], runners: Runners, build: Build, progress: Any) -> None:
    """Fill in each part's executed notebooks and what they state; pages that read the others come last."""
    for last in (False, True):
        wave = [(part, page) for part in parts for page in part.asked if page.needs_results == last]
        failures = list(_run_wave(wave, runners, build, progress))
        raise_failures([failure for part, failure in failures if not _may_miss(part, failure, build)])
        for part, failure in failures:
            part.failed[failure.job.rpartition("/")[2]] = failure.reason
    main = parts[0]
    if not main.folder and main.failed and not main.stated:
        raise InputError("; ".join(f"{page.stem}: {reason}" for page, reason in main.missed))


def _may_miss(part: Part, failure: Failure, build: Build) -> bool:
    """Tell whether the rest appears without this page: in a segment, or where a study's data are at fault."""
    if failure.kind is OutOfReach:
        return False
    return bool(part.folder) or (build.study is not None and failure.kind is InputError)


def _run_wave(
    wave: Iterable[tuple[Part, plan.Page]], runners: Runners, build: Build, progress: Any
) -> Iterable[tuple[Part, Failure]]:
    jobs, where = [], {}
    watch = progress.watch if progress is not None else lambda *_: None
    for part, page in wave:
        given, paths, results = dict(page.given), dict(part.paths), None
        if page.needs_results:
            results = to_json(results_of(part.stated))
            path = runners.folder / f"results-{publish.key_of(part.folder)[:8]}.json"
            path.write_text(results, encoding="utf-8")
            given["results"] = str(path)
            paths[str(path)] = "results.json"
        key = _run_key(part, page, build, results)
        executed = None if build.options.fresh else publish.read(f"run-{key}")
        if executed is not None:
            part.keep(page.stem, f"run-{key}", executed)
            watch(page.stem, "kept", {})
            continue
        job = f"{part.folder}/{page.stem}" if part.folder else page.stem
        where[job] = (part, page, key)
        jobs.append(
            {"job": job, "path": str(page.path), "parameters": given, "cwd": str(Path.cwd()), "paths": paths}
        )
    for event in runners.run(jobs, watch):
        part, page, key = where[event["job"]]
        if event["event"] == "failed":
            yield part, failure_of(event)
            continue
        executed = Path(event["executed"]).read_text(encoding="utf-8")
        publish.store(f"run-{key}", executed)
        part.keep(page.stem, f"run-{key}", executed)
        shutil.rmtree(Path(event["executed"]).parent, ignore_errors=True)


# ---------------------------------------------------------------- the whole


def _finish(build: Build, folder: Path, key: str, found: diff.Comparison | None) -> dict[str, dict[str, str]]:
    """Write what stands over all parts: assets, overview, changes, manifest; return the pages not made."""
    from cxlab.workbook import site

    assets = folder / "assets"
    assets.mkdir()
    for path in sorted((Path(__file__).parent / "templates" / "assets").iterdir()):
        shutil.copyfile(path, assets / path.name)
    plotly = Path(find_spec("plotly").origin).parent / "package_data" / "plotly.min.js"
    shutil.copyfile(plotly, assets / "plotly.min.js")
    if build.options.by is not None:
        (folder / "segments").mkdir(exist_ok=True)
        (folder / "segments" / "index.html").write_text(site.overview(build), encoding="utf-8")
    if found is not None:
        (folder / "changes.html").write_text(site.changes(build.parts[0], found), encoding="utf-8")
        (folder / "changes.md").write_text(diff.summary(found), encoding="utf-8")
    files = {
        path.relative_to(folder).as_posix(): publish.file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    failed = {part.folder: part.failed for part in build.parts if part.failed}
    whole = {
        **site.facts(build.parts[0], build),
        "key": key,
        "moved": bool(found and found.alarm),
        "failed": failed,
        "segments": {part.folder: part.label for part in build.parts[1:]},
        "segments_hidden": build.hidden,
        "files": files,
    }
    (folder / publish.MANIFEST).write_text(to_json(whole), encoding="utf-8")
    return failed


def _near(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


class _Progress:
    """Says which pages are ready, a line each."""

    def __init__(self, pages: int) -> None:
        self._pages, self._done = pages, 0

    def watch(self, job: str, event: str, facts: dict[str, Any]) -> None:
        """Take an event of a runner."""
        if event != "cell":
            self.done(job, {"done": "made"}.get(event, event))

    def done(self, job: str, word: str) -> None:
        """Count a page that is ready."""
        self._done += 1
        print(f"{word:8} {job} ({self._done} of {self._pages})", flush=True)
