"""Simulators whose arguments are the truth, one module a table or two that have no public data."""

import pandas as pd

from cxlab.data.table import Table


def made_up(kind: str, title: str, frame: pd.DataFrame, **related: pd.DataFrame) -> Table:
    """Return a table that says that it is simulated."""
    origin = {"licence": "BSD-3-Clause (this project)", "simulated": True, "related": related}
    return Table(frame=frame, kind=kind, name=f"simulated-{kind}", title=title, **origin)
