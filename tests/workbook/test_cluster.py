"""Segments on a Dask cluster: the same bytes as without one, also when a worker dies on the way."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from .conftest import files_of
from .test_study import DATA, OWN, SPLIT, write_study

pytest.importorskip("distributed")
pytestmark = pytest.mark.notebook


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, shared_workbook):
    """A scheduler and two workers on this machine: its address and the workers' processes."""
    folder = tmp_path_factory.mktemp("dask")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": shared_workbook.env}
    python, alone = [sys.executable, "-m"], ["--nthreads", "1", "--no-dashboard", "--no-nanny"]
    scheduler = [*python, "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard"]
    worker = [*python, "distributed.cli.dask_worker", address, *alone]
    processes = [subprocess.Popen(scheduler, cwd=folder, **quiet)]
    time.sleep(2)
    for number in range(2):
        own = ["--local-directory", str(folder / str(number))]
        processes.append(subprocess.Popen([*worker, *own], cwd=folder, **quiet))
    yield address, processes
    for process in processes:
        process.kill()
        process.wait()


def test_the_same_bytes_also_when_a_worker_is_killed(cluster, shared_workbook):
    address, processes = cluster
    book = shared_workbook
    cells = [SPLIT, DATA, "import time; time.sleep(0.5)", 'split(survey).lead("people", limits="Why.")']
    book.notebook("02-split", *cells, **OWN)
    write_study(book.folder / "study", {name: 10 + i for i, name in enumerate("abcdefgh")})
    arguments = ["--params", "study/params.yaml", "--by", "region", "--fresh"]
    assert book.report(*arguments, "--out", "here").returncode == 0
    process = book.start(*arguments, "--out", "there", "--cluster", address)
    time.sleep(5)
    os.kill(processes[1].pid, signal.SIGKILL)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "9 pages" in out and "(9 of 9)" in out
    assert files_of(book.folder / "there") == files_of(book.folder / "here")


def test_nobody_at_the_address_is_exit_4(shared_workbook):
    write_study(shared_workbook.folder / "other", {"a": 20, "b": 20})
    arguments = ["--params", "other/params.yaml", "--by", "region", "--cluster", "tcp://127.0.0.1:9"]
    done = shared_workbook.report(*arguments)
    assert done.returncode == 4 and "no Dask scheduler answers" in done.stderr
