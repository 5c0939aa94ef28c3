"""Which notebooks run, and with which parameters: everything that can be wrong is said before a kernel starts."""

from __future__ import annotations

import ast
import io
import json
import math
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cxlab.evidence.errors import InputError

__all__ = [
    "Page",
    "Parameter",
    "declared_parameters",
    "find_pages",
    "give_parameters",
    "read_page",
    "select",
    "table_of",
]

_TYPES = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
    "None": type(None),
}


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell."""

    name: str
    types: tuple[str, ...]
    default: Any
    comment: str


@dataclass
class Page:
    """A notebook of the report and what is asked of it."""

    path: Path
    title: str
    question: str
    minutes: int | None
    tables: list[str]
    order: float
    in_report: bool
    needs_results: bool
    parameters: dict[str, Parameter]
    given: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        head = self.stem.split("-", 1)[0]
        return head if head.isdigit() else ""


def find_pages(folder: Path) -> list[Page]:
    """Return the notebooks of a folder that belong in the report, in reading order."""
    pages = [read_page(path) for path in sorted(folder.glob("*.ipynb"))]
    pages = [page for page in pages if page.in_report]
    if not pages:
        raise InputError(f"{folder} holds no notebook for the report; is CXLAB_HOME the workbook's folder?")
    return sorted(pages, key=lambda page: (page.order, page.stem))


def read_page(path: Path) -> Page:
    """Read what a notebook says of itself; no Jupyter package is imported for it."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
    except (ValueError, KeyError, TypeError) as fault:
        raise InputError(
            f"{path} is not a notebook that can be read ({fault}); open it in Jupyter and save it"
        ) from None
    facts = notebook.get("metadata", {}).get("cxlab", {})
    title = next(
        (
            line[2:].strip()
            for cell in cells
            if cell["cell_type"] == "markdown"
            for line in "".join(cell["source"]).splitlines()
            if line.startswith("# ")
        ),
        path.stem,
    )
    return Page(
        path=path,
        title=title,
        question=facts.get("question") or title,
        minutes=facts.get("minutes"),
        tables=list(facts.get("tables", [])),
        order=float(facts.get("order", 99)),
        in_report=bool(facts.get("report", True)),
        needs_results=bool(facts.get("needs_results", False)),
        parameters={p.name: p for p in _parameters_of(cells, path)},
        optional=list(facts.get("optional_tables", [])),
    )


def _parameters_of(cells: Sequence[Mapping[str, Any]], path: Path) -> list[Parameter]:
    for cell in cells:
        if cell["cell_type"] == "code" and "parameters" in cell.get("metadata", {}).get("tags", []):
            try:
                return declared_parameters("".join(cell["source"]))
            except (SyntaxError, ValueError) as fault:
                raise InputError(f"{path.name}: its parameters cell cannot be read ({fault})") from None
    return []


def declared_parameters(source: str) -> list[Parameter]:
    """Return the annotated literals of a parameters cell."""
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            name, types = node.target.id, tuple(_type_names(node.annotation))
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            name, types = node.targets[0].id, ()
        else:
            continue
        default = ast.literal_eval(node.value)
        types = types or ("None" if default is None else type(default).__name__,)
        found.append(Parameter(name, types, default, comments.get(node.end_lineno or 0, "")))
    return found


def _type_names(annotation: ast.expr) -> Iterable[str]:
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _type_names(annotation.left)
        yield from _type_names(annotation.right)
    elif isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        yield from _type_names(ast.parse(annotation.value, mode="eval").body)
    elif isinstance(annotation, ast.Subscript):
        yield from _type_names(annotation.value)
    else:
        yield ast.unparse(annotation)


def select(pages: Sequence[Page], only: Sequence[str] | None) -> list[Page]:
    """Return the pages that ``--only`` names, by number (``2`` or ``02``) or by name."""
    if not only:
        return list(pages)
    wanted: list[Page] = []
    for word in only:
        number = word.zfill(2)
        hits = [p for p in pages if word in (p.stem, p.path.name) or number == p.number]
        if not hits:
            raise InputError(
                f"--only {word}: no page is called that{_nearest(word, [p.stem for p in pages])}; "
                f"there are {', '.join(p.stem for p in pages)}"
            )
        wanted += [page for page in hits if page not in wanted]
    return [page for page in pages if page in wanted]


def give_parameters(pages: Sequence[Page], given: Sequence[str]) -> None:
    """Check ``NAME=VALUE`` (or ``02.NAME=VALUE``, for one page) against what the pages declare, and keep it.

    A name goes to every page that declares it. ``source`` goes to the pages that read that kind of table.

    Raises
    ------
    InputError
        For a name that no page declares, a value of another type, or a source that does not exist.
    """
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"-p {text}: write NAME=VALUE, such as -p bootstrap=500")
        give(pages, name, value, origin=f"-p {text}")


def give(pages: Sequence[Page], name: str, value: Any, *, origin: str) -> None:
    """Give one parameter to every page that declares it."""
    scope, dot, bare = name.rpartition(".")
    takers = select(pages, [scope]) if dot else list(pages)
    takers = [page for page in takers if bare in page.parameters]
    if not takers:
        names = sorted({parameter for page in pages for parameter in page.parameters})
        raise InputError(
            f"{origin}: no page has a parameter {bare!r}{_nearest(bare, names)}; there are {', '.join(names) or 'none'}"
        )
    if bare == "source" or bare.endswith("_source"):
        takers = _takers_of_source(takers, value, origin)
    for page in takers:
        page.given[bare] = _checked(page.parameters[bare], value, f"{origin}: {page.stem}")


def _takers_of_source(takers: list[Page], value: Any, origin: str) -> list[Page]:
    if not isinstance(value, str):
        return takers
    table = table_of(value, origin)
    fitting = [page for page in takers if not page.tables or table is None or table in page.tables]
    if not fitting:
        raise InputError(
            f"{origin}: {value!r} holds {table}; none of {', '.join(page.stem for page in takers)} reads that "
            f"(they read {', '.join(sorted({t for page in takers for t in page.tables}))})"
        )
    return fitting


def table_of(source: str, origin: str) -> str | None:
    """Return the kind of table a source holds; refuse one that does not exist before a kernel starts."""
    from cxlab.evidence.places import data_folder
    from cxlab.evidence.sources import registry

    if source.endswith((".yaml", ".yml")):
        if not Path(source).is_file():
            raise InputError(f"{origin}: there is no mapping file {source}; `cxlab init` makes one")
        import yaml

        try:
            content = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as fault:
            raise InputError(f"{origin}: {source} cannot be read: {' '.join(str(fault).split())}") from None
        return content.get("table") if isinstance(content, dict) else None
    if source in registry():
        return registry()[source].get("table")
    samples = sorted(path.stem for path in (data_folder() / "samples").glob("simulated-*.csv"))
    if source in samples:
        import tomllib

        described = tomllib.loads((data_folder() / "samples" / "samples.toml").read_text(encoding="utf-8"))
        return described.get(source, {}).get("table")
    names = [*registry(), *samples]
    raise InputError(
        f"{origin}: there is no source {source!r}{_nearest(source, names)}; there are {', '.join(names)}, "
        "or the path of a study's mapping file (.yaml)"
    )


def _checked(parameter: Parameter, value: Any, origin: str) -> Any:
    for kind in parameter.types:
        try:
            return _read(kind, value)
        except (ValueError, SyntaxError):
            continue
    wanted = " or ".join(parameter.types)
    shown = value if isinstance(value, str) else repr(value)
    raise InputError(
        f"{origin}: {parameter.name} must be {wanted}, not {shown!r} (default {parameter.default!r}"
        + (f"; {parameter.comment}" if parameter.comment else "")
        + ")"
    )


def _read(kind: str, value: Any) -> Any:
    """Return ``value`` as a plain literal of a type; papermill itself would pass "False" on as a true string."""
    if isinstance(value, str) and kind != "str":
        return _read_text(kind, value.strip())
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if (
        kind == "float"
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    ):
        return float(value)
    if kind in ("str", "list", "dict", "None") and isinstance(value, _TYPES[kind]):
        json.dumps(value)
        return value
    raise ValueError(kind)


def _read_text(kind: str, text: str) -> Any:
    if kind == "bool":
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]
    if kind == "int":
        return int(text)
    if kind == "float":
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    if kind == "None" and text.lower() in ("none", "null", ""):
        return None
    if kind == "list" and not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    value = ast.literal_eval(text)
    if kind not in _TYPES or not isinstance(value, _TYPES[kind]):
        raise ValueError(text)
    return value


def _nearest(word: str, names: Sequence[str]) -> str:
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
