"""YAML that a reader writes: every scalar is text, no anchors, no repeated keys, one plain message when it is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import InputError
from .plain import show

__all__ = ["nearest", "read_yaml", "refuse_unknown"]

LIMIT = 2_000_000


def nearest(name: object, known: Iterable[object]) -> str:
    """Return ``"did you mean 'x'? "`` for the nearest known name, or ``""``."""
    names = {str(item).casefold(): str(item) for item in known}
    text = str(name).casefold()
    close = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    if not close:
        close = [key for key in names if text and (text in key or key in text) and len(text) > 2][:1]
    return f"did you mean {show(names[close[0]])}? " if close else ""


def refuse_unknown(found: Iterable[object], known: Iterable[str], where: str) -> None:
    """Raise InputError for the first key that is not known, with the nearest one."""
    known = list(known)
    for key in found:
        if key not in known:
            raise InputError(
                f"{where}: there is no key {show(key)}; {nearest(key, known)}keys are {', '.join(known)}"
            )


def read_yaml(path: str | Path, *, typed: bool = False) -> dict[str, Any]:
    """Read a mapping or params file.

    Parameters
    ----------
    path : the file.
    typed : whether numbers, true/false and null keep their types (params); otherwise every scalar is text, so that
        a column called ``no`` or a code ``007`` stays what it is.

    Raises
    ------
    InputError
        Not a file, not YAML (with line and column), a key twice, anchors, or something else than keys at the top.
    """
    import yaml

    from .files import regular_file

    path = regular_file(path)
    if path.stat().st_size > LIMIT:
        raise InputError(f"{path.name} is larger than a settings file can be; is it the right file?")

    class Loader(yaml.SafeLoader if typed else yaml.BaseLoader):
        def compose_node(self, parent, index):
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise InputError(
                    f"{path.name}, line {mark.line + 1}: anchors (*name) are not used here; write it out"
                )
            return super().compose_node(parent, index)

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key_node, _ in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise InputError(
                        f"{path.name}, line {key_node.start_mark.line + 1}: a key must be plain text"
                    )
                if key_node.value in seen:
                    line = key_node.start_mark.line + 1
                    raise InputError(
                        f"{path.name}, line {line}: the key {show(key_node.value)} stands twice; keep one"
                    )
                seen.add(key_node.value)
            return super().construct_mapping(node, deep)

    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader)
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text; save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(
            f"{path.name}{where}: this is not valid YAML ({problem}); mind colons, quotes and indents"
        ) from None
    except (RecursionError, ValueError) as error:
        raise InputError(
            f"{path.name} cannot be read ({type(error).__name__}); write it more simply"
        ) from None
    if content is None or content == "":
        raise InputError(f"{path.name} is empty; cxlab init writes one to start from")
    if not isinstance(content, dict):
        raise InputError(
            f"{path.name} must hold 'key: value' lines at its top; cxlab init writes one to start from"
        )
    return content
