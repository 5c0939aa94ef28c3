"""The process that imports the heavy packages once and forks a runner for each notebook.

Started as ``python -m cxlab.workbook.runner FOLDER JOBS TIMEOUT``. Lists of jobs come in as JSON lines on
standard input; how each job ended goes out as a JSON line on standard output. A runner lets papermill put the
parameters in and runs the cells with IPython in its own process: forked and warm, it needs no kernel, no
socket and no port. It leads a process group of its own, so ending it ends whatever it started; the operating
system ends it where its time is up or its parent dies.
"""

import contextlib
import ctypes
import errno
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from cxlab.workbook.executed import collect, stabilise, to_json

_NEEDED = (
    "IPython.core.interactiveshell nbformat numpy pandas papermill.iorw papermill.parameterize scipy.stats "
    "plotly.graph_objects cxlab.figures.general cxlab.data.sources cxlab.workbook.explore"
)


def _import_what_runners_need() -> None:
    """Import what nearly every notebook needs; nothing here may start a thread: the process will fork."""
    sys.modules["rfc3987_syntax"] = None  # an optional checker of addresses that compiles a grammar for 1.5 s
    for name in _NEEDED.split():
        importlib.import_module(name)
    del sys.modules["rfc3987_syntax"]
    import plotly.graph_objects as go

    go.Figure(go.Scatter(x=[0], y=[0])).to_json()  # imports what the first chart of every child would
    gc.collect()
    gc.freeze()  # children share these pages of memory as long as no collection touches them


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _start(job: dict[str, Any], work: Path, timeout: float) -> int:
    """Fork a runner, which the operating system ends when its time is up."""
    if pid := os.fork():
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        return pid
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, timeout)
        _die_with_parent()
        _run_job(job, work)
    except BaseException as fault:  # a child must never return into the parent's loop
        with contextlib.suppress(BaseException):
            _tell(job, _fault(fault))
    finally:
        os._exit(0)


def _kill(pid: int) -> None:
    """End a runner's whole group."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


_EVENTS = 1


def _tell(job: dict[str, Any], fault: dict[str, Any], executed: str = "") -> None:
    """Tell how a job ended: ``fault`` is ``ename evalue code_cell line`` as far as known, or empty."""
    signal.setitimer(signal.ITIMER_REAL, 0)  # nothing ends in the middle of a line
    view = memoryview((json.dumps({"job": job["job"], "executed": executed, "fault": fault}) + "\n").encode())
    while view:
        view = view[os.write(_EVENTS, view) :]


def _fault(fault: BaseException) -> dict[str, Any]:
    full = isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT)
    return {"ename": "DiskFull" if full else type(fault).__name__, "evalue": str(fault)}


def _run_job(job: dict[str, Any], work: Path) -> None:
    global _EVENTS
    # What C code and child processes print goes nowhere; events keep the pipe.
    _EVENTS, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    notebook, fault = _execute(job, work)
    notebook = stabilise(notebook, job["paths"])
    try:
        collect(notebook)
    except ValueError as twice:
        fault = fault or {"ename": "NotebookError", "evalue": str(twice)}
    executed = work / "executed.ipynb"
    executed.write_text(to_json(notebook), encoding="utf-8")
    _tell(job, fault, str(executed))


def _execute(job: dict[str, Any], work: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a notebook as far as it ran, and what went wrong, or nothing."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = load_notebook_node(job["path"])
    if job["parameters"]:
        notebook = parameterize_notebook(notebook, job["parameters"], kernel_name="python3")
    os.chdir(job["cwd"])
    shell, number = _shell(), 0
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        number += "injected-parameters" not in cell.metadata.get("tags", [])
        at = {"code_cell": number, "line": next(filter(str.strip, cell.source.splitlines()), "")[:80]}
        (work / "cell").write_text(json.dumps(at), encoding="utf-8")
        cell.outputs, fault = _run_cell(shell, cell.source)
        cell.execution_count = number
        if fault:
            cell.outputs.append({"output_type": "error", "traceback": [], **fault})
            return notebook, fault | at
    return notebook, {}


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

    return Shell.instance(config=Config(HistoryManager={"enabled": False}))


def _run_cell(shell: Any, source: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a cell's outputs, and what went wrong; what it wrote to stderr is a fault not yet read."""
    from IPython.utils.capture import capture_output

    with capture_output() as said:
        shell.fault = None
        result = shell.run_cell(source, store_history=True)  # explore reads the parameters there
    texts = (("stdout", said.stdout), ("stderr", said.stderr))
    outputs = [{"output_type": "stream", "name": name, "text": text} for name, text in texts if text]
    outputs += [{"output_type": "display_data", "data": out.data, "metadata": {}} for out in said.outputs]
    fault = result.error_before_exec or result.error_in_exec or shell.fault
    if fault is not None:
        return outputs, _fault(fault)
    noise = " ".join(said.stderr.split())
    return outputs, {"ename": "Warning on stderr", "evalue": noise[:300]} if noise else {}


def main(folder: str, most: str, timeout: str) -> None:
    """Run the jobs of each line of standard input, ``most`` at a time, until it ends."""
    running: dict[int, tuple[dict[str, Any], Path]] = {}  # process id -> job and its folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def stop(_signal: int, _frame: Any) -> None:
        for pid in running:
            _kill(pid)
        os._exit(143)

    signal.signal(signal.SIGTERM, stop)
    _die_with_parent()
    # From 3.12 on Python warns of every fork beside a thread; the one thread here is an allocator's.
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    _import_what_runners_need()
    for line in sys.stdin:
        waiting = json.loads(line)
        while waiting or running:
            while waiting and len(running) < int(most):
                job, work = waiting.pop(0), Path(tempfile.mkdtemp(dir=folder))
                running[_start(job, work, float(timeout))] = job, work
            pid, status = os.wait()
            job, work = running.pop(pid)
            _kill(pid)
            if code := os.waitstatus_to_exitcode(status):
                fault = {"ename": "RunnerDied", "evalue": f"ended with {code}"}
                if code == -signal.SIGALRM:
                    fault = {"ename": "TimeoutError", "evalue": f"not done after {float(timeout):g} s"}
                elif code == -signal.SIGKILL:
                    fault["evalue"] = "killed; was the memory used up?"
                with contextlib.suppress(OSError, ValueError):
                    fault |= json.loads((work / "cell").read_text(encoding="utf-8"))
                _tell(job, fault)


if __name__ == "__main__":
    main(*sys.argv[1:])
