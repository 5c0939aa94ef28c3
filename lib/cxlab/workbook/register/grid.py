"""The editable grid: ipydatagrid bound to a register, with buttons that say what they did."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from cxlab.evidence.errors import InputError, OutOfReach

if TYPE_CHECKING:
    from .store import Register

__all__ = ["editor"]


def editor(register: Register) -> Any:
    """Return a box with the grid, the buttons Save, Check, Add a row and Reload, and a line that reports.

    A cell edit goes into ``register.table`` at once; the file changes only with Save.
    """
    import ipywidgets as widgets
    from ipydatagrid import DataGrid

    grid = DataGrid(
        register.table.copy(),
        editable=True,
        selection_mode="cell",
        base_column_size=110,
        column_widths={"title": 200, "status_history": 320},
        layout={"height": "360px"},
    )
    said = widgets.HTML(
        _line(" ".join(register.notes) or "Double-click a cell to edit; nothing is written before Save.")
    )

    def tell(text: str) -> None:
        said.value = _line(text)

    def keep(change: dict[str, Any]) -> None:
        value = change["value"]
        register.table.loc[change["row"], change["column"]] = "" if value is None else str(value)

    def save(_button: Any = None) -> None:
        try:
            tell(str(register.save()))
        except (InputError, OutOfReach) as error:
            tell(str(error))
            return
        grid.data = register.table.copy()

    def check(_button: Any = None) -> None:
        problems = register.problems()
        tell("No problems found." if not problems else f"{len(problems)} to mend. {problems[0]}")

    def add(_button: Any = None) -> None:
        register.table.loc[len(register.table)] = ""
        grid.data = register.table.copy()
        tell("A row was added at the end; give it an id before you save.")

    def reload(_button: Any = None) -> None:
        register.reload()
        grid.data = register.table.copy()
        tell("Read again; edits that were not saved are gone.")

    buttons = []
    for label, action, style in (
        ("Save", save, "primary"),
        ("Check", check, ""),
        ("Add a row", add, ""),
        ("Reload", reload, ""),
    ):
        button = widgets.Button(description=label, button_style=style)
        button.on_click(action)
        buttons.append(button)
    grid.on_cell_change(keep)
    return widgets.VBox([widgets.HBox(buttons), grid, said])


def _line(text: str) -> str:
    return f"<div role='status'>{html.escape(text)}</div>"
