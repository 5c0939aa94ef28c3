"""Worlds whose arguments are the truth, one module a table; every ``make_*`` is seeded and vectorised."""

from __future__ import annotations

import importlib

_HOMES = {
    "make_survey": "survey",
    "make_firms": "survey",
    "make_journeys": "journeys",
    "make_stage_quality": "journeys",
    "make_say_do": "journeys",
    "make_responsibility": "journeys",
    "make_plans": "journeys",
    "make_contacts": "contacts",
    "make_visits": "visits",
    "make_outlets": "visits",
    "write_visits": "visits",
    "make_roles": "roles",
    "make_paths": "roles",
    "make_kpis": "governance",
    "make_findings": "governance",
    "make_practices": "governance",
    "make_rights": "governance",
    "make_initiatives": "initiatives",
    "make_pain": "initiatives",
    "make_ladder": "ladder",
    "make_ratings": "ratings",
    "make_vignettes": "vignettes",
    "make_expectations": "vignettes",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'cxlab.evidence.simulators' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
