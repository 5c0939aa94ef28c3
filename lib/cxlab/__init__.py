"""CX Lab: the product-versus-experience debate and the customer lifecycle, put to the test on real data.

Data
    survey, events   any file, source or DataFrame of yours, validated
    open_source      a registered or simulated table, or your own by its mapping file
Verbs of the workbook
    explore          a chart with controls: live in Jupyter, baked into the report
    check, progress  try an answer to an exercise; what is done so far
    record           a number that no result carries
Questions, a module a topic; a function takes a table and returns a ``Result``, which shows and records itself
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

import types
from pkgutil import resolve_name

__version__ = "0.2.0"

_QUESTIONS = (
    "customers drivers causes expectations contacts claims initiatives outlets ecosystem horizons verdict"
)
_HOMES = {
    **{name: f"cxlab.questions.{name}" for name in _QUESTIONS.split()},
    "funnel": "cxlab.questions.lifecycle",
    "yields": "cxlab.questions.metaquality",
    "roles": "cxlab.questions.ecosystem",
    "agreement": "cxlab.stats.agreement",
    **{name: f"cxlab.data.sources:{name}" for name in ("open_source", "survey", "events")},
    "InputError": "cxlab.data.errors:InputError",
    "explore": "cxlab.workbook.explore:explore",
    "record": "cxlab.questions.result:record",
    "check": "cxlab.workbook.exercises:check",
    "progress": "cxlab.workbook.exercises:progress",
}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'cxlab' has no attribute {name!r}")
    value = globals()[name] = resolve_name(_HOMES[name])
    if isinstance(value, types.ModuleType):  # completion offers what the module makes, not what it imports
        public = [each for each in vars(value).items() if each[0][0] != "_"]
        made = [name for name, each in public if getattr(each, "__module__", "") == value.__name__]
        value.__dir__ = lambda: made
    return value


def __dir__() -> list[str]:
    return sorted(["__version__", *_HOMES])
