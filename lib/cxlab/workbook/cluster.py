"""Segments on a Dask cluster: each is made whole by one worker, the same bytes as here, and comes back as files.

Workers need the project (at the same version) and the study's files under the same paths, such as a shared disk.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, NotebookError, OutOfReach
from cxlab.workbook.parts import Build, Part
from cxlab.workbook.run import Kernels
from cxlab.workbook.site import write_part


def make_on_cluster(build: Build, parts: list[Part], folder: Path, progress: Any, run_parts: Any) -> None:
    """Make the segments' reports on a Dask scheduler's workers and write them into the staged folder.

    A worker that dies has its segment made again by another one, up to three times; a few segments a worker are under
    way at a time, so that memory stays bounded.

    Raises
    ------
    InputError
        Without Dask's ``distributed``.
    OutOfReach
        When nobody answers at the address.
    NotebookError
        When a segment's workers died three times.
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
        waiting = list(reversed(parts))
        send = {"retries": 3, "pure": False}
        most = max(4, 2 * sum(client.nthreads().values()))
        first = [client.submit(_made, build, waiting.pop(), run_parts, **send) for _ in range(min(most, len(parts)))]
        queue = as_completed(first)
        for done in queue:
            try:
                index, files, stated, failed = done.result()
            except KilledWorker as fault:
                raise NotebookError(f"--cluster: the workers of a segment died again and again ({fault})") from None
            part = next(part for part in parts if part.folder == index)
            part.stated, part.failed = stated, failed
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            done.release()
            for page in part.asked:
                progress.done(f"{part.folder}/{page.stem}", word="failed" if page.stem in failed else "made")
            if waiting:
                queue.add(client.submit(_made, build, waiting.pop(), run_parts, **send))


def _made(build: Build, part: Part, run_parts: Any) -> tuple[str, dict[str, bytes], dict, dict]:
    """Make one segment's report on a worker; return its folder, files, what it states, and what failed."""
    folder = Path(tempfile.mkdtemp(prefix="cxlab-part-"))
    try:
        with Kernels(1, min_cell=build.min_cell, timeout=build.options.timeout) as kernels:
            run_parts([part], kernels, build, None)
        write_part(part, folder, build)
        files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        return part.folder, files, part.stated, part.failed
    finally:
        shutil.rmtree(folder, ignore_errors=True)
