"""Key drivers: how is an explained outcome split between product, experience and the rest?

importance   relative_importance, decompose, share_difference, relative_weights: exact LMG with intervals
structure    commonality, htmt, reliability_grid, halo_curve, parity_curve: is the split real?
segments     segment_shares, shrink, compare_outcomes, disputed_items, assignment_range: for whom, and as coded by whom?
slopes       item_correlations, standardised_slopes, slopes_by_level: what one step adds
ordinal      proportional_odds, ordinal_importance: without treating ratings as numbers
alternatives alternative_splits, compare_surveys, ecsi_paths, missing_bounds: other models, other surveys, a published model
readings     main_sides, move, facets, readings, split_readings, can_average, advocacy_outcome: which items mean what
firms        between_within, simpson_check: firms against customers
"""

from cxlab.methods.drivers.alternatives import alternative_splits, compare_surveys, ecsi_paths, missing_bounds
from cxlab.methods.drivers.firms import Simpson, between_within, simpson_check
from cxlab.methods.drivers.importance import (
    Decomposition,
    Difference,
    decompose,
    joint_share,
    relative_importance,
    relative_weights,
    share_difference,
)
from cxlab.methods.drivers.inputs import Caution, DataWarning
from cxlab.methods.drivers.ordinal import OrderedFit, ordinal_importance, proportional_odds
from cxlab.methods.drivers.readings import (
    advocacy_outcome,
    can_average,
    emotional_tie,
    facets,
    main_sides,
    move,
    readings,
    segment_sides,
    separate_outcomes,
    split_readings,
)
from cxlab.methods.drivers.segments import (
    Shrunk,
    assignment_range,
    compare_outcomes,
    disputed_items,
    segment_shares,
    shrink,
)
from cxlab.methods.drivers.slopes import item_correlations, slopes_by_level, standardised_slopes
from cxlab.methods.drivers.structure import commonality, halo_curve, htmt, parity_curve, reliability_grid

__all__ = [
    "Caution",
    "DataWarning",
    "Decomposition",
    "Difference",
    "OrderedFit",
    "Shrunk",
    "Simpson",
    "advocacy_outcome",
    "alternative_splits",
    "assignment_range",
    "between_within",
    "can_average",
    "commonality",
    "compare_outcomes",
    "compare_surveys",
    "decompose",
    "disputed_items",
    "ecsi_paths",
    "emotional_tie",
    "facets",
    "halo_curve",
    "htmt",
    "item_correlations",
    "joint_share",
    "main_sides",
    "missing_bounds",
    "move",
    "ordinal_importance",
    "parity_curve",
    "proportional_odds",
    "readings",
    "relative_importance",
    "relative_weights",
    "reliability_grid",
    "segment_shares",
    "segment_sides",
    "separate_outcomes",
    "share_difference",
    "shrink",
    "simpson_check",
    "slopes_by_level",
    "split_readings",
    "standardised_slopes",
]
