"""What a report costs outside its cells, against bare kernel starts measured in the same run; and kills.

Run ``.venv/bin/python tests/bench/bench_report.py [--quick]``. Read ratios, not seconds. The notebooks import
what real pages import and compute next to nothing, so that the whole time of the report is overhead. Then 50
builds on a reader's data are killed at random moments: the old or the new report stands whole, and the next
start leaves nothing of the killed one.
"""

import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nbformat

IMPORTS = (
    "import numpy\nimport pandas\nimport plotly.graph_objects as go\nimport cxlab as cx\n\n_ = cx.drivers"
)
WORK = (
    "from cxlab.questions.result import Number, Result\n"
    "Result('It is one.', {'a': Number(1.0, unit='points')})"
)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CHART = "go.Figure(go.Bar(x=[1, 2], y=[1, 2]))"


def make(home: Path, count: int) -> None:
    """Write ``count`` notebooks of a workbook."""
    (home / "data").mkdir(parents=True)
    (home / "data" / "sources.toml").write_text("")
    (home / "data" / "glossary.csv").write_text("term,meaning\n")
    (home / "notebooks").mkdir()
    for number in range(1, count + 1):
        cells = [nbformat.v4.new_markdown_cell(f"# Page {number}?", id="t")]
        cells += [
            nbformat.v4.new_code_cell(code, id=f"c{i}") for i, code in enumerate([IMPORTS, WORK, CHART])
        ]
        notebook = nbformat.v4.new_notebook(
            cells=cells, metadata={"kernelspec": KERNEL, "cxlab": {"order": number}}
        )
        nbformat.write(notebook, home / "notebooks" / f"{number:02d}-page.ipynb")


def measure(work: Callable[[], None]) -> tuple[float, float]:
    """Return wall and CPU seconds, children that have ended included."""

    def cpu() -> float:
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    wall, used = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall, cpu() - used


def bare_kernels(count: int) -> None:
    """Start a kernel, let it import, end it; one after the other."""
    from jupyter_client.manager import start_new_kernel

    for _ in range(count):
        manager, client = start_new_kernel(
            kernel_name="python3", extra_arguments=["--IPKernelApp.log_level=ERROR"]
        )
        client.execute_interactive(IMPORTS, timeout=120)
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.provisioner = None


def separate_tools(home: Path) -> None:
    """Run papermill and nbconvert as commands, a process each, one notebook after the other."""
    for path in sorted((home / "notebooks").glob("*.ipynb")):
        out = home / path.name
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
        subprocess.run([sys.executable, "-m", "papermill", str(path), str(out), "-k", "python3"], **quiet)
        subprocess.run([sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", str(out)], **quiet)


def report(home: Path, *arguments: str) -> None:
    """Build the report."""
    env = {**os.environ, "CXLAB_HOME": str(home), "CXLAB_CACHE": str(home / ".cache")}
    command = [sys.executable, "-m", "cxlab", "report", *arguments]
    subprocess.run(command, cwd=home, env=env, stdout=subprocess.DEVNULL, check=True)


def kills(home: Path, runs: int) -> None:
    """Kill builds at random moments; print how many left a whole report, and what the next start leaves."""
    env = {
        **os.environ,
        "CXLAB_HOME": str(home),
        "CXLAB_CACHE": str(home / ".cache"),
        "TMPDIR": str(home / "tmp"),
    }
    (home / "tmp").mkdir()
    made = home / "notebooks" / "01-page.ipynb"  # one page leaves a copy of a reader's rows, as DuckDB would
    page = nbformat.read(made, as_version=4)
    copy = "import pathlib, tempfile\npathlib.Path(tempfile.mkdtemp(), '0.csv').write_text('a reader');"
    page.cells.insert(1, nbformat.v4.new_code_cell(copy, id="copy"))
    nbformat.write(page, made)
    command = [sys.executable, "-m", "cxlab", "report", "--fresh", "--out", "killed"]
    quiet = {"cwd": home, "env": env, "stdout": subprocess.DEVNULL}
    subprocess.run(command, check=True, **quiet)
    moments, whole = random.Random(1), 0
    for _ in range(runs):
        process = subprocess.Popen(command, **quiet)
        time.sleep(moments.uniform(0.05, 4))
        process.kill()
        process.wait()
        files = json.loads((home / "killed" / "manifest.json").read_text())["files"]
        whole += all(
            hashlib.sha256((home / "killed" / n).read_bytes()).hexdigest() == d for n, d in files.items()
        )
    subprocess.run(command, check=True, **quiet)
    left = [*(home / "tmp").iterdir(), *(home / ".cache").glob("run-*"), *home.glob(".killed.next")]
    print(f"{runs} kills: {whole} left a whole report; {len(left)} folders left after the next start")


def cluster(home: Path, segments: int) -> None:
    """Print how long a report for each of many segments takes here, and with 1, 2 and 4 workers of Dask."""
    cells = ["import cxlab as cx", "cx.customers.in_numbers(cx.survey(source, bootstrap=20))"]
    page = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code, id=f"c{i}") for i, code in enumerate(cells)],
        metadata={"cxlab": {"tables": {"source": "survey"}}, "kernelspec": KERNEL},
    )
    page.cells.insert(0, nbformat.v4.new_code_cell('source: str = ""', metadata={"tags": ["parameters"]}))
    nbformat.write(page, home / "notebooks" / "02-page.ipynb")
    draw = random.Random(1)
    rows = [f"{draw.randint(0, 10)},{draw.randint(1, 5)},s{i}" for i in range(segments) for _ in range(20)]
    (home / "a.csv").write_text("\n".join(["nps,q,outlet", *rows]))
    mapping = "table: survey\nfile: a.csv\nblocks: {product: [q]}\noutcomes: {recommend: [nps]}\n"
    mapping += "segments: [outlet]\n"
    (home / "survey.yaml").write_text(mapping)
    (home / "params.yaml").write_text("study: T\ntables: {survey: survey.yaml}\n")
    ask = ["--params", "params.yaml", "--by", "outlet", "--only", "02", "--fresh", "--out"]
    alone = measure(lambda: report(home, *ask, "alone", "--jobs", "1"))
    print(f"{segments} segments, no cluster, one at a time {alone[0]:6.1f} s wall", flush=True)
    env = {**os.environ, "CXLAB_HOME": str(home), "CXLAB_CACHE": str(home / ".cache")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": home, "env": env}
    dask, address = [sys.executable, "-m", "distributed.cli.dask_"], "tcp://127.0.0.1:18786"
    for workers in (1, 2, 4):
        start = [*dask[:2], dask[2] + "scheduler", "--host", address, "--no-dashboard"]
        started = [subprocess.Popen(start, **quiet)]
        time.sleep(5)
        join = [*dask[:2], dask[2] + "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        started += [subprocess.Popen(join, **quiet) for _ in range(workers)]
        time.sleep(8)
        try:
            wall, _ = measure(lambda: report(home, *ask, "spread", "--cluster", address))
        finally:
            for process in started:
                process.kill()
                process.wait()
        same = (home / "spread" / "manifest.json").read_bytes() == (
            home / "alone" / "manifest.json"
        ).read_bytes()
        print(
            f"{workers} workers: {wall:6.1f} s wall, {'the same bytes' if same else 'OTHER BYTES'}",
            flush=True,
        )


def main() -> None:
    """Print one line a comparison."""
    count = 4 if "--quick" in sys.argv else 10
    names = ("papermill", "nbclient", "ipykernel", "pandas", "plotly")
    print(f"report of {count} notebooks;", ", ".join(f"{name} {version(name)}" for name in names))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "book"
        make(home, count)
        report(home, "--jobs", "1")  # warms the disk for all
        bare = measure(lambda: bare_kernels(count))
        one = measure(lambda: report(home, "--jobs", "1", "--fresh"))
        two = measure(lambda: report(home, "--fresh"))
        nothing = measure(lambda: report(home))
        print(f"bare kernel starts and imports   {bare[0]:6.2f} s wall {bare[1]:6.2f} s CPU   1.00")
        for name, found in (
            ("whole report, one at a time", one),
            ("whole report, default jobs", two),
            ("nothing changed", nothing),
        ):
            print(
                f"{name:32} {found[0]:6.2f} s wall {found[1]:6.2f} s CPU   "
                f"{found[0] / bare[0]:.2f} wall, {found[1] / bare[1]:.2f} CPU of bare"
            )
        cluster(home, 20 if "--quick" in sys.argv else 200)
        kills(home, 8 if "--quick" in sys.argv else 50)
        if "--quick" not in sys.argv:
            tools = measure(lambda: separate_tools(home))
            print(
                f"{'papermill and nbconvert apart':32} {tools[0]:6.2f} s wall {tools[1]:6.2f} s CPU   "
                f"{tools[0] / one[0]:.1f} times our wall"
            )


if __name__ == "__main__":
    main()
