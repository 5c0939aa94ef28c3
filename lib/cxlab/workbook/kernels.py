"""The process that imports the heavy packages once and forks a runner and a kernel for each notebook.

Started as ``python -m cxlab.workbook.kernels FOLDER JOBS``. Jobs come in as JSON lines on standard input, events go out
as JSON lines on standard output. A runner is a child of this process, the kernel a child of its runner, forked before
the runner has any thread or socket; papermill runs the notebook on it. Talking over IPC sockets avoids races for
ports; killing the kernel at the end avoids the stalls of a polite shutdown. Each runner leads a process group of its
own, so ending it ends its kernel; where a parent dies, the operating system ends the children.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
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

from cxlab.workbook.executed import collect, stabilise, to_text

_GRACE = 15.0
_NEEDED = (
    *(
        "ipykernel.ipkernel",
        "ipykernel.kernelapp",
        "IPython.core.interactiveshell",
        "numpy",
        "pandas",
        "papermill",
    ),
    *(
        "plotly.graph_objects",
        "scipy.stats",
        "cxlab.figures.general",
        "cxlab.questions.result",
        "cxlab.data.survey",
    ),
    *("cxlab.workbook.explore", "papermill.clientwrap", "papermill.engines", "jupyter_client.manager"),
)


def _import_what_kernels_need() -> None:
    """Import what nearly every notebook needs; nothing here may start a thread, since the process will fork."""
    # An optional checker of addresses compiles a grammar for 1.5 s; a debugger is a third of a kernel's start.
    for spared, user in (("rfc3987_syntax", "nbformat"), ("debugpy", "ipykernel.debugger")):
        sys.modules[spared] = None  # type: ignore[assignment]
        importlib.import_module(user)
        del sys.modules[spared]
    for name in _NEEDED:
        importlib.import_module(name)
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
        self.running[pid] = {"job": job, "end": time.monotonic() + job["timeout"] + _GRACE}

    def _reap(self) -> None:
        for pid, entry in list(self.running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and time.monotonic() > entry["end"]:
                self.kill(pid)
                done, status = os.waitpid(pid, 0)
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
    view = memoryview((json.dumps({"job": job["job"], "event": event, **facts}) + "\n").encode())
    while view:
        view = view[os.write(1, view) :]


def _describe(fault: BaseException) -> dict[str, Any]:
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"ename": "DiskFull", "evalue": str(fault)}
    trace = "".join(traceback.format_exception(fault)) if os.environ.get("CXLAB_DEBUG") else ""
    return {"ename": type(fault).__name__, "evalue": str(fault), "trace": trace}


def _run_job(job: dict[str, Any], work: Path) -> None:
    _die_with_parent()
    work.mkdir()
    kernel = _Kernel(work / "kernel.log")
    fault, notebook = _execute(job, work, kernel)
    kernel.kill()
    if notebook is not None:
        if fault is None:
            fault = _noise(notebook)
        if fault is not None and fault.get("cell") is not None:
            source = "".join(notebook["cells"][fault["cell"]]["source"])
            fault["code_cell"] = _code_number(notebook, fault["cell"])
            fault["line"] = next((line for line in source.splitlines() if line.strip()), "")[:80]
        stabilise(notebook, job["paths"])
        try:
            collect(notebook)
        except ValueError as twice:
            fault = fault or {"ename": "NotebookError", "evalue": str(twice)}
        (work / "executed.ipynb").write_text(to_text(notebook), encoding="utf-8")
    _tell(
        job,
        "failed" if fault else "done",
        executed=str(work / "executed.ipynb") if notebook else "",
        **(fault or {}),
    )


def _execute(
    job: dict[str, Any], work: Path, kernel: _Kernel
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Run one notebook by papermill; return what went wrong, or None, and the notebook as far as it ran."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    sockets = Path(job["sockets"])
    sockets.mkdir(mode=0o700)
    at = {"cell": 0}
    engine = _engine(kernel, sockets, time.monotonic() + job["timeout"], at, job)
    fault: dict[str, Any] | None = None
    try:
        papermill.execute_notebook(
            job["path"], str(work / "raw.ipynb"), parameters=job["parameters"], engine_name="cxlab-warm",
            kernel_name="python3", progress_bar=False, request_save_on_cell_execute=False, cwd=job["cwd"],
        )  # fmt: skip
    except PapermillExecutionError as failed:
        fault = {"ename": failed.ename, "evalue": failed.evalue, "cell": failed.cell_index}
    except CellTimeoutError:
        fault = {
            "ename": "TimeoutError",
            "evalue": f"not done after {job['timeout']:g} s",
            "cell": at["cell"],
        }
    except DeadKernelError:
        log = work / "kernel.log"
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
        words = f"the kernel died: {last[-1][:200]}" if last else "the kernel died; was the memory used up?"
        fault = {"ename": "DeadKernelError", "evalue": words, "cell": at["cell"]}
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    if engine.notebook is None:
        return fault, None
    notebook = json.loads(json.dumps(engine.notebook))
    # What papermill puts in front of a failed cell would shift the count.
    mark = "papermill-error-cell-tag"
    notebook["cells"] = [cell for cell in notebook["cells"] if mark not in cell["metadata"].get("tags", [])]
    return fault, notebook


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


class _Kernel:
    """A forked child that waits for its connection file and then becomes an ipykernel; looks like a process."""

    stdin = stdout = stderr = None

    def __init__(self, log: Path) -> None:
        reading, self._writing = os.pipe()
        self.returncode: int | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writing)
            try:
                _die_with_parent()
                if os.getppid() == parent:
                    _become_kernel(reading, log)
            finally:
                os._exit(1)
        os.close(reading)

    def launch(self, connection_file: str, env: dict[str, str]) -> None:
        """Tell the child where to listen."""
        with os.fdopen(self._writing, "w") as pipe:
            pipe.write(json.dumps({"connection_file": connection_file, "env": env}) + "\n")

    # What jupyter_client expects of a process.
    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, signum: int) -> None:
        with contextlib.suppress(OSError):
            if self.poll() is None:
                os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _become_kernel(reading: int, log: Path) -> None:
    with os.fdopen(reading) as pipe:
        line = pipe.readline()
    if not line:
        return  # the runner went away before it needed a kernel
    message = json.loads(line)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    noise = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(noise, 1)
    os.dup2(noise, 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(message["env"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    from ipykernel.kernelapp import IPKernelApp

    quiet = ["--IPKernelApp.log_level=ERROR", "--HistoryManager.enabled=False"]
    IPKernelApp.launch_instance(argv=["-f", message["connection_file"], *quiet])


def _engine(kernel: _Kernel, folder: Path, deadline: float, at: dict[str, int], job: dict[str, Any]) -> Any:
    """Register and return papermill's own engine with a kernel manager whose process is the forked child."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines
    from traitlets import Unicode

    class Provisioner(LocalProvisioner):
        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
            env = {
                key: value for key, value in (kwargs.get("env") or {}).items() if os.environ.get(key) != value
            }
            kernel.launch(cmd[cmd.index("-f") + 1], env)
            self.process = kernel
            self.pid, self.pgid, self.cwd = kernel.pid, None, kwargs.get("cwd", Path.cwd())
            return self.connection_info

        async def wait(self) -> int | None:
            # A killed child is gone in a millisecond; the base class would look every 100 ms.
            code = self.process.wait() if self.process else 0
            self.process = None
            return code

    class Manager(AsyncKernelManager):
        client_class = Unicode("jupyter_client.asynchronous.AsyncKernelClient")

        async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
            if self.provisioner is None:
                self.provisioner = Provisioner(kernel_id="cxlab", kernel_spec=self.kernel_spec, parent=self)
            return await super()._async_pre_start_kernel(**kwargs)

    class Client(PapermillNotebookClient):
        def set_widgets_metadata(self) -> None:
            """Leave widget state out: a page cannot show it, and its ids differ from run to run."""

    class Engine(NBClientEngine):
        notebook: Any = None

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
            cls.notebook = nb_man.nb
            start = nb_man.cell_start

            def cell_start(cell: Any, cell_index: int | None = None, **extra: Any) -> Any:
                at["cell"] = cell_index or 0
                _tell(job, "cell", index=at["cell"])
                return start(cell, cell_index, **extra)

            nb_man.cell_start = cell_start
            manager = Manager(
                kernel_name=kernel_name, transport="ipc", ip=str(folder / "k"),
                connection_file=str(folder / "connection.json"),
            )  # fmt: skip
            client = Client(
                nb_man, km=manager, kernel_name=kernel_name, startup_timeout=60, shutdown_kernel="immediate",
                timeout_func=lambda _cell: max(0.05, deadline - time.monotonic()), coalesce_streams=True,
                allow_errors=False,
            )  # fmt: skip
            client.owns_km = True  # nbclient only cleans up a manager that it made itself
            return client.execute(cleanup_kc=True)

    papermill_engines.register("cxlab-warm", Engine)
    return Engine


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
    # From 3.12 on Python warns of every fork beside a thread; the one thread here is an allocator's, made for forks.
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    _import_what_kernels_need()
    server.loop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
