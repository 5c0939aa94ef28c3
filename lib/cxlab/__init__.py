"""CX Lab: the product-versus-experience debate and the customer lifecycle, put to the test on real data.

Data
    survey, events   any file, source or DataFrame of yours, validated
    open_source      a registered or simulated table, or your own by its mapping file
Verbs of the workbook
    explore          a chart with controls: live in Jupyter, baked into the report
    check, progress  try an answer to an exercise; what is done so far
    record           a number that no result carries
Questions, one module a topic; each function takes a table and returns a ``Result`` that shows and records
itself
    customers        how satisfied are they: NPS, top-2-box, by segment, over time
    drivers          product or experience: what explains the outcome?
    causes           how strong must a hidden cause be?
    expectations     gap, kinks, stock-out against courtesy
    contacts         what are contacts about?
    claims           who claims what, and which claims stand?
    agreement        do raters mean the same thing?
    funnel, yields   where do customers fall out, and does quality hold through all stages?
    initiatives      do we work where it hurts?
    outlets, roles, ecosystem   which outlets differ, how do roles change, who can act?
    horizons         is there an order of levels, and who is a hostage?
    verdict          claim by claim, what did we learn?
"""

import importlib

__version__ = "0.2.0"

_QUESTIONS = (
    "customers drivers causes expectations contacts claims initiatives outlets ecosystem horizons verdict"
)
_HOMES = {
    **{name: (f"cxlab.questions.{name}", None) for name in _QUESTIONS.split()},
    "funnel": ("cxlab.questions.lifecycle", None),
    "yields": ("cxlab.questions.metaquality", None),
    "roles": ("cxlab.questions.ecosystem", None),
    "agreement": ("cxlab.stats.agreement", None),
    "open_source": ("cxlab.data.sources", "open_source"),
    "survey": ("cxlab.data.sources", "survey"),
    "events": ("cxlab.data.sources", "events"),
    "InputError": ("cxlab.data.errors", "InputError"),
    "explore": ("cxlab.workbook.explore", "explore"),
    "record": ("cxlab.questions.result", "record"),
    "check": ("cxlab.workbook.exercises", "check"),
    "progress": ("cxlab.workbook.exercises", "progress"),
}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'cxlab' has no attribute {name!r}")
    module_name, attribute = _HOMES[name]
    module = importlib.import_module(module_name)
    if attribute is None:  # completion offers what the module makes, not what it imports
        made = [
            each for each, value in vars(module).items() if getattr(value, "__module__", "") == module_name
        ]
        module.__dir__ = lambda: [each for each in made if each[0] != "_"]
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(["__version__", *_HOMES])
