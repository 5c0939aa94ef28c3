"""Claim by claim, what did we learn? Rules as data and recorded numbers give an outcome; nothing is typed.

Read on in ``judging`` (one report -> one outcome a claim), ``dossier`` (everything that page 09 tells about a claim)
and ``cxlab.methods.multiverse`` (one survey under every admissible reading).

How often known worlds get the right verdict (rules version 4, 200 simulated surveys a world, n = 4,000, parity
n = 20,000; ``tests/bench/bench_verdict.py``):

=================  ==================  ===========================  ==================================
world              product alone (P3)  experience counts too (C4a)  equal slopes, unequal shares (C2c)
=================  ==================  ===========================  ==================================
product-led        supported 99.5 %    refuted 99.5 %              refuted 100 %
experience-led     refuted 100 %       supported 100 %             refuted 100 %
halo only          undecided 100 %     undecided 100 %             undecided 100 %
parity             refuted 100 %       supported 100 %             supported 97.5 %
half halo          undecided 0 %       undecided 0 %
=================  ==================  ===========================  ==================================

Half halo, a general liking that moves all ratings while the sides also differ by themselves, is the world that no rule
on one survey can see: both claims are then decided wrongly. The readings of ``multiverse`` take out a halo of up to 0.2, here it is 0.5: only
another design (page 03) settles it.
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
