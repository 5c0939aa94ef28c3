"""The one door to controls: sliders in a live notebook, baked states in a report."""

import ast
import itertools
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cxlab.data.errors import InputError
from cxlab.questions.result import PLOTLY, Result, plotly_json, rounded
from cxlab.workbook import executed, picture
from cxlab.workbook.plan import declared_parameters

EXPLORE = "application/vnd.cxlab.explore+json"
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
        For each argument of ``draw`` the values it may take. Numbers make a slider, in rising order, anything
        else a menu; a mapping ``{label: value}`` gives the values words and units. A control that is named
        like a parameter of the page can be set by it: its settings can be copied into a file of parameters.

    Raises
    ------
    InputError
        For no control, a control without values, a first value that is none of them, or more than 200
        combinations (a report bakes every one).

    Notes
    -----
    In a kernel that can ask questions back (JupyterLab, VS Code) the controls are live. papermill, nbclient
    and nbval cannot, and get the baked states; ``CXLAB_EXPLORE=live`` or ``baked`` overrides the guess.
    """
    from IPython.display import display

    if not controls:
        raise InputError("explore: name at least one control, such as explore(draw, window=[1, 7, 30])")
    made = [_Control(name, values, (first or {}).get(name, "")) for name, values in controls.items()]
    count = math.prod(len(control.labels) for control in made)
    if count > MOST_STATES:
        raise InputError(
            f"explore: {count} combinations; at most {MOST_STATES} can be baked, so offer fewer values"
        )
    states = _States(draw, made)
    start = states.answer(tuple(control.start for control in made))
    if isinstance(start, Result) and start.missing:
        display(start)
    elif is_live():
        _live(states, made)
    else:
        content, shown = states.baked()
        display({EXPLORE: content, PLOTLY: shown, "text/plain": "chart"}, raw=True)


def is_live() -> bool:
    """Tell whether a person is at the notebook, who can move a control."""
    forced = os.environ.get("CXLAB_EXPLORE")
    if forced in ("live", "baked"):
        return forced == "live"
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    # Front ends for people answer input(); headless executors say that they do not.
    return bool(kernel and kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))


class _Control:
    """One argument of the drawing: its name in words, its values in order, and which is shown first."""

    def __init__(self, name: str, values: Sequence | Mapping[str, Any], first: Any) -> None:
        if isinstance(values, str) or not isinstance(values, Sequence | Mapping):
            raise InputError(
                f"explore: give {name} a list of values or a mapping of labels to values, not {values!r}"
            )
        options = dict(values) if isinstance(values, Mapping) else {_word(value): value for value in values}
        if not options or len(options) < len(values):
            raise InputError(f"explore: {name} needs values, each with a label of its own")
        shown = list(options.values())
        if first not in ("", *shown):
            raise InputError(f"explore: {name} is {first!r}; it can be {', '.join(map(_word, shown))}")
        shown = next(label for label, value in options.items() if first in ("", value))
        self.slider = all(isinstance(v, int | float) and not isinstance(v, bool) for v in options.values())
        if self.slider:
            options = dict(sorted(options.items(), key=lambda item: item[1]))
        self.name, self.start = name, list(options).index(shown)
        self.labels, self.values = [str(label) for label in options], list(options.values())

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.name.replace("_", " "),
            "kind": "slider" if self.slider else "menu",
            "values": self.labels,
            "start": self.start,
            "settings": [_yaml({self.name: value}) for value in self.values],
        }


def _settings(controls: Sequence[_Control]) -> str:
    """Return the page's other parameters as YAML, as they were last run: its own cell, then papermill's."""
    from IPython import get_ipython

    found: dict[str, Any] = {}
    for source in getattr(get_ipython(), "user_ns", {}).get("In", []):
        try:
            body = ast.parse(source).body
            if source.startswith("# Parameters") or all(isinstance(node, ast.AnnAssign) for node in body):
                found |= {each.name: each.default for each in declared_parameters(source)}
        except (SyntaxError, ValueError):  # a magic, or more than plain values
            continue
    return _yaml({name: found[name] for name in found.keys() - {control.name for control in controls}})


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), allow_unicode=True, width=10**6) if values else ""


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class _States:
    """The drawings of all positions, each made once."""

    def __init__(self, draw: Callable[..., Any], controls: Sequence[_Control]) -> None:
        self.draw, self.controls = draw, controls
        self._answers: dict[tuple[int, ...], Any] = {}
        self._figures: dict[tuple[int, ...], dict] = {}
        self.every = list(itertools.product(*(range(len(control.values)) for control in controls)))

    def answer(self, at: tuple[int, ...]) -> Any:
        if at not in self._answers:
            values = {control.name: control.values[i] for control, i in zip(self.controls, at, strict=True)}
            self._answers[at] = self.draw(**values)
        return self._answers[at]

    def figure(self, at: tuple[int, ...]) -> dict[str, Any]:
        """Return ``data``, ``layout`` and ``finding`` of a position."""
        if at not in self._figures:
            answer = self.answer(at)
            figure = answer.figure() if isinstance(answer, Result) else answer
            finding = answer.finding if isinstance(answer, Result) else ""
            content = plotly_json(figure) if figure is not None else {"data": [], "layout": {"height": 300}}
            self._figures[at] = {"data": content["data"], "layout": content["layout"], "finding": finding}
        return self._figures[at]

    def shown(self, at: tuple[int, ...]) -> dict[str, Any]:
        """Return ``finding``, ``title`` and ``pictures`` (wide and narrow) of a position."""
        figure = self.figure(at)
        title = " ".join(picture.rows_of(figure["layout"].get("title")))
        label = figure["finding"] or title
        pictures = [
            picture.svg(executed.plain_arrays(figure), width=width, label=label) for width in (800, 360)
        ]
        return {"finding": figure["finding"], "title": title, "pictures": pictures}

    def baked(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the bundle for the page, and the first figure in plotly's own form.

        The bundle has ``controls``, ``states`` (an index into ``figures`` for each combination, the last
        control fastest; equal figures are kept once) and ``layout`` (what all layouts share).
        """
        figures: list[dict] = []
        index: dict[str, int] = {}
        states: list[int] = []
        for at in self.every:
            figure = rounded(self.figure(at))
            key = json.dumps(figure, sort_keys=True)
            if key not in index:
                index[key] = len(figures)
                figures.append(figure)
            states.append(index[key])
        first = figures[states[self.every.index(tuple(control.start for control in self.controls))]]
        layouts = [figure["layout"] for figure in figures]
        shared = {k: v for k, v in first["layout"].items() if all(layout.get(k) == v for layout in layouts)}
        slim = [{**f, "layout": {k: v for k, v in f["layout"].items() if k not in shared}} for f in figures]
        content = {
            "controls": [control.plain() for control in self.controls],
            "settings": _settings(self.controls),
            "states": states,
            "figures": slim,
            "layout": shared,
        }
        return content, {"data": first["data"], "layout": first["layout"], "config": {"responsive": True}}


def _live(states: _States, controls: Sequence[_Control]) -> None:
    """Show native controls and, at each move, the picture that the kernel draws: a few KB, no script."""
    import anywidget
    import traitlets
    from IPython.display import display

    named, first = [control.plain() for control in controls], [control.start for control in controls]
    others = _settings(controls)

    class Explorer(anywidget.AnyWidget):
        _esm, _css = TEMPLATES / "explore.mjs", TEMPLATES / "explore.css"
        controls = traitlets.List(named).tag(sync=True)
        settings = traitlets.Unicode(others).tag(sync=True)
        at = traitlets.List(first).tag(sync=True)
        shown = traitlets.Dict(states.shown(tuple(first))).tag(sync=True)

        @traitlets.observe("at")
        def _move(self, change: Any) -> None:
            self.shown = states.shown(tuple(change.new))

    display(Explorer())
