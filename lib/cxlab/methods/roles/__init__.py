"""How do people change role, how long do they stay, and which touchpoints do their paths depend on?

transition_matrix   moves from role to role with Dirichlet intervals
order_test          does the past beyond the current role matter?
sojourn             how long a role lasts, open spells counted as such
overlap             who holds two roles at once
lifetime            a person's years, roles and organisations
touched             how many organisations a person's journey touches
removal_effect      which touchpoint do converting paths run through?
"""

from .paths import path_counts, removal_effect
from .spells import lifetime, overlap, paths_to, role_spells, sojourn, touched
from .transitions import OrderTest, order_test, transition_matrix

__all__ = [
    "OrderTest",
    "lifetime",
    "order_test",
    "overlap",
    "path_counts",
    "paths_to",
    "removal_effect",
    "role_spells",
    "sojourn",
    "touched",
    "transition_matrix",
]
