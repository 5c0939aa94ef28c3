"""Key drivers: how is an explained outcome split between product, experience and the rest?"""

from cxlab.methods.drivers.importance import (
    Decomposition,
    Difference,
    decompose,
    relative_importance,
    relative_weights,
    share_difference,
)
from cxlab.methods.drivers.inputs import Caution, DataWarning

__all__ = [
    "Caution",
    "DataWarning",
    "Decomposition",
    "Difference",
    "decompose",
    "relative_importance",
    "relative_weights",
    "share_difference",
]
