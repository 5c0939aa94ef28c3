"""The parent's side of the runners, here or on a cluster: jobs out, events in, failures in plain words."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, NotebookError, OutOfReach
from cxlab.data.files import cache_folder
from cxlab.workbook import publish
from cxlab.workbook.plan import Build, Part


@dataclass(frozen=True)
class Failure:
    """Why one notebook gave no page."""

    job: str
    facts: Mapping[str, Any]
    kept: Path | None = None

    @property
    def reason(self) -> str:
        """What went wrong, in one line."""
        text = " ".join(str(self.facts.get("evalue", "")).split())[:600]
        return (
            text if text and self.kind is InputError else f"{self.facts['ename']}: {text}".removesuffix(": ")
        )

    @property
    def kind(self) -> type[Exception]:
        """What the command line should raise: the reader's input, an unreachable registry or a notebook."""
        ename, evalue = self.facts["ename"], str(self.facts.get("evalue", ""))
        if ename in ("OutOfReach", "DiskFull") or "No space left on device" in evalue:
            return OutOfReach
        return InputError if ename in ("InputError", "NotEnough") else NotebookError

    def __str__(self) -> str:
        where = self.job
        if self.facts.get("code_cell"):
            where += f", code cell {self.facts['code_cell']} ({self.facts.get('line', '')})"
        kept = f"; the notebook as far as it ran: {os.path.relpath(self.kept)}" if self.kept else ""
        text = " ".join(str(self.facts.get("evalue", "")).split())[:600]
        return f"{where}: {self.facts['ename']}: {text}{kept}"


def raise_failures(failures: Sequence[Failure]) -> None:
    """Raise one fault that names every failed notebook, those of one cause together; if there are any."""
    if not failures:
        return
    kinds = {failure.kind for failure in failures}
    kind = next(each for each in (OutOfReach, NotebookError, InputError) if each in kinds)
    causes: dict[tuple, list[Failure]] = {}
    for failure in failures:
        causes.setdefault((failure.facts["ename"], failure.facts.get("evalue")), []).append(failure)
    lines = [
        f"{first}" + (f" (the same in {', '.join(other.job for other in others)})" if others else "")
        for first, *others in causes.values()
    ]
    raise kind("; ".join(lines))


class Runners:
    """Runs notebooks in processes; used as a context manager, which leaves nothing behind however it ends."""

    def __init__(self, jobs: int, *, min_cell: int, timeout: float) -> None:
        self._jobs, self._min_cell, self._timeout = jobs, min_cell, timeout
        self._process: subprocess.Popen[str] | None = None
        self._count = 0

    def __enter__(self) -> Runners:
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=cache_folder()))
        (self.folder / "tmp").mkdir()
        return self

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            env = {
                **os.environ,
                "PYTHONHASHSEED": "0",  # sets are then printed in the same order on every run
                "CXLAB_EXPLORE": "baked",
                "PLOTLY_RENDERER": "plotly_mimetype",
                "CXLAB_MIN_CELL": str(self._min_cell),
                "TMPDIR": str(self.folder / "tmp"),  # copies of a reader's data go when the run goes
                # Notebooks already run side by side; one thread each also keeps sums in the same order.
                **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
            }
            env.pop("PYTHONWARNINGS", None)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cxlab.workbook.runner", str(self.folder), str(self._jobs)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True,
            )  # fmt: skip
        return self._process

    def run(
        self, jobs: Sequence[Mapping[str, Any]], watch: Callable[[str, str, dict], None]
    ) -> Iterator[dict]:
        """Run jobs and yield one event, ``done`` or ``failed``, for each.

        Parameters
        ----------
        jobs : sequence of mappings
            ``job path parameters cwd paths``.
        watch : callable
            Told ``(job, event, facts)`` of every event, also of each cell that starts.
        """
        if not jobs:
            return
        process = self._start()
        waiting = set()
        with contextlib.suppress(BrokenPipeError):
            for job in jobs:
                waiting.add(job["job"])
                self._count += 1
                process.stdin.write(
                    json.dumps({**job, "work": f"job-{self._count}", "timeout": self._timeout}) + "\n"
                )
            process.stdin.flush()
        while waiting:
            line = process.stdout.readline()
            if not line:
                raise NotebookError(
                    f"the process that runs the notebooks ended (code {process.wait()}) before "
                    f"{', '.join(sorted(waiting))}; its messages stand above"
                )
            event = json.loads(line)
            watch(event["job"], event["event"], event)
            if event["event"] in ("done", "failed") and event["job"] in waiting:
                waiting.discard(event["job"])
                yield event

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def failure_of(event: Mapping[str, Any]) -> Failure:
    """Return what a failed event says, the notebook kept where the message can point to it."""
    target = None
    if event.get("executed"):
        target = cache_folder() / "failed" / f"{event['job'].replace('/', '-')}.ipynb"
        try:
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(event["executed"], target)
        except OSError:
            target = None
    return Failure(event["job"], event, target)


def _sweep() -> None:
    """Remove what runs that were killed left behind."""
    for run in cache_folder().glob("run-*-*"):
        try:
            os.kill(int(run.name.split("-")[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(run, ignore_errors=True)
        except (ValueError, OSError):
            continue


# ---------------------------------------------------------------- segments on a Dask cluster


def run_on_cluster(build: Build, parts: list[Part], progress: Any, run_parts: Any) -> None:
    """Run the segments' notebooks on a Dask scheduler's workers; the pages are made here: equal bytes.

    Workers need the project (at the same version) and the study's files under the same paths, such as a
    shared disk. Up to 24 segments share a warm runner, whose start costs as much as several of them; those of
    a worker that dies are run again by another one, up to three times; two groups a worker are under way, so
    that memory stays bounded.

    Raises
    ------
    InputError, OutOfReach, NotebookError
        Without Dask's ``distributed``; when nobody answers at the address; when workers died again and again.
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
        alone = dataclasses.replace(build, parts=[])  # a group travels without the other segments
        waiting = [parts[i : i + size] for i in range(0, len(parts), size)][::-1]
        sent: dict[str, list[Part]] = {}

        def send() -> Any:
            group = waiting.pop()
            future = client.submit(_run_there, alone, group, run_parts, retries=3, pure=False)
            sent[future.key] = group
            return future

        queue = as_completed([send() for _ in range(min(len(waiting), max(4, 2 * threads)))])
        for done in queue:
            group = sent[done.key]
            try:
                answers = done.result()
            except KilledWorker as fault:
                words = f"the workers of {group[0].label} died again and again ({fault})"
                raise NotebookError(f"--cluster: {words}") from None
            for part, (found, part.failed) in zip(group, answers, strict=True):
                for stem, (name, executed) in found.items():
                    publish.store(name, executed)
                    part.keep(stem, name, executed)
                for page in part.asked:
                    word = "failed" if page.stem in part.failed else "made"
                    progress.done(f"{part.folder}/{page.stem}", word)
            done.release()
            if waiting:
                queue.add(send())


def _run_there(build: Build, parts: list[Part], run_parts: Any) -> list[tuple[dict, dict[str, str]]]:
    """Run segments' notebooks on a worker; return each one's with their names in the store, and failures."""
    with Runners(1, min_cell=build.min_cell, timeout=build.options.timeout) as runners:
        run_parts(parts, runners, build, None)
    return [({s: (n, publish.read(n)) for s, n in part.executed.items()}, part.failed) for part in parts]
