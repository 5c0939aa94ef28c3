"""Pain against effort, choosing under a budget, delivery and the scorecard: the figures of the initiatives."""

from __future__ import annotations

from .choice import frontier, inclusion, portfolio, quadrants, rules, scopes, shadow
from .delivery import ageing, calibration, gaming, metric, progress, status, status_over_time
from .mismatch import coverage, divergence, outcome
from .scorecard import scorecard_html

__all__ = [
    "ageing",
    "calibration",
    "coverage",
    "divergence",
    "frontier",
    "gaming",
    "inclusion",
    "metric",
    "outcome",
    "portfolio",
    "progress",
    "quadrants",
    "rules",
    "scopes",
    "scorecard_html",
    "shadow",
    "status",
    "status_over_time",
]
