"""A whole ecosystem: hear everything in two passes, find what matters, send it to whoever can act.

Data
    open_visits         visits of any size: a simulated mall, a folder of Parquet, or a study's mapping
    open_lives          role spells of many years, or made of the visits
    aggregate           two passes: counts of everything, and all visits of a random sample of people
    by_hour             feedback by organisation and hour
Feedback
    fit_themes, theme_counts   themes in comments, learned once and then assigned in a stream
    priorities          share x severity, and how steadily an issue is among the top
    spread_issues       what only the whole sees
    find_issues, route  findings with their evidence, sent to the layer that can act
Governance
    capacity, closing, time_to_owner, progress    what becomes of findings
    kpi_alignment, decision_rights, culture       do partners pull the same way?
Exposure
    exposure, observed_exposure, control          the longer the life, the surer a failure
"""

from cxlab.evidence.visits import is_simulated, open_lives, open_visits, visits_name

from .aggregates import Aggregates, aggregate, by_hour
from .exposure import PRESETS, YEARS, control, exposure, exposure_gap, observed_exposure
from .followup import capacity, closing, progress, time_to_owner
from .governance import Alignment, culture, decision_rights, kpi_alignment
from .routing import RouterFiles, find_issues, route, router_files
from .themes import ThemeModel, fit_themes, priorities, spread_issues, theme_counts

__all__ = [
    "PRESETS",
    "YEARS",
    "Aggregates",
    "Alignment",
    "RouterFiles",
    "ThemeModel",
    "aggregate",
    "by_hour",
    "capacity",
    "closing",
    "control",
    "culture",
    "decision_rights",
    "exposure",
    "exposure_gap",
    "find_issues",
    "fit_themes",
    "is_simulated",
    "kpi_alignment",
    "observed_exposure",
    "open_lives",
    "open_visits",
    "priorities",
    "progress",
    "route",
    "router_files",
    "spread_issues",
    "theme_counts",
    "time_to_owner",
    "visits_name",
]
