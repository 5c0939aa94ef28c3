"""The faults that the command line turns into one plain sentence and an exit code."""


class InputError(ValueError):
    """A file, table, parameter or argument is wrong (exit 2); the message says what, where and what to do."""


class NotEnough(InputError):
    """The data are right but too few for this question; the page says so and goes on."""


class NotebookError(RuntimeError):
    """A notebook raised or ran out of time (exit 1)."""


class OutOfReach(OSError):
    """A registry cannot be reached, or the disk is full (exit 4)."""
