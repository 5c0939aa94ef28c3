"""A register of initiatives that a team can keep: a template, an editable grid, and a save that loses nothing.

Contents
    write_template   a CSV or Excel file to start from, with its rules
    Register         open, check, edit, save with a backup; merges with whoever saved meanwhile
"""

from __future__ import annotations

from .store import Register, SaveReport
from .template import COLUMNS, write_template

__all__ = ["COLUMNS", "Register", "SaveReport", "write_template"]
