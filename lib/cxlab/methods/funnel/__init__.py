"""Where do customers fall out of the lifecycle, and how fast do the others get through?

ordered_funnel          customers per step for every window, in one scan
funnel_of_files         the same of files, held to a given memory
Funnel                  what both return

"""

from .engine import funnel_of_files, ordered_funnel
from .local import Columns
from .result import Funnel
from .semantics import Rules, duration_text, microseconds, rules_of

__all__ = [
    "Columns",
    "Funnel",
    "Rules",
    "duration_text",
    "funnel_of_files",
    "microseconds",
    "ordered_funnel",
    "rules_of",
]
