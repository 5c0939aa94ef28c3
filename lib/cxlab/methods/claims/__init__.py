"""Who answers whom: which claims stand, and how much their strength depends on who talks most.

Nothing here tells which claim is true. A claim stands when nobody's unanswered attack reaches it (Dung 1995); a
strength rises with every supporter, also with one's own (Potyka 2018), so it rewards volume: ``argument_strength``
shows that by leaving a speaker's support of own claims out.
"""

from cxlab.evidence.claims import load_evidence
from cxlab.evidence.forms import read_form, survey_form, survey_kit, survey_template
from cxlab.methods.claims.arguments import (
    argument_strength,
    compare_strengths,
    grounded_extension,
    map_layout,
    standing,
    strongest_cases,
)
from cxlab.methods.claims.thread import (
    choose,
    coding_agreement,
    fact_lines,
    league_table,
    stance_over_thread,
)

__all__ = [
    "argument_strength",
    "choose",
    "coding_agreement",
    "compare_strengths",
    "fact_lines",
    "grounded_extension",
    "league_table",
    "load_evidence",
    "map_layout",
    "read_form",
    "stance_over_thread",
    "standing",
    "strongest_cases",
    "survey_form",
    "survey_kit",
    "survey_template",
]
