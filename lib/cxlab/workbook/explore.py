"""The one door to controls: sliders in a live notebook, baked states in a report."""

import ast
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from IPython import get_ipython
from IPython.display import display

from cxlab.data.errors import InputError
from cxlab.questions.result import PLOTLY, Result, plotly_json
from cxlab.workbook import executed, picture
from cxlab.workbook.executed import EXPLORE
from cxlab.workbook.plan import declared_parameters

MOST_STATES = 200
TEMPLATES = Path(__file__).parent / "templates"


def explore(
    draw: Callable[..., Any], first: Mapping[str, Any] | None = None, **controls: Sequence | Mapping[str, Any]
) -> None:
    """Show an answer with controls: live sliders and menus in Jupyter, the same states baked into a report.

    Parameters
    ----------
    draw : callable
        ``draw(**values)`` returns a ``Result`` or a figure; it should answer within 100 ms, so compute before
        and draw aggregates.
    first : mapping, optional
        The value of a control that is shown first, such as ``{"spread": spread}``; else the first one listed.
    **controls
        For each argument of ``draw`` the values it may take, at most 200 combinations. Numbers make a slider,
        in rising order, anything else a menu; a mapping ``{label: value}`` gives the values words and units.
        A control that is named like a parameter of the page has settings that can be copied into a study.
    """
    explorer = _Explorer(draw, first or {}, controls)
    start = explorer.answer(explorer.start)
    if isinstance(start, Result) and start.missing:
        display(start)
    elif is_live():
        display(_widget(explorer))
    else:
        display(explorer.baked(), raw=True)


def is_live() -> bool:
    """Tell whether a person is at the notebook, who can move a control."""
    forced = os.environ.get("CXLAB_EXPLORE")
    if forced in ("live", "baked"):
        return forced == "live"
    kernel = getattr(get_ipython(), "kernel", None)
    # Front ends for people (JupyterLab, VS Code) answer input(); papermill, nbclient and nbval do not.
    return bool(kernel and kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))


class _Explorer:
    """The answers at all positions of the controls, each asked and drawn once."""

    def __init__(self, draw: Callable[..., Any], first: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        made = [_control(name, values, first) for name, values in given.items()]
        count = math.prod(len(values) for _, values in made)
        if not made or count > MOST_STATES:
            raise InputError(f"explore: {count} combinations of {len(made)} controls; at most {MOST_STATES}")
        self.controls = [control for control, _ in made]
        self.start = tuple(control["start"] for control in self.controls)

        def answer(at: tuple[int, ...]) -> Any:
            return draw(**{control["name"]: values[i] for (control, values), i in zip(made, at, strict=True)})

        self.answer, self.figure = cache(answer), cache(self._figure)

    def _figure(self, at: tuple[int, ...]) -> dict[str, Any]:
        """Return ``data``, ``layout`` and ``finding`` of a position."""
        answer, finding = self.answer(at), ""
        if isinstance(answer, Result):
            answer, finding = answer.figure(), answer.finding
        content = plotly_json(answer) if answer is not None else {"data": [], "layout": {"height": 300}}
        return {"data": content["data"], "layout": content["layout"], "finding": finding}

    def shown(self, at: tuple[int, ...]) -> dict[str, Any]:
        """Return ``finding``, ``title`` and ``pictures`` (wide and narrow) of a position."""
        figure = executed.plain_arrays(self.figure(at))
        title = " ".join(picture.rows_of(figure["layout"].get("title")))
        label = figure["finding"] or title
        pictures = [picture.svg(figure, width=width, label=label) for width in (800, 360)]
        return {"finding": figure["finding"], "title": title, "pictures": pictures}

    def baked(self) -> dict[str, Any]:
        """Return the bundle for the page, and the figure shown first in plotly's own form, by mime type.

        The bundle has ``controls``, ``settings``, ``figures`` (one a combination, the last control fastest)
        and ``layout`` (what all layouts share).
        """
        every = itertools.product(*(range(len(control["values"])) for control in self.controls))
        figures, first = [self.figure(at) for at in every], self.figure(self.start)
        shared = {k: v for k, v in first["layout"].items() if all(f["layout"].get(k) == v for f in figures)}
        own = [{k: v for k, v in figure["layout"].items() if k not in shared} for figure in figures]
        content = {
            "controls": self.controls,
            "settings": self.settings(),
            "figures": [figure | {"layout": layout} for figure, layout in zip(figures, own, strict=True)],
            "layout": shared,
        }
        return {EXPLORE: content, PLOTLY: first | {"config": {"responsive": True}}, "text/plain": "chart"}

    def settings(self) -> str:
        """Return the page's other parameters as YAML, as they were last run: its own, then papermill's."""
        found: dict[str, Any] = {}
        for source in getattr(get_ipython(), "user_ns", {}).get("In", []):
            try:
                body = ast.parse(source).body
                if source.startswith("# Parameters") or all(isinstance(node, ast.AnnAssign) for node in body):
                    found |= {each.name: each.default for each in declared_parameters(source)}
            except (SyntaxError, ValueError):  # a magic, or more than plain values
                continue
        return _yaml({name: found[name] for name in found.keys() - {each["name"] for each in self.controls}})


def _control(
    name: str, values: Sequence | Mapping[str, Any], first: Mapping[str, Any]
) -> tuple[dict[str, Any], list]:
    """Return a control as the page's script reads it, and its values; numbers in rising order."""
    options = values if isinstance(values, Mapping) else {}
    if isinstance(values, Sequence) and not isinstance(values, str):
        options = {_word(value): value for value in values}
    if not options or len(options) < len(values):
        raise InputError(f"explore: give {name} a list of different values, or labels with their values")
    shown = next(iter(options.values())) if first.get(name, "") == "" else first[name]
    if shown not in options.values():
        raise InputError(f"explore: {name} is {shown!r}; it can be {', '.join(map(_word, options.values()))}")
    slider = all(type(value) in (int, float) for value in options.values())
    if slider:
        options = dict(sorted(options.items(), key=lambda item: item[1]))
    ordered = list(options.values())
    control = {
        "name": name,
        "label": name.replace("_", " "),
        "kind": "slider" if slider else "menu",
        "values": [str(label) for label in options],
        "start": ordered.index(shown),
        "settings": [_yaml({name: value}) for value in ordered],
    }
    return control, ordered


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), allow_unicode=True, width=10**6) if values else ""


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _widget(explorer: _Explorer) -> Any:
    """Return native controls and the picture that the kernel draws at each move: a few KB, no script."""
    import anywidget
    import traitlets

    class Explorer(anywidget.AnyWidget):
        _esm, _css = TEMPLATES / "explore.mjs", TEMPLATES / "explore.css"
        controls = traitlets.List(explorer.controls).tag(sync=True)
        settings = traitlets.Unicode(explorer.settings()).tag(sync=True)
        at = traitlets.List(list(explorer.start)).tag(sync=True)
        shown = traitlets.Dict(explorer.shown(explorer.start)).tag(sync=True)

        @traitlets.observe("at")
        def _move(self, change: Any) -> None:
            self.shown = explorer.shown(tuple(change.new))

    return Explorer()
