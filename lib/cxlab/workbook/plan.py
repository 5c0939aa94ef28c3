"""What a build is made of: which notebooks run, with which parameters, for which parts.

``python -m cxlab.workbook.plan`` writes the README's table of notebooks between its two markers.
"""

import ast
import io
import json
import math
import os
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cxlab import __version__
from cxlab.data.errors import InputError, nearest, show
from cxlab.data.files import data_folder, project_folder
from cxlab.workbook.executed import collect

_TYPES = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
    "None": type(None),
}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell."""

    name: str
    types: tuple[str, ...]
    default: Any
    comment: str


@dataclass
class Page:
    """A notebook of the report and what is asked of it.

    ``tables`` is parameter -> kind of table; ``missing`` the kinds that a study lacks, when it lacks all of
    them.
    """

    path: Path
    question: str
    minutes: int | None
    tables: dict[str, str]
    order: float
    in_report: bool
    study_only: bool
    needs_results: bool
    parameters: dict[str, Parameter]
    given: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        head = self.stem.split("-", 1)[0]
        return head if head.isdigit() else ""

    @property
    def name(self) -> str:
        """The page's name in the navigation, such as ``Claims and words``."""
        words = self.stem.split("-")[1:] if self.number else self.stem.split("-")
        return (" ".join(words) or self.stem).capitalize()


def find_pages(folder: Path, *, study: bool = False) -> list[Page]:
    """Return a folder's notebooks that belong in the report, in reading order: a study's own page first."""
    pages = [page for page in map(read_page, sorted(folder.glob("*.ipynb"))) if page.in_report]
    if not pages:
        raise InputError(f"{folder} holds no notebook for the report; is CXLAB_HOME the workbook's folder?")
    if not study:
        return sorted((p for p in pages if not p.study_only), key=lambda page: (page.order, page.stem))

    def place(page: Page) -> tuple:
        late = page.needs_results or page.number == "01"  # the debate comes after the reader's own customers
        return (not page.study_only, page.number != "02", late, page.order, page.stem)

    # A page that reads no table but shows a source of ours says nothing about the reader's data.
    return sorted((p for p in pages if p.tables or "source" not in p.parameters), key=place)


def read_page(path: Path) -> Page:
    """Read what a notebook says of itself; no Jupyter package is imported for it."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells, facts = notebook["cells"], notebook["metadata"].get("cxlab", {})
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise InputError(
            f"{path} is not a notebook that can be read ({fault}); open it in Jupyter and save it"
        ) from None
    words = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    title = re.search(r"^# (.+)", "\n".join(words), flags=re.MULTILINE)
    tables = facts.get("tables", {})
    return Page(
        path=path,
        question=facts.get("question") or (title[1].strip() if title else path.stem),
        minutes=facts.get("minutes"),
        tables=dict(tables) if isinstance(tables, dict) else {},
        order=float(facts.get("order", 99)),
        in_report=bool(facts.get("report", True)),
        study_only=bool(facts.get("study_only", False)),
        needs_results=bool(facts.get("needs_results", False)),
        parameters={parameter.name: parameter for parameter in _parameters_of(cells, path)},
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
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                types = tuple(_type_names(annotation))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                types = ()
            case _:
                continue
        default = ast.literal_eval(value)
        types = types or ("None" if default is None else type(default).__name__,)
        found.append(Parameter(name, types, default, comments.get(node.end_lineno or 0, "")))
    return found


def _type_names(annotation: ast.expr) -> Iterable[str]:
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _type_names(left)
            yield from _type_names(right)
        case ast.Subscript(value=value):
            yield from _type_names(value)
        case _:
            yield ast.unparse(annotation)


def select(pages: Sequence[Page], only: Sequence[str] | None) -> list[Page]:
    """Return the pages that ``--only`` names, by number (``2`` or ``02``) or by name."""
    if not only:
        return list(pages)
    wanted: list[Page] = []
    for word in only:
        hits = [p for p in pages if word in (p.stem, p.path.name) or word.zfill(2) == p.number]
        if not hits:
            stems = [p.stem for p in pages]
            there = f"{nearest(word, stems)}there are {', '.join(stems)}"
            raise InputError(f"--only {show(word)}: no page is called that; {there}")
        wanted += hits
    return [page for page in pages if page in wanted]


def give_parameters(pages: Sequence[Page], given: Sequence[str]) -> None:
    """Check ``NAME=VALUE`` (or ``02.NAME=VALUE``, for one page) against what the pages declare, and keep it.

    A name goes to every page that declares it; a source to the pages that read that kind of table under that
    name.

    Raises
    ------
    InputError
        For a name that no page declares, a value of another type or out of range, or a source that does not
        exist.
    """
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"-p {text}: write NAME=VALUE, such as -p bootstrap=500")
        give(pages, name, value, origin=f"-p {text}")


def give(pages: Sequence[Page], name: str, value: Any, *, origin: str) -> None:
    """Give one parameter to every page that declares it."""
    scope, dot, bare = name.rpartition(".")
    takers = [page for page in (select(pages, [scope]) if dot else pages) if bare in page.parameters]
    if not takers:
        names = sorted({parameter for page in pages for parameter in page.parameters})
        there = ", ".join(names) or "none"
        raise InputError(
            f"{origin}: no page has a parameter {show(bare)}; {nearest(bare, names)}there are {there}"
        )
    if value and isinstance(value, str) and any(bare in page.tables for page in takers):
        kind = kind_of(value, origin)
        read = {page.stem: page.tables[bare] for page in takers if bare in page.tables}
        takers = [page for page in takers if kind is None or read.get(page.stem, kind) == kind]
        if not takers:
            raise InputError(
                f"{origin}: {value!r} holds {kind}; none of {', '.join(read)} reads that as {bare} "
                f"(they read {', '.join(sorted(set(read.values())))})"
            )
    for page in takers:
        page.given[bare] = _checked(page.parameters[bare], value, f"{origin}: {page.stem}")


def kind_of(source: str, origin: str) -> str | None:
    """Return the kind of table that a source holds; refuse one that does not exist before a kernel starts."""
    if source.endswith((".yaml", ".yml")):
        from cxlab.data.mapping import read_yaml

        if not Path(source).is_file():
            raise InputError(f"{origin}: there is no mapping file {source}; `cxlab init` makes one")
        return read_yaml(Path(source)).get("table")
    registered = tomllib.loads((data_folder() / "sources.toml").read_text(encoding="utf-8"))
    if source in registered:
        return registered[source].get("table")
    names = [*registered, *(f"simulated-{kind}" for kind in KINDS)]
    if source in names:
        return source.removeprefix("simulated-")
    raise InputError(
        f"{origin}: there is no source {show(source)}; {nearest(source, names)}there are {', '.join(names)}, "
        "or the path of a study's mapping file (.yaml)"
    )


KINDS = ("survey", "events", "visits", "contacts", "initiatives", "accounts", "ratings", "vignette", "stages")


def _checked(parameter: Parameter, value: Any, origin: str) -> Any:
    for kind in parameter.types:
        try:
            read = _read(kind, value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        usual = parameter.default
        if isinstance(read, bool) or not isinstance(read, int | float) or not isinstance(usual, int | float):
            return read
        if isinstance(read, int) and usual >= 0 and not 0 <= read < 2**31:
            rule = f"a whole number from 0 to {2**31 - 1}"
        elif isinstance(read, float) and usual > 0 > read:
            rule = "0 or more"
        else:
            return read
        raise InputError(f"{origin}: {parameter.name} must be {rule}, not {read}")
    wanted = " or ".join(parameter.types)
    shown = value if isinstance(value, str) else repr(value)
    usual = f"default {parameter.default!r}" + (f"; {parameter.comment}" if parameter.comment else "")
    raise InputError(f"{origin}: {parameter.name} must be {wanted}, not {show(shown)} ({usual})")


def _read(kind: str, value: Any) -> Any:
    """Return ``value`` as a plain literal of a type; papermill would pass "False" on as a true string."""
    if isinstance(value, str) and kind != "str":
        value = _literal(kind, value.strip())
    if kind == "float" and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind == "float" or type(value) is not _TYPES.get(kind):
        raise ValueError(kind)
    return value


def _literal(kind: str, text: str) -> Any:
    if kind == "bool":
        return _WORDS.get(text.lower())
    if kind in ("int", "float"):
        return _TYPES[kind](text)
    if kind == "None" and text.lower() in ("none", "null", ""):
        return None
    if kind == "list" and not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    return ast.literal_eval(text)


# ---------------------------------------------------------------- the build

_PACKAGES = ("pandas", "numpy", "scipy", "statsmodels", "plotly", "papermill")


@dataclass
class Options:
    """What the command line asked for."""

    out: Path
    params: Path | None = None
    only: Sequence[str] = ()
    given: Sequence[str] = ()
    by: str | None = None
    min_cell: int | None = None
    against: Path | None = None
    fresh: bool = False
    jobs: int = 0
    timeout: float = 600.0
    strict: bool = False
    cluster: str = ""


@dataclass
class Part:
    """One report of the build: the main one, or that of a segment.

    ``paths`` are this machine's paths and the words for them; ``executed`` names the kept notebooks,
    ``stated`` is what each page states, ``failed`` why a page is not there.
    """

    folder: str
    label: str
    pages: list[Page]
    paths: dict[str, str]
    files: dict[str, Any] = field(default_factory=dict)
    executed: dict[str, str] = field(default_factory=dict)
    stated: dict[str, dict] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> list[Page]:
        return [page for page in self.pages if not page.missing]

    @property
    def there(self) -> list[Page]:
        """The pages that answer something; of the others the opening page says what they would need."""
        answered = {
            stem
            for stem, said in self.stated.items()
            if not said["results"] or any(not result["missing"] for result in said["results"])
        }
        return [page for page in self.pages if page.stem in answered]

    @property
    def unasked(self) -> dict[str, list[str]]:
        """The pages whose questions these data cannot answer, by stem, and the tables that they lack."""
        there = {*self.failed, *(page.stem for page in self.there)}
        given = {kind for page in self.pages for name, kind in page.tables.items() if page.given.get(name)}
        return {p.stem: sorted(set(p.tables.values()) - given) for p in self.pages if p.stem not in there}

    @property
    def missed(self) -> list[tuple[Page, str]]:
        """The pages that could not be made, in their order, and why."""
        return [(page, self.failed[page.stem]) for page in self.pages if page.stem in self.failed]

    def keep(self, stem: str, name: str, executed: str) -> None:
        """Remember an executed notebook by its name in the store, and what it states."""
        self.executed[stem] = name
        self.stated[stem] = collect(json.loads(executed))

    def shown(self, value: Any) -> Any:
        """Return a value without this machine's paths."""
        for path, words in sorted(self.paths.items(), key=lambda item: (-len(item[0]), item[0])):
            value = value.replace(path, words) if isinstance(value, str) else value
        return value


@dataclass
class Build:
    """What all parts share."""

    options: Options
    study: Any
    min_cell: int
    parts: list[Part]
    hidden: int = 0

    @property
    def jobs(self) -> int:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
        return max(1, min(self.options.jobs or count, sum(len(part.asked) for part in self.parts)))


def versions() -> list[tuple[str, str]]:
    """Return the versions that a page names at its foot."""
    python = ".".join(map(str, sys.version_info[:3]))
    return [("CX Lab", __version__), ("Python", python), *((name, version(name)) for name in _PACKAGES)]


# ---------------------------------------------------------------- the README's table

START, END = "<!-- notebooks: made by python -m cxlab.workbook.plan -->", "<!-- end of notebooks -->"


def notebook_table(notebooks: Path) -> str:
    """Return a Markdown table, one row a notebook, from the metadata that the report reads too."""
    rows = ["| notebook | question | minutes |", "|---|---|---|"]
    for path in sorted(notebooks.glob("*.ipynb")):
        facts = json.loads(path.read_text(encoding="utf-8"))["metadata"]["cxlab"]
        if facts.get("report", True):
            rows.append(
                f"| [{path.stem}](notebooks/{path.name}) | {facts['question']} | {facts['minutes']} |"
            )
    return "\n".join(rows)


def update(readme: Path, notebooks: Path) -> str:
    """Return the README's text with a current table."""
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{notebook_table(notebooks)}\n{END}{after}"


if __name__ == "__main__":
    path = project_folder() / "README.md"
    path.write_text(update(path, project_folder() / "notebooks"), encoding="utf-8")
