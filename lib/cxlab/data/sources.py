"""TEMPORARY bridge to the old loader."""

from __future__ import annotations

from typing import Any

from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.evidence.places import cache_folder, data_folder, project_folder  # noqa: F401

FACTS = ("name", "title", "licence", "citation", "sha256", "simulated", "notes")


def open_source(source: str, *, table: str = "", **settings: Any) -> Table:
    """Return a source as a ``Survey`` or ``Table``; an empty name gives an empty table of that kind."""
    if not source:
        return (Survey if table == "survey" else Table)(frame=None, kind=table, **settings)
    if source.startswith("simulated-"):
        import importlib

        kind = source.removeprefix("simulated-")
        homes = {"survey": "survey", "events": "journeys", "stages": "journeys", "visits": "visits", "initiatives": "initiatives"}
        module = importlib.import_module(f"cxlab.worlds.{homes.get(kind, 'small')}")
        settings.pop("outcome", None)
        return getattr(module, f"sample_{kind}")().with_(**settings)
    from cxlab.evidence.sources import open_source as old

    frame = old(source)
    attrs = dict(frame.attrs) if hasattr(frame, "attrs") else {}
    facts = {key: attrs.get(key) or "" for key in FACTS} | {"simulated": bool(attrs.get("simulated"))}
    if attrs.get("table") != "survey":
        return Table(frame=frame, kind=attrs.get("table") or table, **facts, **settings)
    frame.attrs = {}
    extra = {"blocks": attrs["blocks"], "outcomes": attrs["outcomes"], "roles": attrs.get("roles"),
             "labels": attrs.get("labels"), "weights": attrs.get("weights"), "segments": attrs.get("segments")}
    outcome = settings.pop("outcome", "") or attrs["default_outcome"]
    return Survey(frame=frame, outcome=outcome, categorical=bool(attrs.get("levels")) or source == "housing",
                  scale=tuple(attrs["range"]) if attrs.get("range") else None, **facts, **extra, **settings)


def survey(source, **settings):
    """Return a survey."""
    return open_source(source, table="survey", **settings)


def events(source, **settings):
    """Return events."""
    return open_source(source, table="events", **settings)
