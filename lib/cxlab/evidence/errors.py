"""The faults that the command line turns into one plain sentence and an exit code."""

__all__ = ["InputError", "NotebookError", "OutOfReach"]


class InputError(ValueError):
    """Something that the reader gave is wrong: an argument, a file, a mapping, a parameter (exit 2)."""


class NotebookError(RuntimeError):
    """A notebook raised or ran out of time (exit 1)."""


class OutOfReach(OSError):
    """A registry cannot be reached, or the disk is full (exit 4)."""
