"""How far a build is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
from typing import Any

__all__ = ["Progress"]


class Progress:
    """Counts pages; used as a context manager."""

    def __init__(self, pages: int) -> None:
        self._pages, self._done, self._bar = pages, 0, None
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        if self._terminal:
            from tqdm import tqdm

            form = "{desc:<42.42}{bar} {n_fmt}/{total_fmt} {elapsed}"
            width = max(60, min(100, shutil.get_terminal_size().columns - 1))
            self._bar = tqdm(total=self._pages, bar_format=form, ncols=width, leave=False, desc="starting")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def watch(self, job: str, event: str, facts: dict[str, Any]) -> None:
        """Take an event of the forge."""
        if event == "cell" and self._bar is not None:
            self._bar.set_description_str(f"{job}, cell {facts['index'] + 1}")
        elif event == "done":
            self.done(job)
        elif event == "failed" and self._bar is None:
            print(f"failed   {job}", flush=True)

    def done(self, job: str, *, kept: bool = False) -> None:
        """Count a page that is ready."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(1)
        else:
            print(f"{'kept' if kept else 'made':8} {job} ({self._done} of {self._pages})", flush=True)
