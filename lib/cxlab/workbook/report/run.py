"""The parent's side of the forge: jobs out, events in, interrupts and failures in plain words."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cxlab.evidence.errors import InputError, NotebookError, OutOfReach
from cxlab.evidence.places import cache_folder

__all__ = ["Failure", "Forge", "raise_failures"]


class Failure:
    """Why one notebook gave no page, in one line."""

    def __init__(self, stem: str, facts: Mapping[str, Any], kept: Path | None) -> None:
        self.stem, self.facts, self.kept = stem, facts, kept

    def __str__(self) -> str:
        ename, evalue = self.facts["ename"], " ".join(str(self.facts.get("evalue", "")).split())
        where = self.stem
        if self.facts.get("code_cell"):
            where += f", code cell {self.facts['code_cell']} ({self.facts.get('line', '')})"
        text = f"{where}: {ename}" + (f": {evalue[:600]}" if evalue else "")
        return text + (f"; the notebook as far as it ran: {os.path.relpath(self.kept)}" if self.kept else "")

    @property
    def kind(self) -> type[Exception]:
        """What the command line should raise: the reader's input, an unreachable registry or a notebook."""
        ename, evalue = self.facts["ename"], str(self.facts.get("evalue", ""))
        if ename in ("OutOfReach", "DiskFull") or "No space left on device" in evalue:
            return OutOfReach
        return InputError if ename == "InputError" else NotebookError


class Forge:
    """Runs notebooks in processes; used as a context manager, which leaves no process behind however it ends."""

    def __init__(self, jobs: int, *, min_cell: int, timeout: float) -> None:
        self._jobs, self._min_cell, self._timeout = jobs, min_cell, timeout
        self._process: subprocess.Popen[str] | None = None
        self._count = 0

    def __enter__(self) -> Forge:
        _sweep(cache_folder())
        self.folder = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=cache_folder()))
        self._sockets = Path(tempfile.mkdtemp(prefix="cxlab-", dir=_short_folder()))
        (self.folder / "sockets").write_text(str(self._sockets), encoding="utf-8")
        return self

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            env = {
                **os.environ,
                "PYTHONHASHSEED": "0",  # sets are then printed in the same order on every run
                "CXLAB_EXPLORE": "baked",
                "CXLAB_MIN_CELL": str(self._min_cell),
                # Notebooks already run side by side; one thread each also keeps sums in the same order.
                **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
            }
            env.pop("PYTHONWARNINGS", None)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cxlab.workbook.report.forge", str(self.folder), str(self._jobs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=env,
                start_new_session=True,
            )
        return self._process

    def run(
        self, jobs: Sequence[Mapping[str, Any]], watch: Callable[[str, str, dict], None]
    ) -> Iterator[dict]:
        """Run jobs and yield one event, ``done`` or ``failed``, for each.

        Parameters
        ----------
        jobs : sequence of mappings
            ``job path parameters context cwd paths`` and, when only the page is to be made, ``executed``.
        watch : callable
            Told ``(job, event, facts)`` of every event, also of each cell that starts.
        """
        if not jobs:
            return
        process = self._start()
        assert process.stdin and process.stdout
        waiting = set()
        with contextlib.suppress(BrokenPipeError):
            for job in jobs:
                waiting.add(job["job"])
                self._count += 1
                extra = {
                    "timeout": self._timeout,
                    "work": f"job-{self._count}",
                    "sockets": str(self._sockets / str(self._count)),
                }
                process.stdin.write(json.dumps({**job, **extra}) + "\n")
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
            if process.poll() is None:
                with contextlib.suppress(OSError):
                    os.kill(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


def _short_folder() -> str | None:
    """Return a folder for sockets, whose paths may have about a hundred characters: None for the usual one."""
    return "/tmp" if len(tempfile.gettempdir()) > 60 and os.path.isdir("/tmp") else None


def _sweep(folder: Path) -> None:
    """Remove what runs that were killed left behind."""
    for run in folder.glob("run-*-*"):
        pid = run.name.split("-")[1]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                sockets = Path((run / "sockets").read_text(encoding="utf-8"))
                if sockets.name.startswith("cxlab-"):
                    shutil.rmtree(sockets, ignore_errors=True)
            shutil.rmtree(run, ignore_errors=True)
        except (ValueError, OSError):
            continue


def keep_failed(event: Mapping[str, Any]) -> Path | None:
    """Keep a failed notebook where the message can point to it."""
    if not event.get("executed"):
        return None
    folder = cache_folder() / "failed"
    folder.mkdir(exist_ok=True)
    target = folder / f"{event['job'].replace('/', '-')}.ipynb"
    try:
        shutil.copyfile(event["executed"], target)
    except OSError:
        return None
    return target


def raise_failures(failures: Sequence[Failure]) -> None:
    """Raise one fault that names every failed notebook, a line each; nothing when there are none."""
    if not failures:
        return
    kinds = {failure.kind for failure in failures}
    kind = next(k for k in (OutOfReach, NotebookError, InputError) if k in kinds)
    lines = []
    for failure in failures:
        same = [
            f
            for f in failures
            if (f.facts["ename"], f.facts.get("evalue"))
            == (failure.facts["ename"], failure.facts.get("evalue"))
        ]
        if same[0] is failure:
            others = ", ".join(other.stem for other in same[1:])
            lines.append(f"{failure}" + (f" (the same in {others})" if others else ""))
    raise kind("; ".join(lines))
