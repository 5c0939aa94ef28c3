"""A stranger's text as one short, harmless line; nothing heavy is imported here."""

from __future__ import annotations

__all__ = ["show"]


def show(value: object, width: int = 40) -> str:
    """Return a value as one short, harmless line: control and direction characters are written out.

    Examples
    --------
    >>> show("a\\x1b[31m")
    "'a\\\\x1b[31m'"
    """
    text = value if isinstance(value, str) else str(value)
    cut = text[: width + 1]
    safe = "".join(c if c.isprintable() and not "\u200b" <= c <= "\u206f" else _escape(c) for c in cut)
    safe = safe[:width] + ("..." if len(safe) > width else "")
    return f"'{safe}'"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
