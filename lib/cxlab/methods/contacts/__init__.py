"""What are contacts about? Shares corrected for miscoding, failure demand, and themes in what people write.

REASONS                    the reasons that the workbook knows, their side, and which of them a failure causes
reason_groups              product, experience, failure demand ... as lists of reasons
corrected_shares           shares of contacts, corrected with a random part that was coded twice
confusion                  how the first coding strays from the second
feedback_themes, theme_examples   themes in short texts, and how steady they are
"""

from ..intervals import in_brackets
from .shares import REASONS, confusion, corrected_shares, corrections, reason_groups
from .themes import Themes, feedback_themes, theme_examples

__all__ = [
    "in_brackets",
    "REASONS",
    "Themes",
    "confusion",
    "corrected_shares",
    "corrections",
    "feedback_themes",
    "reason_groups",
    "theme_examples",
]
