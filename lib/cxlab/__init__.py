"""CX Lab: the product-versus-experience debate and the customer lifecycle, put to the test on real data.

Verbs of the workbook
    open_source     a registered, simulated or own table, validated
    open_table      any file or database as one of the declared tables
    explore         a chart with controls: live in Jupyter, baked into the report
    record          a number that the page states as a finding
    conclude        a sentence of 'What we found'
    exercise, answer   the check behind an exercise, and what a reader tries

Methods, one module a question
    drivers         how is explained loyalty split between blocks of items?
    causes          how strong must a hidden cause be?
    expectations    gap, kinks, stock-out against courtesy
    contacts        what are contacts about?
    agreement       do raters mean the same thing?
    claims          which claims stand unanswered?
    funnel, yields  where do customers fall out, and does quality hold through all stages?
    initiatives     do we work where it hurts?
    outlets, roles, ecosystem   which outlets differ, how do roles change, and who can act on what is heard?
    horizons        is there an order of levels, and who is a hostage?
    verdict         claim by claim, what did we learn?

Also: ``charts`` (a result -> a plotly figure), ``simulators`` (worlds whose arguments are the truth),
``InputError`` (what a wrong file or argument raises).
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_METHODS = (
    *("drivers", "causes", "expectations", "contacts", "agreement", "claims", "funnel", "yields"),
    *("initiatives", "outlets", "roles", "ecosystem", "horizons", "verdict"),
)
_HOMES = {
    **{name: (f"cxlab.methods.{name}", None) for name in _METHODS},
    "charts": ("cxlab.charts", None),
    "simulators": ("cxlab.evidence.simulators", None),
    "open_source": ("cxlab.evidence.sources", "open_source"),
    "open_table": ("cxlab.evidence.tables", "open_table"),
    "InputError": ("cxlab.evidence.errors", "InputError"),
    "explore": ("cxlab.workbook.explore", "explore"),
    "record": ("cxlab.workbook.record", "record"),
    "conclude": ("cxlab.workbook.record", "conclude"),
    "exercise": ("cxlab.workbook.exercises", "exercise"),
    "answer": ("cxlab.workbook.exercises", "answer"),
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'cxlab' has no attribute {name!r}")
    module_name, attribute = _HOMES[name]
    module = importlib.import_module(module_name)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
