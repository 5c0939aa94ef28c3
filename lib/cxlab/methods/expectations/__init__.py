"""Is the gap what satisfies? Surfaces, kinks, stories drawn by lot, waves and empty corners.

composites                   mean scores of the blocks
response_surface, surface_grid, congruence, compare_gap_models   expectation and perception (Edwards)
kinked_slopes, kink_paths, knot_grid     does a side only prevent anger, or also win?
penalty_reward, kinks_in_a_straight_world   the popular dummies, here only to show how they mislead
vignette_contrasts, vignette_power, vignette_form   stock-out against courtesy, randomised
expectation_drift, wave_means   does a constant performance satisfy less over time?
missing_bounds               the slopes if missing answers were low, middling or high
product_experience, corner_means, necessary_condition   great product with bad experience, and the reverse
"""

from ..composites import composites
from ..intervals import in_brackets
from .corners import Necessity, corner_means, necessary_condition, necessity_table, product_experience
from .gaps import compare_gap_models, gap_findings, gap_table
from .kinks import kink_paths, kinked_slopes, kinks_in_a_straight_world, knot_grid, penalty_reward
from .missing import missing_bounds
from .surface import Surface, congruence, response_surface, surface_grid
from .vignettes import Vignettes, vignette_contrasts, vignette_form, vignette_power, vignette_sheet
from .waves import expectation_drift, wave_means

__all__ = [
    "in_brackets",
    "Necessity",
    "Surface",
    "Vignettes",
    "compare_gap_models",
    "composites",
    "congruence",
    "corner_means",
    "expectation_drift",
    "gap_findings",
    "gap_table",
    "kink_paths",
    "kinked_slopes",
    "kinks_in_a_straight_world",
    "knot_grid",
    "missing_bounds",
    "necessary_condition",
    "necessity_table",
    "penalty_reward",
    "product_experience",
    "response_surface",
    "surface_grid",
    "vignette_contrasts",
    "vignette_form",
    "vignette_power",
    "vignette_sheet",
    "wave_means",
]
