"""Claim by claim, what did we learn? Rules as data and recorded numbers give an outcome; nothing is typed.

Read on in ``judging`` (one report -> one outcome a claim), ``dossier`` (everything that page 09 tells about a claim)
and ``cxlab.methods.multiverse`` (one survey under every admissible reading).

How often four known worlds get the right verdict (200 simulated surveys each, n = 4,000; parity n = 20,000):
see ``tests/bench/bench_verdict.py``, which prints the table.
"""

from cxlab.evidence.rules import LEVELS, load_rules, mirror_results, mirror_rules
from cxlab.methods.multiverse import core_numbers, corrected_slopes, multiverse
from cxlab.methods.verdict.dossier import (
    answer,
    by_group,
    dossier,
    grid,
    read_survey,
    reading_shares,
    survey_behind,
    unlocks,
    voices,
)
from cxlab.methods.verdict.judging import OUTCOMES, flips, judge, load_results, sentences, sweep

__all__ = [
    "LEVELS",
    "OUTCOMES",
    "answer",
    "by_group",
    "core_numbers",
    "corrected_slopes",
    "dossier",
    "flips",
    "grid",
    "judge",
    "load_results",
    "load_rules",
    "mirror_results",
    "mirror_rules",
    "multiverse",
    "read_survey",
    "reading_shares",
    "sentences",
    "survey_behind",
    "sweep",
    "unlocks",
    "voices",
]
