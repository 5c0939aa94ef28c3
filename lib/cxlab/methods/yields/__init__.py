"""Does quality hold through all stages, who owns each stage, and do words match deeds?

process_yield, rolled_throughput_yield, stage_yields     how many pass, stage by stage and all the way
bottleneck_gain                                          where one point helps most, also per cost
failure_spread, first_fault, handover_risk               faults upstream, and what follows downstream
ownership, coverage                                      who is accountable, stages with none or too many
frechet_bounds, say_do_bounds, say_do_gap(s), assessment_form   words against deeds
alignment, plan_difference                               do functions agree; do written plans help
"""

from .companions import Companions, function_slopes, functions_bearing, metaquality_findings, sentences
from .deeds import (
    Alignment,
    Gap,
    PlanDifference,
    alignment,
    assessment_form,
    frechet_bounds,
    plan_difference,
    say_do_bounds,
    say_do_gap,
    say_do_gaps,
)
from .owners import coverage, ownership
from .spread import RiskRatio, failure_spread, first_fault, handover_risk, upstream_risk
from .throughput import (
    ProcessYield,
    RolledYield,
    bottleneck_gain,
    process_yield,
    rolled_throughput_yield,
    stage_yields,
)

__all__ = [
    "Alignment",
    "Companions",
    "Gap",
    "PlanDifference",
    "ProcessYield",
    "RiskRatio",
    "RolledYield",
    "alignment",
    "assessment_form",
    "bottleneck_gain",
    "coverage",
    "failure_spread",
    "first_fault",
    "frechet_bounds",
    "function_slopes",
    "functions_bearing",
    "handover_risk",
    "metaquality_findings",
    "ownership",
    "plan_difference",
    "process_yield",
    "rolled_throughput_yield",
    "say_do_bounds",
    "say_do_gap",
    "say_do_gaps",
    "sentences",
    "stage_yields",
    "upstream_risk",
]
