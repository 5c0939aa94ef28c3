"""A kernel that is forked, not started: papermill's own engine, with the kernel's imports already done.

papermill's engines are pluggable and so are Jupyter's kernel provisioners. The engine here is papermill's, with a
kernel manager whose provisioner hands the connection file to a child that was forked before any thread or socket
existed. Talking over IPC sockets avoids races for ports; killing the kernel at the end avoids the stalls of a
polite shutdown.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets import Unicode

__all__ = ["ENGINE", "Prefork", "die_with_parent", "engine_for"]

ENGINE = "cxlab-warm"


def die_with_parent() -> None:
    """Ask the kernel of the operating system to end this process when its parent ends (Linux only)."""
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


class Prefork:
    """A child that waits for its connection file and then becomes an ipykernel."""

    stdin = stdout = stderr = None

    def __init__(self, log: Path) -> None:
        reading, self._writing = os.pipe()
        self.returncode: int | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writing)
            code = 1
            try:
                die_with_parent()
                if os.getppid() == parent:
                    code = _become_kernel(reading, log)
            finally:
                os._exit(code)
        os.close(reading)

    def launch(self, connection_file: str, env: dict[str, str]) -> None:
        """Tell the child where to listen."""
        message = json.dumps({"connection_file": connection_file, "env": env}) + "\n"
        with os.fdopen(self._writing, "w") as pipe:
            pipe.write(message)

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
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _become_kernel(reading: int, log: Path) -> int:
    with os.fdopen(reading) as pipe:
        line = pipe.readline()
    if not line:
        return 0  # the runner went away before it needed a kernel
    message = json.loads(line)
    quiet, noise = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
    )
    os.dup2(quiet, 0)
    os.dup2(noise, 1)
    os.dup2(noise, 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(message["env"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    from ipykernel.kernelapp import IPKernelApp

    arguments = [
        "-f",
        message["connection_file"],
        "--IPKernelApp.log_level=ERROR",
        "--HistoryManager.enabled=False",
    ]
    IPKernelApp.launch_instance(argv=arguments)
    return 0


class _Provisioner(LocalProvisioner):
    prefork: Prefork

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        env = {key: value for key, value in (kwargs.get("env") or {}).items() if os.environ.get(key) != value}
        self.prefork.launch(cmd[cmd.index("-f") + 1], env)
        self.process = self.prefork
        self.pid, self.pgid = self.prefork.pid, None
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def wait(self) -> int | None:
        # A killed child is gone in a millisecond; the base class would look every 100 ms.
        code = self.process.wait() if self.process else 0
        self.process = None
        return code


class _Manager(AsyncKernelManager):
    client_class = Unicode("jupyter_client.asynchronous.AsyncKernelClient")
    prefork: Prefork

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        if self.provisioner is None:
            self.provisioner = _Provisioner(kernel_id="cxlab", kernel_spec=self.kernel_spec, parent=self)
            self.provisioner.prefork = self.prefork
        return await super()._async_pre_start_kernel(**kwargs)


class _Client(PapermillNotebookClient):
    def set_widgets_metadata(self) -> None:
        """Leave widget state out: a page cannot show it, and its ids differ from run to run."""


def engine_for(
    prefork: Prefork, folder: Path, *, deadline: float, progress: Callable[[int], None]
) -> type[NBClientEngine]:
    """Register and return the papermill engine that runs one notebook on a forked kernel.

    Parameters
    ----------
    prefork : Prefork
        The child that becomes the kernel.
    folder : pathlib.Path
        A short path for the sockets.
    deadline : float
        On ``time.monotonic()``'s clock; a cell that is running then raises a time-out.
    progress : callable
        Told the index of each cell that starts.
    """

    class Engine(NBClientEngine):
        notebook: Any = None

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
            cls.notebook = nb_man.nb
            start = nb_man.cell_start

            def cell_start(cell: Any, cell_index: int | None = None, **extra: Any) -> Any:
                progress(cell_index or 0)
                return start(cell, cell_index, **extra)

            nb_man.cell_start = cell_start
            manager = _Manager(
                kernel_name=kernel_name,
                transport="ipc",
                ip=str(folder / "k"),
                connection_file=str(folder / "connection.json"),
            )
            manager.prefork = prefork
            client = _Client(
                nb_man,
                km=manager,
                kernel_name=kernel_name,
                startup_timeout=60,
                timeout_func=lambda _cell: max(0.05, deadline - time.monotonic()),
                shutdown_kernel="immediate",
                coalesce_streams=True,
                allow_errors=False,
            )
            # nbclient only cleans up a manager that it made itself.
            client.owns_km = True
            return client.execute(cleanup_kc=True)

    papermill_engines.register(ENGINE, Engine)
    return Engine
