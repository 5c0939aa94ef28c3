"""The one door to controls: sliders in a live notebook, baked states in a report."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cxlab.evidence.errors import InputError

from .record import rounded

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["EXPLORE", "MOST_STATES", "bake", "explore", "is_live"]

EXPLORE = "application/vnd.cxlab.explore+json"
MOST_STATES = 200
AHEAD = 0.5  # seconds


def explore(draw: Callable[..., go.Figure], **controls: Sequence | Mapping[str, Any]) -> None:
    """Show a chart with controls: live sliders and menus in Jupyter, the same states baked into a report.

    Parameters
    ----------
    draw : callable
        ``draw(**values)`` returns a figure; it should answer within 100 ms, so compute before and draw aggregates.
    **controls
        For each argument of ``draw`` the values it may take. Numbers make a slider, anything else a menu; a mapping
        ``{label: value}`` gives the values readable labels. The first value is shown first; underscores in a name
        become spaces.

    Raises
    ------
    InputError
        For no control, a control without values, or more than 200 combinations (a report bakes every one).

    Notes
    -----
    In a kernel that can ask questions back (JupyterLab, VS Code) the controls are ipywidgets bound to a
    ``FigureWidget``. papermill, nbclient and nbval cannot, and get the baked states; ``CXLAB_EXPLORE=live`` or
    ``baked`` overrides the guess. Live, what can be drawn within half a second is drawn at once, the rest when a
    control first gets there; no state is drawn twice.
    """
    if not controls:
        raise InputError("explore: name at least one control, such as explore(draw, window=[1, 7, 30])")
    choices = {name: _choices(name, values) for name, values in controls.items()}
    states = 1
    for options in choices.values():
        states *= len(options)
    if states > MOST_STATES:
        raise InputError(
            f"explore: {states} combinations; at most {MOST_STATES} can be baked, so offer fewer values"
        )
    if is_live():
        _live(draw, choices)
        return
    from IPython.display import display

    content, first = bake(draw, choices)
    display({EXPLORE: content, "application/vnd.plotly.v1+json": first, "text/plain": "chart"}, raw=True)


def is_live() -> bool:
    """Tell whether a person is at the notebook, who can move a control."""
    forced = os.environ.get("CXLAB_EXPLORE")
    if forced in ("live", "baked"):
        return forced == "live"
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    # Front ends for people answer input(); headless executors say that they do not.
    return bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))


def bake(draw: Callable[..., go.Figure], choices: Mapping[str, Mapping[str, Any]]) -> tuple[dict, dict]:
    """Draw every combination once.

    Returns
    -------
    (dict, dict)
        The bundle for the page (``controls``, ``states``: an index into ``figures`` for each combination, the last
        control fastest; equal figures are kept once, what all layouts share is in ``layout``), and the first figure
        in plotly's own form.
    """
    figures: list[dict] = []
    index: dict[str, int] = {}
    states: list[int] = []
    for combination in itertools.product(*(options.values() for options in choices.values())):
        figure = json.loads(draw(**dict(zip(choices, combination, strict=True))).to_json())
        figure = rounded({"data": figure["data"], "layout": figure.get("layout", {})})
        key = json.dumps(figure, sort_keys=True)
        if key not in index:
            index[key] = len(figures)
            figures.append(figure)
        states.append(index[key])
    first = figures[states[0]]
    shared = {
        key: value
        for key, value in first["layout"].items()
        if all(figure["layout"].get(key) == value for figure in figures)
    }
    slim = [
        {"data": f["data"], "layout": {key: v for key, v in f["layout"].items() if key not in shared}}
        for f in figures
    ]
    controls = [
        {
            "name": name,
            "label": name.replace("_", " "),
            "kind": "slider" if _is_slider(options) else "select",
            "values": list(options),
        }
        for name, options in choices.items()
    ]
    content = {"controls": controls, "states": states, "figures": slim, "layout": shared}
    return content, {"data": first["data"], "layout": first["layout"], "config": {"responsive": True}}


def _choices(name: str, values: Sequence | Mapping[str, Any]) -> dict[str, Any]:
    options = dict(values) if isinstance(values, Mapping) else {_label(value): value for value in values}
    if not options:
        raise InputError(f"explore: the control {name!r} has no values")
    return options


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_slider(options: Mapping[str, Any]) -> bool:
    return len(options) > 1 and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in options.values()
    )


def _live(draw: Callable[..., go.Figure], choices: Mapping[str, Mapping[str, Any]]) -> None:
    import ipywidgets as widgets
    import plotly.graph_objects as go
    from IPython.display import display

    boxes = {}
    for name, options in choices.items():
        kind = widgets.SelectionSlider if _is_slider(options) else widgets.Dropdown
        extra = {"continuous_update": False} if _is_slider(options) else {}
        boxes[name] = kind(
            options=list(options.items()),
            value=next(iter(options.values())),
            description=name.replace("_", " "),
            style={"description_width": "initial"},
            layout=widgets.Layout(width="100%", max_width="560px"),
            **extra,
        )
    states: dict[tuple[int, ...], list[dict]] = {}

    def state(at: tuple[int, ...]) -> list[dict]:
        if at not in states:
            values = (list(options.values())[i] for options, i in zip(choices.values(), at, strict=True))
            states[at] = _parts(draw(**dict(zip(choices, values, strict=True))))
        return states[at]

    # Quick charts are drawn ahead, one control moved at first, so that no move waits for a drawing.
    end = time.perf_counter() + AHEAD
    every = itertools.product(*(range(len(options)) for options in choices.values()))
    for at in sorted(every, key=lambda at: (sum(map(bool, at)), at)):
        state(at)
        if time.perf_counter() > end:
            break
    layout, *traces = shown = state((0,) * len(boxes))
    figure = go.FigureWidget(traces, layout | {"autosize": True})

    def redraw(_change: Any) -> None:
        nonlocal shown
        new = state(tuple(box.index for box in boxes.values()))
        if [part.get("type") for part in new] != [part.get("type") for part in shown]:
            with figure.batch_update():
                figure.data = ()
            figure.add_traces(new[1:])
            shown = [shown[0], *new[1:]]
        with figure.batch_update():
            for target, old, wanted in zip([figure.layout, *figure.data], shown, new, strict=True):
                # Only what differs: checking and sending the rest costs most of a redraw.
                for key in [key for key in {**old, **wanted} if old.get(key) != wanted.get(key)]:
                    target[key] = wanted.get(key)
        shown = new

    for box in boxes.values():
        box.observe(redraw, names="value")
    display(widgets.VBox([*boxes.values(), figure]))


def _parts(figure: go.Figure) -> list[dict]:
    """Give the layout and each trace as plain lists and dicts, which compare by value."""
    from plotly.utils import PlotlyJSONEncoder

    parts = (figure.layout, *figure.data)
    return [json.loads(json.dumps(part.to_plotly_json(), cls=PlotlyJSONEncoder)) for part in parts]
