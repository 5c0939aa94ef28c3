"""Do we work where it hurts, on what, and on time? Counting, choosing and following initiatives.

Contents
    prepare      complete, weigh, level_minimum: what a register leaves out
    metric       count_focused, coder_agreement, progress: the metric itself
    mismatch     coverage, divergence, outcome_by_area, ratio_interval: pain against effort
    portfolio    select_portfolio, greedy_portfolio, quadrants, compare_rules, frontier: choosing under a budget
    exact        the search behind select_portfolio
    uncertainty  shadow_prices, inclusion_probability, rule_losses, compare_scopes: what the choice rests on
    status       status_table, current_status, delivered, status_shares, ageing, delivered, calibration: delivery
    gaming       simulate_gaming, pay_gap: what a pay link can do to the metric
    scorecard    scorecard, paste: the page for executives
"""

from __future__ import annotations

from .gaming import pay_gap, simulate_gaming
from .metric import coder_agreement, count_focused, progress
from .mismatch import Divergence, coverage, divergence, outcome_by_area, ratio_interval
from .portfolio import Portfolio, compare_rules, frontier, greedy_portfolio, quadrants, select_portfolio
from .prepare import complete, level_minimum, weigh
from .scorecard import paste, scorecard
from .status import ageing, calibration, current_status, delivered, status_shares, status_table
from .uncertainty import compare_scopes, inclusion_probability, rule_losses, shadow_prices

__all__ = [
    "Divergence",
    "Portfolio",
    "ageing",
    "calibration",
    "compare_rules",
    "compare_scopes",
    "complete",
    "coder_agreement",
    "count_focused",
    "coverage",
    "current_status",
    "delivered",
    "divergence",
    "frontier",
    "greedy_portfolio",
    "inclusion_probability",
    "level_minimum",
    "outcome_by_area",
    "paste",
    "pay_gap",
    "progress",
    "quadrants",
    "ratio_interval",
    "rule_losses",
    "scorecard",
    "select_portfolio",
    "shadow_prices",
    "simulate_gaming",
    "status_shares",
    "status_table",
    "weigh",
]
