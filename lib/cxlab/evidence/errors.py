from cxlab.data.errors import InputError, NotebookError, OutOfReach  # noqa: F401
