"""Where do customers fall out of the lifecycle, and how fast do the others get through?

ordered_funnel          customers per step for every window, in one scan; a Funnel
funnel_of_files         the same of files, held to a given memory
stage_map, to_stages    events as stages of the lifecycle, what is unmapped and which stages are empty
cumulative_incidence    competing risks (Aalen-Johansen)
stage_risks             at each step: gone on, left, still open
paths_after_drop        what people do after the step where they drop
first_and_repeat        who comes back, with windows that are still open
hurdle_effect           a hurdle by how good the product (or experience) is
breakdown_to_churn      leaving after a breakdown against before
"""

from __future__ import annotations

import importlib

_HOMES = {
    "Columns": "local",
    "Funnel": "result",
    "LIFECYCLE": "stages",
    "RateRatio": "after",
    "Rules": "semantics",
    "at_least": "small",
    "breakdown_to_churn": "after",
    "choose_steps": "stages",
    "cumulative_incidence": "risks",
    "customer_frame": "stages",
    "duration_text": "semantics",
    "event_counts": "stages",
    "first_and_repeat": "after",
    "funnel_in_engine": "engine",
    "funnel_of_files": "engine",
    "hurdle_effect": "after",
    "microseconds": "semantics",
    "ordered_funnel": "engine",
    "paths_after_drop": "after",
    "rules_of": "semantics",
    "stage_map": "stages",
    "stage_risks": "risks",
    "to_stages": "stages",
    "with_unit": "stages",
    "score_effects": "customers",
    "purchase_table": "customers",
    "journey_findings": "customers",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    # Lazy, so that the command line's funnel on a local file imports no pandas.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
