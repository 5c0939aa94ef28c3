"""Segments on a Dask cluster: workers run the notebooks, the pages are made here, so the bytes are the same.

Workers need the project (at the same version) and the study's files under the same paths, such as a shared
disk.
"""

from __future__ import annotations

from typing import Any

from cxlab.data.errors import InputError, NotebookError, OutOfReach
from cxlab.workbook import keys
from cxlab.workbook.parts import Build, Part
from cxlab.workbook.run import Runners


def run_on_cluster(build: Build, parts: list[Part], progress: Any, run_parts: Any) -> None:
    """Run the segments' notebooks on a Dask scheduler's workers.

    A worker that dies has its segment run again by another one, up to three times; two segments a worker are
    under way at a time, so that memory stays bounded.

    Raises
    ------
    InputError
        Without Dask's ``distributed``.
    OutOfReach
        When nobody answers at the address.
    NotebookError
        When a segment's workers died again and again.
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
        waiting, sent = list(reversed(parts)), {}

        def send() -> Any:
            part = waiting.pop()
            future = client.submit(_run, build, part, run_parts, retries=3, pure=False)
            sent[future.key] = part
            return future

        most = min(len(parts), max(4, 2 * sum(client.nthreads().values())))
        queue = as_completed([send() for _ in range(most)])
        for done in queue:
            part = sent[done.key]
            try:
                found, part.failed = done.result()
            except KilledWorker as fault:
                raise NotebookError(
                    f"--cluster: the workers of {part.label} died again and again ({fault})"
                ) from None
            for stem, (name, executed) in found.items():
                keys.store(name, executed)
                part.keep(stem, name, executed)
            for page in part.asked:
                progress.done(
                    f"{part.folder}/{page.stem}", word="failed" if page.stem in part.failed else "made"
                )
            done.release()
            if waiting:
                queue.add(send())


def _run(build: Build, part: Part, run_parts: Any) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Run one segment's notebooks on a worker; return them with their names in the store, and what failed."""
    with Runners(1, min_cell=build.min_cell, timeout=build.options.timeout) as runners:
        run_parts([part], runners, build, None)
    return {stem: (name, keys.read(name)) for stem, name in part.executed.items()}, part.failed
