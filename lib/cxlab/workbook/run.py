"""Notebooks run in warm processes, here or on a cluster: what is kept is not run; failures in plain words."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from cxlab.data.errors import InputError, NotebookError, OutOfReach
from cxlab.data.files import cache_folder, held_folder
from cxlab.workbook import publish
from cxlab.workbook.executed import results_of, to_json
from cxlab.workbook.plan import Build, Page, Part


class Failure(NamedTuple):
    """Why one notebook gave no page; ``kind`` is what the command line should raise, ``line`` says it all."""

    job: str
    kind: type[Exception]
    reason: str
    line: str


def failure_of(event: Mapping[str, Any]) -> Failure:
    """Return what the end of a job says, as ``Runners.run`` yields it; the notebook so far is kept."""
    fault, kept = event["fault"], ""
    name, text = fault["ename"], " ".join(str(fault.get("evalue", "")).split())[:600]
    of_data = name in ("InputError", "NotEnough")
    reason = text if text and of_data else f"{name}: {text}".removesuffix(": ")
    full = name in ("OutOfReach", "DiskFull") or "No space left on device" in reason
    kind = OutOfReach if full else InputError if of_data else NotebookError
    place = f", code cell {fault['code_cell']} ({fault['line']})" if "line" in fault else ""
    if event["executed"]:
        copy = cache_folder() / "failed" / f"{event['job'].replace('/', '-')}.ipynb"
        copy.parent.mkdir(exist_ok=True)
        kept = f"; the notebook as far as it ran: {os.path.relpath(shutil.copyfile(event['executed'], copy))}"
    return Failure(event["job"], kind, reason, f"{event['job']}{place}: {reason}{kept}")


def raise_failures(failures: Sequence[Failure]) -> None:
    """Raise one fault that names every failed notebook, those of one cause together; if there are any."""
    causes: dict[str, list[Failure]] = {}
    for failure in failures:
        causes.setdefault(failure.reason, []).append(failure)
    lines = [
        first.line + (f" (the same in {', '.join(other.job for other in others)})" if others else "")
        for first, *others in causes.values()
    ]
    for kind in (OutOfReach, NotebookError, InputError):
        if any(failure.kind is kind for failure in failures):
            raise kind("; ".join(lines))


class Runners(contextlib.ExitStack):
    """Runs notebooks in processes; used as a context manager, which leaves nothing behind however it ends."""

    def __init__(self, jobs: int, *, min_cell: int, timeout: float) -> None:
        super().__init__()
        self._limits, self._min_cell = (str(jobs), str(timeout)), str(min_cell)

    def __enter__(self) -> Runners:
        self.folder = self.enter_context(held_folder(cache_folder(), "run-"))
        return self

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        own = {
            "PYTHONHASHSEED": "0",  # sets are then printed in the same order on every run
            "CXLAB_EXPLORE": "baked",
            "PLOTLY_RENDERER": "plotly_mimetype",
            "CXLAB_MIN_CELL": self._min_cell,
            "TMPDIR": str(self.folder),  # copies of a reader's data go when the run goes
            # Notebooks already run side by side; one thread each also keeps sums in the same order.
            **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "cxlab.workbook.runner", str(self.folder), *self._limits],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"} | own,
        )  # fmt: skip
        self.callback(_end, process)
        return process

    def run(self, jobs: Sequence[Mapping[str, Any]]) -> Iterator[dict]:
        """Run jobs (``job path parameters cwd paths``); yield ``job executed fault`` as each one ends."""
        waiting = {job["job"] for job in jobs}
        if waiting:
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(jobs), file=self._process.stdin, flush=True)
        while waiting:
            if not (line := self._process.stdout.readline()):
                raise NotebookError(f"the process of the notebooks ended (code {self._process.wait()})")
            event = json.loads(line)
            if event["job"] in waiting:
                waiting.remove(event["job"])
                yield event


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError), process:  # which closes its pipes
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        process.kill()  # where it has not ended


def run_key(part: Part, page: Page, build: Build, results: str | None = None) -> str:
    """Return the key of an executed notebook: itself, its parameters, its data, all that is around it."""
    given = {name: part.shown(value) for name, value in page.given.items()}
    itself = publish.sha256_of(page.path)
    return publish.key_of([itself, given, part.files, publish.surroundings(), build.min_cell, results])


def run_parts(parts: Sequence[Part], runners: Runners, build: Build) -> None:
    """Fill in each part's executed notebooks and what they state; pages that read the others come last."""
    main = parts[0]
    for last in (False, True):
        jobs, where, fatal = [], {}, []
        for part, page in [(one, page) for one in parts for page in one.asked]:
            if page.needs_results != last:
                continue
            key, job = _job_of(part, page, runners, build)
            executed = None if build.options.fresh else publish.read(key)
            if executed is None:
                jobs.append(job)
                where[job["job"]] = part, page.stem, key
            else:
                part.keep(page.stem, key, executed)
                build.tell(part, page.stem, "kept")
        for event in runners.run(jobs):
            part, stem, key = where[event["job"]]
            build.tell(part, stem, "failed" if event["fault"] else "made")
            if event["fault"]:
                failure = failure_of(event)
                part.failed[stem] = failure.reason
                # The rest appears without a page of a segment, or one that finds a study's data at fault.
                may_miss = part.folder or (build.study is not None and failure.kind is InputError)
                if failure.kind is OutOfReach or not may_miss:
                    fatal.append(failure)
            else:
                path = Path(event["executed"])
                executed = path.read_text(encoding="utf-8")
                publish.store(key, executed)
                part.keep(stem, key, executed)
                shutil.rmtree(path.parent, ignore_errors=True)
        raise_failures(fatal)
    if not main.folder and main.failed and not main.stated:
        raise InputError("; ".join(f"{page.stem}: {reason}" for page, reason in main.missed))


def _job_of(part: Part, page: Page, runners: Runners, build: Build) -> tuple[str, dict[str, Any]]:
    """Return a page's name in the store, and what ``Runners.run`` takes."""
    given, paths, results = dict(page.given), dict(part.paths), None
    if page.needs_results:
        results = to_json(results_of(part.stated))
        path = runners.folder / f"results-{publish.key_of(part.folder)[:8]}.json"
        path.write_text(results, encoding="utf-8")
        given["results"], paths[str(path)] = str(path), "results.json"
    name = f"{part.folder}/{page.stem}" if part.folder else page.stem
    job = {"job": name, "path": str(page.path), "parameters": given, "cwd": str(Path.cwd()), "paths": paths}
    return f"run-{run_key(part, page, build, results)}", job


# ---------------------------------------------------------------- segments on a Dask cluster


def run_on_cluster(build: Build, parts: list[Part]) -> None:
    """Run the segments' notebooks on a Dask scheduler's workers; the pages are made here: equal bytes.

    Workers need the same project and the study's files under the same paths. Up to 24 segments share a warm
    runner, whose start costs as much as several; those of a worker that dies are run again, at most thrice.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise InputError("--cluster needs Dask: pip install 'cxlab[cluster]'") from None
    address = build.options.cluster
    try:
        client = Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as fault:
        raise OutOfReach(f"--cluster {address}: no Dask scheduler answers ({fault})") from None
    with client:
        threads = max(1, sum(client.nthreads().values()))
        size = max(1, min(24, len(parts) // (2 * threads)))
        groups = [parts[i : i + size] for i in range(0, len(parts), size)]
        run_there = partial(_run_there, dataclasses.replace(build, parts=[]))  # without the other segments
        sent = dict(zip(client.map(run_there, groups, retries=3, pure=False), groups, strict=True))
        try:
            for done, answers in as_completed(sent, with_results=True):
                for part, (found, part.failed) in zip(sent[done], answers, strict=True):
                    for stem, (name, executed) in found.items():
                        publish.store(name, executed)
                        part.keep(stem, name, executed)
                    for page in part.asked:
                        build.tell(part, page.stem, "failed" if page.stem in part.failed else "made")
                done.release()  # so that memory stays bounded
        except KilledWorker as fault:
            raise NotebookError(f"--cluster: workers died again and again ({fault})") from None


def _run_there(build: Build, parts: list[Part]) -> list[tuple[dict, dict[str, str]]]:
    """Run segments' notebooks on a worker; return each one's with their names in the store, and failures."""
    with Runners(1, min_cell=build.min_cell, timeout=build.options.timeout) as runners:
        run_parts(parts, runners, build)
    return [({s: (n, publish.read(n)) for s, n in part.executed.items()}, part.failed) for part in parts]
