"""The process that imports the heavy packages once and forks a runner for each notebook.

Started as ``python -m cxlab.workbook.runner FOLDER JOBS``. Jobs come in as JSON lines on standard input,
events go out as JSON lines on standard output. A runner lets papermill put the parameters in and executes the
cells with IPython in its own process: forked and warm, it needs no kernel to start, no socket and no port. It
leads a process group of its own, so ending it ends whatever it started; where its parent dies, the operating
system ends it.
"""

import contextlib
import errno
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from cxlab.workbook.executed import collect, stabilise, to_text

_NEEDED = (
    "IPython.core.interactiveshell numpy pandas papermill papermill.engines plotly.graph_objects scipy.stats "
    "cxlab.figures.general cxlab.questions.result cxlab.data.sources cxlab.workbook.explore"
)


def _import_what_runners_need() -> None:
    """Import what nearly every notebook needs; nothing here may start a thread: the process will fork."""
    sys.modules["rfc3987_syntax"] = None  # an optional checker of addresses that compiles a grammar for 1.5 s
    for name in ("nbformat", *_NEEDED.split()):
        importlib.import_module(name)
    del sys.modules["rfc3987_syntax"]
    import nbformat
    import plotly.graph_objects as go

    # What would otherwise be imported or compiled at the first chart, the first notebook of every child.
    go.Figure(go.Scatter(x=[0], y=[0])).to_json()
    nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("a")]))
    gc.collect()
    gc.freeze()  # children share these pages of memory as long as no collection touches them


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


class _Server:
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
            ready = select.select([0] if self.open else [], [], [], 0.01 if self.running else None)[0]
            if ready:
                chunk = os.read(0, 1 << 20)
                self.open = bool(chunk)
                *lines, buffer = (buffer + chunk).split(b"\n")
                self.waiting += [json.loads(line) for line in lines if line]
            self._reap()

    def _start(self, job: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                _run_job(job, self.folder / job["work"])
            except BaseException as fault:  # a child must never return into the parent's loop
                with contextlib.suppress(BaseException):
                    _tell(job, "failed", **_describe(fault))
            finally:
                os._exit(0)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self.running[pid] = {"job": job, "end": time.monotonic() + job["timeout"]}

    def _reap(self) -> None:
        for pid, entry in list(self.running.items()):
            late = time.monotonic() > entry["end"]
            if late:
                self.kill(pid)
            done, status = os.waitpid(pid, 0 if late else os.WNOHANG)
            if done:
                del self.running[pid]
                self.kill(pid)
                if code := os.waitstatus_to_exitcode(status):
                    job = entry["job"]
                    name, word = (
                        "RunnerDied",
                        "killed; was the memory used up?" if code == -9 else f"ended with {code}",
                    )
                    if late:
                        name, word = "TimeoutError", f"not done after {job['timeout']:g} s"
                    _tell(job, "failed", ename=name, evalue=word, **_where(self.folder / job["work"]))

    def kill(self, pid: int) -> None:
        """End a runner's whole group."""
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _tell(job: dict[str, Any], event: str, **facts: Any) -> None:
    view = memoryview((json.dumps({"job": job["job"], "event": event, **facts}) + "\n").encode())
    while view:
        view = view[os.write(_EVENTS, view) :]


_EVENTS = 1


def _describe(fault: BaseException) -> dict[str, Any]:
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"ename": "DiskFull", "evalue": str(fault)}
    if os.environ.get("CXLAB_DEBUG"):
        traceback.print_exception(fault)
    return {"ename": type(fault).__name__, "evalue": str(fault)}


def _where(work: Path) -> dict[str, Any]:
    """Return which cell a runner was at when it was ended."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((work / "cell").read_text(encoding="utf-8"))
    return {}


def _run_job(job: dict[str, Any], work: Path) -> None:
    global _EVENTS
    _die_with_parent()
    work.mkdir()
    # What C code and child processes print goes to a file; events keep the pipe.
    _EVENTS = os.dup(1)
    noise = os.open(work / "noise.log", os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(noise, 1)
    os.dup2(noise, 2)
    fault, notebook = _execute(job, work)
    if notebook is not None:
        stabilise(notebook, job["paths"])
        try:
            collect(notebook)
        except ValueError as twice:
            fault = fault or {"ename": "NotebookError", "evalue": str(twice)}
        (work / "executed.ipynb").write_text(to_text(notebook), encoding="utf-8")
    path = str(work / "executed.ipynb") if notebook else ""
    _tell(job, "failed" if fault else "done", executed=path, **(fault or {}))


def _execute(job: dict[str, Any], work: Path) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Run one notebook by papermill; return what went wrong, or None, and the notebook as far as it ran."""
    import nbformat
    import papermill
    from papermill.engines import Engine, papermill_engines

    fault: dict[str, Any] | None = None
    kept: list[Any] = []
    failed: list[Any] = []

    class InProcess(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
            nonlocal fault
            kept.append(nb_man.nb)
            shell, number = _shell(), 0
            for index, cell in enumerate(nb_man.nb.cells):
                if cell.cell_type != "code":
                    continue
                number += "injected-parameters" not in cell.metadata.get("tags", [])
                at = {"code_cell": number, "line": next(filter(str.strip, cell.source.splitlines()), "")[:80]}
                (work / "cell").write_text(json.dumps(at), encoding="utf-8")
                _tell(job, "cell", index=index)
                outputs, error = _run_cell(shell, cell.source)
                cell.outputs = [nbformat.from_dict(output) for output in outputs]
                cell.execution_count = number
                if error:
                    fault = {**error, **at}
                    failed.append(cell)
                    return

    papermill_engines.register("cxlab", InProcess)
    papermill.execute_notebook(
        job["path"], None, parameters=job["parameters"], engine_name="cxlab", kernel_name="python3",
        progress_bar=False, cwd=job["cwd"],
    )  # fmt: skip
    for cell in failed:  # papermill itself would raise and put a cell of its own before it
        cell.outputs.append(nbformat.v4.new_output("error", ename=fault["ename"], evalue=fault["evalue"]))
    return fault, json.loads(json.dumps(kept[0])) if kept else None


def _shell() -> Any:
    """Return IPython in this process: a cell's last value is displayed, its errors are told by its result."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Hook(DisplayHook):
        def write_output_prompt(self) -> None: ...

        def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
            self.shell.display_pub.publish(format_dict, md_dict)

    class Shell(InteractiveShell):
        displayhook_class = Hook
        kernel = None  # what notebooks ask for to know that they are one
        fault: BaseException | None = None  # also of an output that could not be shown, such as a chart

        def showtraceback(self, *args: Any, **kwargs: Any) -> None:
            self.fault = sys.exc_info()[1]

        showsyntaxerror = showtraceback

    config = Config()
    config.HistoryManager.enabled = False
    return Shell.instance(config=config)


def _run_cell(shell: Any, source: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return a cell's outputs, and what went wrong; what it wrote to stderr is a fault not yet read."""
    from IPython.utils.capture import capture_output

    with capture_output() as said:
        shell.fault = None
        result = shell.run_cell(source, store_history=True)  # explore reads the parameters there
    texts = (("stdout", said.stdout), ("stderr", said.stderr))
    outputs = [{"output_type": "stream", "name": name, "text": text} for name, text in texts if text]
    outputs += [
        {"output_type": "display_data", "data": each.data, "metadata": each.metadata or {}}
        for each in said.outputs
    ]
    fault = result.error_before_exec or result.error_in_exec or shell.fault
    if fault is not None:
        return outputs, _describe(fault)
    noise = " ".join(said.stderr.split())
    return outputs, {"ename": "Warning on stderr", "evalue": noise[:300]} if noise else None


def main() -> int:
    """Serve jobs until standard input ends."""
    server = _Server(Path(sys.argv[1]), int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def stop(_signal: int, _frame: Any) -> None:
        for pid in list(server.running):
            server.kill(pid)
        os._exit(143)

    signal.signal(signal.SIGTERM, stop)
    _die_with_parent()
    # From 3.12 on Python warns of every fork beside a thread; the one thread here is an allocator's.
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    _import_what_runners_need()
    server.loop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
