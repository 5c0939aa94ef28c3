"""Cause or coin: how strong must a hidden cause be, and what can no survey decide?

adjusted_effects      each side alone, beside the other, and with the rest held fixed
robustness_value      an adjusted effect, and how strong an unseen cause must be to explain it away
benchmark_bounds      the effect if something k times as strong as a known covariate were missing
strength_intervals    robustness value and strongest benchmark with their intervals
adjusted_estimates, sensitivity_grid    the effect for any strength of the unseen cause (for a contour chart)
e_value               the same question for risk ratios
mantel_haenszel, risk_by_side   yes/no outcomes compared within strata
mediation, both_orders, indirect_paths, rho_curve    indirect effects, both ways round, and what hidden causes do to them
equivalent_graphs     three causal stories that fit one survey equally well
story_gaps            how far these stories disagree about raising a side, with intervals
designs               what would decide, and what it costs
power_table, power_two_groups, size_two_groups    samples for the designs that decide
composites            mean scores of the blocks, standardised when asked
cautions              collinearity, ceiling, small samples, outcome items among the drivers
missing_bounds        the effects if missing answers were low, middling or high
"""

from ..composites import composites
from ..intervals import absolute_interval, in_brackets
from ..power import power_table, power_two_groups, size_two_groups
from .cautions import cautions, missing_bounds
from .designs import designs, equivalent_graphs, story_gaps
from .mediation import both_orders, indirect_paths, mediation, rho_curve
from .risk import EValue, MantelHaenszel, e_value, mantel_haenszel, risk_by_side
from .sensitivity import (
    Robustness,
    adjusted_effects,
    adjusted_estimates,
    benchmark_bounds,
    robustness_from_t,
    robustness_value,
    sensitivity_grid,
    strength_intervals,
)

__all__ = [
    "absolute_interval",
    "in_brackets",
    "EValue",
    "MantelHaenszel",
    "Robustness",
    "adjusted_effects",
    "adjusted_estimates",
    "benchmark_bounds",
    "both_orders",
    "cautions",
    "composites",
    "designs",
    "e_value",
    "equivalent_graphs",
    "indirect_paths",
    "mantel_haenszel",
    "mediation",
    "missing_bounds",
    "power_table",
    "power_two_groups",
    "rho_curve",
    "risk_by_side",
    "robustness_from_t",
    "robustness_value",
    "sensitivity_grid",
    "size_two_groups",
    "story_gaps",
    "strength_intervals",
]
