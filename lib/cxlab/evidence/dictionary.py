"""The data dictionary in data/README.md, written from the declarations of the tables.

``python -m cxlab.evidence.dictionary`` rewrites the part of data/README.md between the two markers.
"""

from __future__ import annotations

from .tables.declarations import KINDS, TABLES, Column, Table

__all__ = ["END", "START", "tables_section", "updated"]

START = "<!-- tables: written from lib/cxlab/evidence/tables/catalogue.py, do not edit -->"
END = "<!-- tables: end -->"


def tables_section() -> str:
    """Return the dictionary of all tables as Markdown."""
    lines = [
        f"{len(TABLES)} tables. Each may carry more columns than are listed. Kinds: "
        + "; ".join(f"`{kind}` {text}" for kind, text in KINDS.items())
        + ". A column in *italics* may tell who somebody is and is never shown unless a study's params file names it.",
        "",
        "| Table | What | One row is |",
        "| --- | --- | --- |",
        *[f"| [`{table.name}`](#{table.name}) | {table.title} | {table.row} |" for table in TABLES.values()],
    ]
    for table in TABLES.values():
        lines += ["", f"### {table.name}", "", _sentence(table), ""]
        lines += ["| Column | Kind | Needed | Values | Meaning |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(column) for column in table.columns]
    return "\n".join(lines)


def _sentence(table: Table) -> str:
    parts = [f"One row is {table.row}."]
    if table.key:
        parts.append(f"{_names(table.key)} may occur together once only.")
    if table.one_of:
        parts.append(f"At least one of {_names(table.one_of)} is needed.")
    for low, high in table.ordered:
        parts.append(f"`{low}` must not exceed `{high}`.")
    if table.counts:
        parts.append(f"Cells that count fewer than 5 distinct `{table.counts}` are not shown.")
    elif table.counts == "":
        parts.append("Cells that count fewer than 5 rows are not shown.")
    if table.large:
        parts.append("May be of any size: it stays in DuckDB and is read in a stream.")
    return " ".join(parts)


def _names(names: tuple[str, ...]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _row(column: Column) -> str:
    name = f"*`{column.name}`*" if column.personal else f"`{column.name}`"
    needed = ("yes" if column.required else "") + (
        ", may have gaps" if column.required and column.gaps else ""
    )
    return f"| {name} | {column.kind} | {needed} | {_values(column)} | {column.description} |"


def _values(column: Column) -> str:
    if column.allowed:
        return ", ".join(map(str, column.allowed))
    if column.usual:
        return "usually " + ", ".join(map(str, column.usual))
    low = f"{column.low:g}" if column.low is not None else None
    high = f"{column.high:g}" if column.high is not None else None
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def updated(text: str) -> str:
    """Return a README with the part between the markers written anew."""
    before, _, rest = text.partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"data/README.md lacks the markers {START!r} and {END!r}; put them back")
    return f"{before}{START}\n\n{tables_section()}\n\n{END}{after}"


if __name__ == "__main__":
    from .places import data_folder

    path = data_folder() / "README.md"
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
