"""The process that imports the heavy packages once and forks a runner and a kernel for each notebook.

Started as ``python -m cxlab.workbook.report.forge WORKDIR JOBS``. Jobs come in as JSON lines on standard input, events go
out as JSON lines on standard output. A runner is a child of the forge; the kernel is a child of its runner, forked
before the runner has any thread or socket. Each runner leads a process group of its own, so ending it ends its
kernel and whatever that started; where the parent dies, the operating system ends the children.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

__all__ = ["main"]

_GRACE = 15.0


def _import_what_kernels_need() -> None:
    """Import what nearly every notebook needs; nothing here may start a thread, since the process will fork."""
    # jsonschema imports this optional checker of addresses when it is there, which compiles a grammar for 1.5 s.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import nbformat

    del sys.modules["rfc3987_syntax"]
    # Nobody steps through a report with a debugger, whose import would be a third of a kernel's start.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    import ipykernel.debugger

    del sys.modules["debugpy"]
    import ipykernel.ipkernel
    import ipykernel.kernelapp
    import IPython.core.interactiveshell
    import numpy
    import pandas
    import papermill
    import plotly.graph_objects
    import scipy.stats

    import cxlab.charts.style
    import cxlab.workbook.explore
    import cxlab.workbook.record

    from . import pages, warm

    pages.warm_up()
    # What would otherwise be imported or compiled at the first chart, the first notebook of every child.
    plotly.graph_objects.Figure(plotly.graph_objects.Scatter(x=[0], y=[0])).to_json()
    nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("a")]))
    # Children share these pages of memory as long as no collection touches them.
    gc.collect()
    gc.freeze()
    assert nbformat and numpy and pandas and papermill and warm and IPython and ipykernel and scipy and cxlab


class _Forge:
    def __init__(self, folder: Path, jobs: int) -> None:
        self.folder, self.jobs = folder, jobs
        self.waiting: list[dict[str, Any]] = []
        self.running: dict[int, dict[str, Any]] = {}
        self.open = True

    def loop(self) -> None:
        buffer = b""
        while self.open or self.waiting or self.running:
            while self.waiting and len(self.running) < self.jobs:
                self._start(self.waiting.pop(0))
            if self.open:
                ready, _, _ = select.select([0], [], [], 0.02 if self.running else None)
                if ready:
                    chunk = os.read(0, 1 << 20)
                    self.open = bool(chunk)
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    self.waiting += [json.loads(line) for line in lines if line]
            else:
                time.sleep(0.01)
            self._reap()

    def _start(self, job: dict[str, Any]) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setpgid(0, 0)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                code = _run_job(job, self.folder)
            except BaseException as fault:  # a child must never return into the parent's loop
                with contextlib.suppress(BaseException):
                    _tell(job, "failed", **_describe(fault))
            finally:
                os._exit(code)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self.running[pid] = {"job": job, "end": time.monotonic() + job["timeout"] + _GRACE}

    def _reap(self) -> None:
        for pid, entry in list(self.running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and time.monotonic() > entry["end"]:
                self.kill(pid)
                done, status = os.waitpid(pid, 0)
                _tell(
                    entry["job"], "failed", ename="TimeoutError", evalue="the notebook's runner did not end"
                )
            if done:
                del self.running[pid]
                self.kill(pid)
                code = os.waitstatus_to_exitcode(status)
                if code < 0:
                    word = "killed; was the memory used up?" if code == -9 else f"ended by signal {-code}"
                    _tell(entry["job"], "failed", ename="RunnerDied", evalue=word)

    def kill(self, pid: int) -> None:
        """End a runner's whole group: itself, its kernel and what that started."""
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _tell(job: dict[str, Any], event: str, **facts: Any) -> None:
    line = json.dumps({"job": job["job"], "event": event, **facts}) + "\n"
    view = memoryview(line.encode())
    while view:
        view = view[os.write(1, view) :]


def _describe(fault: BaseException) -> dict[str, Any]:
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"ename": "DiskFull", "evalue": str(fault)}
    where = "".join(traceback.format_exception(fault)) if os.environ.get("CXLAB_DEBUG") else ""
    return {"ename": type(fault).__name__, "evalue": str(fault), "trace": where}


def _run_job(job: dict[str, Any], folder: Path) -> int:
    from . import warm

    warm.die_with_parent()
    work = folder / job["work"]
    work.mkdir()
    executed = job.get("executed")
    if executed is None:
        prefork = warm.Prefork(work / "kernel.log")
        fault = _execute(job, work, prefork)
        with contextlib.suppress(OSError):
            prefork.kill()
        if fault:
            _tell(job, "failed", **fault)
            return 0
        executed = str(work / "executed.ipynb")
    from . import pages

    html = pages.render(json.loads(Path(executed).read_text(encoding="utf-8")), job["context"])
    (work / "page.html").write_text(html, encoding="utf-8")
    _tell(job, "done", executed=executed, page=str(work / "page.html"))
    return 0


def _execute(job: dict[str, Any], work: Path, prefork: Any) -> dict[str, Any] | None:
    """Run one notebook by papermill; return what went wrong, or None."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from . import stabilise, warm

    sockets = Path(job["sockets"])
    sockets.mkdir(mode=0o700)
    at = {"cell": 0}

    def progress(index: int) -> None:
        at["cell"] = index
        _tell(job, "cell", index=index)

    engine = warm.engine_for(prefork, sockets, deadline=time.monotonic() + job["timeout"], progress=progress)
    raw = work / "raw.ipynb"
    fault: dict[str, Any] | None = None
    try:
        papermill.execute_notebook(
            job["path"],
            str(raw),
            parameters=job["parameters"],
            engine_name=warm.ENGINE,
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,
            cwd=job["cwd"],
        )
    except PapermillExecutionError as failed:
        fault = {"ename": failed.ename, "evalue": failed.evalue, "cell": failed.cell_index}
    except CellTimeoutError:
        fault = {
            "ename": "TimeoutError",
            "evalue": f"not done after {job['timeout']:g} s",
            "cell": at["cell"],
        }
    except DeadKernelError:
        fault = {"ename": "DeadKernelError", "evalue": _last_words(work / "kernel.log"), "cell": at["cell"]}
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    notebook = engine.notebook
    if notebook is None:
        return fault
    notebook = json.loads(json.dumps(notebook))
    # What papermill puts in front of a failed cell would shift the count.
    marks = "papermill-error-cell-tag"
    notebook["cells"] = [cell for cell in notebook["cells"] if marks not in cell["metadata"].get("tags", [])]
    if fault is None:
        fault = _noise(notebook)
    if fault is not None and fault.get("cell") is not None:
        cell = notebook["cells"][fault["cell"]]
        fault["code_cell"] = _code_number(notebook, fault["cell"])
        fault["line"] = next((line for line in "".join(cell["source"]).splitlines() if line.strip()), "")[:80]
    stabilise.stabilise(notebook, job["paths"])
    if fault is None:
        try:
            stabilise.collect(notebook)
        except ValueError as twice:
            fault = {"ename": "NotebookError", "evalue": str(twice)}
    (work / "executed.ipynb").write_text(stabilise.to_text(notebook), encoding="utf-8")
    if fault is not None:
        fault["executed"] = str(work / "executed.ipynb")
    return fault


def _noise(notebook: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first cell that wrote to stderr: a warning in a report is a fault that nobody has read yet."""
    for index, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream" and output["name"] == "stderr":
                text = " ".join("".join(output["text"]).split())
                return {"ename": "Warning on stderr", "evalue": text[:300], "cell": index}
    return None


def _code_number(notebook: dict[str, Any], index: int) -> int:
    """Return the number of a code cell as a reader counts it, without the cell that papermill injected."""
    return sum(
        cell["cell_type"] == "code" and "injected-parameters" not in cell["metadata"].get("tags", [])
        for cell in notebook["cells"][: index + 1]
    )


def _last_words(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return f"the kernel died{': ' + text[-1][:200] if text else '; was the memory used up?'}"


def main() -> int:
    """Serve jobs until standard input ends."""
    from . import warm

    folder, jobs = Path(sys.argv[1]), int(sys.argv[2])
    forge = _Forge(folder, jobs)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def stop(_signal: int, _frame: Any) -> None:
        for pid in list(forge.running):
            forge.kill(pid)
        os._exit(143)

    signal.signal(signal.SIGTERM, stop)
    warm.die_with_parent()
    # From 3.12 on Python warns of every fork beside a thread; the one thread here is an allocator's, made for forks.
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    _import_what_kernels_need()
    forge.loop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
