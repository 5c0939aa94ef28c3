"""Which outlets truly differ, and what is each outlet's level, fairly judged?

shrink_rates         beta-binomial empirical Bayes: fair rates, ranks with intervals
funnel_limits        exact control limits, widened for over-dispersion; flags with false-discovery control
funnel_curve         the limits as smooth curves, for the chart
case_mix             what was expected of each outlet given whom it serves
variance_components  whose experience is it: the organisation's, the outlet's, the visitor's?
meta_analysis        random-effects pooling (DerSimonian-Laird)
month_changes        each outlet's months against its other months
pooled_detection     what only the whole sees: a change per outlet against the pooled change
suppress             blanks cells that count too few people, also where a difference would tell
"""

from cxlab.methods.intervals import wilson as share_interval

from .casemix import CaseMix, case_mix
from .components import MetaAnalysis, meta_analysis, variance_components
from .limits import funnel_curve, funnel_limits
from .monitoring import PooledDetection, month_changes, pooled_detection
from .privacy import suppress
from .shrinkage import HoldoutError, beta_binomial, holdout_error, shrink_rates

__all__ = [
    "CaseMix",
    "HoldoutError",
    "MetaAnalysis",
    "PooledDetection",
    "beta_binomial",
    "case_mix",
    "funnel_curve",
    "funnel_limits",
    "holdout_error",
    "meta_analysis",
    "month_changes",
    "pooled_detection",
    "share_interval",
    "shrink_rates",
    "suppress",
    "variance_components",
]
