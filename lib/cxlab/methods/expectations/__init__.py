"""Is the gap what satisfies? Surfaces, kinks, stories drawn by lot, waves and empty corners.

    response_surface, surface_grid, congruence, compare_gap_models   expectation and perception (Edwards)
    kinked_slopes, knot_grid     does a side only prevent anger, or also win?
    penalty_reward               the popular dummies, here only to show how they mislead
    vignette_contrasts, vignette_power, vignette_form   stock-out against courtesy, randomised
    expectation_drift            does a constant performance satisfy less over time?
    product_experience, corner_means, necessary_condition   great product with bad experience, and the reverse
"""

from .corners import Necessity, corner_means, necessary_condition, product_experience
from .kinks import kinked_slopes, knot_grid, penalty_reward
from .surface import Surface, compare_gap_models, congruence, response_surface, surface_grid
from .vignettes import Vignettes, vignette_contrasts, vignette_form, vignette_power
from .waves import expectation_drift

__all__ = [
    "Necessity",
    "Surface",
    "Vignettes",
    "compare_gap_models",
    "congruence",
    "corner_means",
    "expectation_drift",
    "kinked_slopes",
    "knot_grid",
    "necessary_condition",
    "penalty_reward",
    "product_experience",
    "response_surface",
    "surface_grid",
    "vignette_contrasts",
    "vignette_form",
    "vignette_power",
]
