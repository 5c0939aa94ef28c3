"""All of it in order: plan, run what changed, make the pages, publish in one step."""

import contextlib
import os
import shutil
from argparse import Namespace
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError
from cxlab.data.files import project_folder, sha256_of
from cxlab.workbook import diff, plan, publish
from cxlab.workbook.executed import to_json
from cxlab.workbook.plan import Build, Part, versions
from cxlab.workbook.run import Runners, run_key, run_on_cluster, run_parts


def build_report(**given: Any) -> int:
    """Build and publish a report by the options of ``cxlab report``; return 0, 1 with ``strict`` when a part
    was skipped, or 3 when numbers changed beyond their intervals since the report that ``against`` names.

    Raises InputError, NotebookError or OutOfReach; the last good report is then untouched.
    """
    options = Namespace(**given)
    out = options.out.resolve()
    publish.check_target(out)
    old = diff.read_results(options.against) if options.against is not None else None
    with publish.locked(out):
        publish.recover(out)
        build = _plan(options)
        key = _key(build, old)
        facts = publish.manifest_of(out) or {}
        if not options.fresh and facts.get("key") == key and publish.is_intact(out):
            print(f"{_near(out)}: nothing has changed, the report stands")
        else:
            facts = _build(build, key, out, old)
    return 1 if options.strict and facts["failed"] else 3 if facts["moved"] else 0


def _build(build: Build, key: str, out: Path, old: dict | None) -> dict[str, Any]:
    """Make and publish a report, say what changed in one line, and return its manifest."""
    if build.study is not None:
        _check_tables(build)
    before = old or {}
    if old is None:
        with contextlib.suppress(InputError):  # there is none, or somebody changed it
            before = diff.read_results(out)
    with publish.staging(out) as folder:
        with Runners(build.jobs, min_cell=build.min_cell, timeout=build.options.timeout) as runners:
            _make(build, runners, folder)
        results = diff.read_results(folder)
        found = diff.compare(before, results)
        facts = _finish(build, folder, key, found if old is not None else None)
        publish.publish(folder, out)
    publish.prune()
    changed = len(found.of(*diff.ALARMS, "changed"))
    print(
        f"{_near(out)}: {sum(len(part.stated) for part in build.parts)} pages, "
        f"{sum(map(len, results.values()))} numbers ({changed} changed), "
        f"{sum(map(len, facts['failed'].values()))} parts skipped; open {_near(out / 'index.html')}"
    )
    if old is not None:
        print(found.headline())
    return facts


def _near(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


# ---------------------------------------------------------------- what to run


def _plan(options: Namespace) -> Build:
    study, settings = None, {}
    if options.params is not None:
        from cxlab.data.study import read_settings, read_study

        settings = read_settings(options.params)
        study = None if settings else read_study(options.params)
    every = plan.find_pages(project_folder() / "notebooks", study=study is not None)
    pages = plan.select(every, options.only)
    main = Part("", "", pages, {str(project_folder()): "."})
    if study is not None:
        _give_study(study, every, pages, main)
    for name, value in settings.items():
        plan.give(pages, name, value, origin=options.params.name)
    plan.give_parameters(pages, options.given)
    min_cell = options.min_cell or (study.min_cell if study is not None else 5)
    for page in pages:
        for name in page.tables:
            _give_mapping(page, name, main, study)
    if pages and all(page.missing for page in pages):
        lacks = ", ".join(sorted({kind for page in pages for kind in page.missing}))
        raise InputError(f"{options.params}: no page asked for reads a table of this study; it lacks {lacks}")
    build = Build(options, study, min_cell, [main])
    if options.by is not None:
        from cxlab.workbook import segments

        if study is None:
            raise InputError(f"--by {options.by} splits your own data: give --params STUDY as well")
        segments.add_parts(build)
    elif options.cluster:
        raise InputError("--cluster spreads the segments of --by COLUMN over machines: give --by as well")
    return build


def _give_study(study: Any, every: list[plan.Page], pages: list[plan.Page], main: Part) -> None:
    """Give each page the study's tables and parameters; say of a page that gets no table what it lacks."""
    main.paths[str(study.path.parent)] = study.path.parent.name
    main.files |= _files_of(study)
    for page in pages:
        page.given |= {name: str(study.tables.get(kind, "")) for name, kind in page.tables.items()}
        if page.tables and not any(page.given[name] for name in page.tables):
            page.missing = sorted(set(page.tables.values()))
    for name, value in study.own.items():
        plan.give(every, name, value, origin=f"{study.path.name}, parameters")
    for stem, values in study.notebooks.items():
        for name, value in values.items():
            plan.give(every, f"{stem}.{name}", value, origin=f"{study.path.name}, notebooks")


def _give_mapping(page: plan.Page, name: str, main: Part, study: Any) -> None:
    """Note the path of a mapping file that a page gets, and what it reads where that is not the study's."""
    value = page.given.get(name)
    if not isinstance(value, str) or not value.endswith((".yaml", ".yml")):
        return
    path = Path(value).resolve()
    page.given[name] = str(path)
    main.paths.setdefault(str(path), f"{path.parent.name}/{path.name}")
    if study is None or path not in study.tables.values():
        from cxlab.data.study import Study

        main.files |= _files_of(Study(path, path.stem, {"": path}))


def _files_of(study: Any) -> dict[str, Any]:
    """Return names and hashes of all that a study reads."""
    return {os.path.relpath(path, study.path.parent.parent): sha256_of(path) for path in study.files}


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


def _key(build: Build, old: dict | None) -> str:
    """Return the key of the whole report."""
    parts = [
        [part.folder, part.label, [[p.stem, p.missing, run_key(part, p, build)] for p in part.pages]]
        for part in build.parts
    ]
    title = getattr(build.study, "name", None)
    return publish.key_of([parts, title, build.options.by, build.hidden, versions(), old])


# ---------------------------------------------------------------- run, write


def _make(build: Build, runners: Runners, folder: Path) -> None:
    """Run everything, segments some at a time; then write what may be shown."""
    from cxlab.workbook.site import write_part

    evidence = project_folder() / "data" / "evidence"
    if any(page.needs_results for page in build.parts[0].pages) and (evidence / "rules.toml").is_file():
        from cxlab.data.rules import check_evidence

        check_evidence(evidence)  # before any number is known that a rule would judge
    main, *others = build.parts
    run_parts([main], runners, build)
    if build.options.cluster:
        run_on_cluster(build, others)
    else:
        size = max(4, 2 * build.jobs)
        for start in range(0, len(others), size):
            run_parts(others[start : start + size], runners, build)
    if others:
        from cxlab.workbook.segments import hide_small

        hide_small(build.parts, build.min_cell, build.hidden)
    for part in build.parts:
        write_part(part, folder, build)


def _finish(build: Build, folder: Path, key: str, found: diff.Comparison | None) -> dict[str, Any]:
    """Write what stands over all parts: assets, overview, changes and the manifest, which is returned."""
    from cxlab.workbook import site

    (folder / "assets").mkdir()
    plotly = Path(find_spec("plotly").origin).parent / "package_data" / "plotly.min.js"
    for path in (*(Path(__file__).parent / "templates" / "assets").iterdir(), plotly):
        shutil.copyfile(path, folder / "assets" / path.name)
    if build.options.by is not None:
        (folder / "segments").mkdir(exist_ok=True)
        (folder / "segments" / "index.html").write_text(site.overview(build), encoding="utf-8")
    if found is not None:
        (folder / "changes.html").write_text(site.changes(build.parts[0], found), encoding="utf-8")
    facts = {
        **site.facts(build.parts[0], build),
        "key": key,
        "moved": bool(found and found.of(*diff.ALARMS)),
        "failed": {part.folder: part.failed for part in build.parts if part.failed},
        "segments": {part.folder: part.label for part in build.parts[1:]},
        "segments_hidden": build.hidden,
        "files": publish.hashes_of(folder),
    }
    (folder / publish.MANIFEST).write_text(to_json(facts), encoding="utf-8")
    return facts
