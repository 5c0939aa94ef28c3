"""Is there an order of levels, must all five hold, and who is a hostage? The five horizons of an account.

Contents
    scaling     scalability, order_claim, transposed, independence: Mokken's scale analysis
    patterns    guttman_errors, reproducibility, monotonicity
    sequence    first_attainment, attainment_pairs: which level is reached first
    rules       scoring_rules, score_rules, averaging_hides: the lowest level or the average
    hostages    hostage_cells, hostage_interaction, dependence_drop, release
    hidden      hidden_bounds, hidden_curve: what an unseen level can hide
    survey      from_survey, recommend_gap, slope_beside: what a survey of customers adds
    accounts    complete, health_card, pass_rates, level_checks, advocacy, METRICS
"""

from __future__ import annotations

from .accounts import METRICS, advocacy, complete, health_card, level_checks, pass_rates
from .hidden import HiddenBounds, hidden_bounds, hidden_curve
from .hostages import Difference, Interaction, dependence_drop, hostage_cells, hostage_interaction, release
from .patterns import Reproducibility, guttman_errors, monotonicity, reproducibility
from .rules import averaging_hides, score_rules, scoring_rules
from .scaling import Scalability, independence, order_claim, scalability, transposed
from .sequence import attainment_pairs, first_attainment
from .survey import Slope, from_survey, recommend_gap, slope_beside

__all__ = [
    "METRICS",
    "Difference",
    "HiddenBounds",
    "Interaction",
    "Reproducibility",
    "Scalability",
    "Slope",
    "advocacy",
    "attainment_pairs",
    "averaging_hides",
    "complete",
    "dependence_drop",
    "first_attainment",
    "from_survey",
    "guttman_errors",
    "health_card",
    "hidden_bounds",
    "hidden_curve",
    "hostage_cells",
    "hostage_interaction",
    "independence",
    "level_checks",
    "monotonicity",
    "order_claim",
    "pass_rates",
    "recommend_gap",
    "release",
    "reproducibility",
    "scalability",
    "score_rules",
    "scoring_rules",
    "slope_beside",
    "transposed",
]
