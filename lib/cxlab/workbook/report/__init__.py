"""From notebooks to a published report: plan -> run (papermill, warm kernels) -> stabilise -> pages -> publish.

plan        which notebooks, with which parameters; everything that can be wrong is said before a kernel starts
cache       what need not be run again: keys of notebook, package, parameters, data and lock
run         the parent's side of the forge: jobs out, events in, interrupts and failures in plain words
forge       the process that imports the heavy packages once and forks a runner and a kernel for each notebook
warm        the forked kernel behind papermill's engine
stabilise   the same notebook, byte for byte, on every run
pages       an executed notebook -> a page, by nbconvert and a template of ours
site        index.html, results.json, manifest.json
segments    one report per segment and an overview that compares them
own         a study's tables in place of ours
write       what goes into the staged folder
compare     what changed since an older report
publish     a staging folder, exchanged for the old report in one step
build       all of it in order
"""

from __future__ import annotations

__all__ = ["build_report"]


def __getattr__(name: str):
    if name == "build_report":
        from .build import build_report

        return build_report
    raise AttributeError(name)
