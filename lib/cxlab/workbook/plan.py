"""What a build is made of: which notebooks run, with which parameters, for which parts."""

import ast
import json
import os
import re
import sys
import tomllib
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from cxlab import __version__
from cxlab.data.errors import InputError, nearest, show
from cxlab.data.files import data_folder
from cxlab.data.tables import KINDS
from cxlab.workbook.executed import collect

# The names of types in a parameters cell.
_TYPES = {each.__name__: each for each in (str, int, float, bool, list, dict)} | {"None": type(None)}
_WORDS = {"true": True, "yes": True, "false": False, "no": False, "none": None, "null": None, "": None}
_MOST = 2**31 - 1
_PACKAGES = ("pandas", "numpy", "scipy", "statsmodels", "plotly", "papermill")


class Parameter(NamedTuple):
    """One line of a notebook's parameters cell."""

    name: str
    types: tuple[str, ...]
    default: Any
    comment: str


@dataclass
class Page:
    """A notebook: what its metadata say, its parameters, and what is asked of it; ``tables`` is parameter ->
    kind of table, ``missing`` the kinds that a study lacks, when it lacks all of them.
    """

    path: Path
    question: str
    parameters: dict[str, Parameter]
    minutes: int | None = None
    tables: dict[str, str] = field(default_factory=dict)
    order: float = 99
    report: bool = True
    study_only: bool = False
    needs_results: bool = False
    given: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        head = self.stem.partition("-")[0]
        return head if head.isdigit() else ""

    @property
    def name(self) -> str:
        """The page's name in the navigation, such as ``Claims and words``."""
        return self.stem.removeprefix(f"{self.number}-").replace("-", " ").capitalize()


def find_pages(folder: Path, *, study: bool = False) -> list[Page]:
    """Return a folder's notebooks that belong in the report, in reading order: a study's own page first."""
    pages = [page for page in map(read_page, sorted(folder.glob("*.ipynb"))) if page.report]
    if not pages:
        raise InputError(f"{folder} holds no notebook for the report; is CXLAB_HOME the workbook's folder?")
    pages.sort(key=lambda page: (page.order, page.stem))
    if not study:
        return [page for page in pages if not page.study_only]
    # A page that reads no table but shows a source of ours says nothing about the reader's data.
    pages = [page for page in pages if page.tables or "source" not in page.parameters]
    # The debate and the verdict come after the reader's own customers.
    late = {page.stem for page in pages if page.needs_results or page.number == "01"}
    return sorted(pages, key=lambda page: (not page.study_only, page.number != "02", page.stem in late))


def read_page(path: Path) -> Page:
    """Read what a notebook says of itself; no Jupyter package is imported for it."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        sources = {"code": "", "markdown": ""}
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown" or "parameters" in cell["metadata"].get("tags", []):
                sources[cell["cell_type"]] += "".join(cell["source"]) + "\n"
        title = re.search(r"^# (.+)", sources["markdown"], flags=re.MULTILINE)
        facts = {"question": title[1] if title else path.stem} | notebook["metadata"].get("cxlab", {})
        return Page(path, parameters={p.name: p for p in declared_parameters(sources["code"])}, **facts)
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError) as fault:
        raise InputError(f"the notebook {path.name} cannot be read ({fault}); mend it in Jupyter") from None


def declared_parameters(source: str) -> Iterator[Parameter]:
    """Yield the literals that a parameters cell assigns, each with its types and its comment."""
    lines = source.encode().splitlines()
    for node in ast.parse(source).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                types = re.sub(r"\[.*?\]", "", ast.unparse(annotation))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                types = ""
            case _:
                continue
        default = ast.literal_eval(value)
        types = types or ("None" if default is None else type(default).__name__)
        comment = lines[node.end_lineno - 1][node.end_col_offset :].decode().strip(" #")
        yield Parameter(name, tuple(types.split(" | ")), default, comment)


def select(pages: Sequence[Page], only: Sequence[str] | None) -> list[Page]:
    """Return the pages that ``--only`` names, by number (``2`` or ``02``) or by name."""
    wanted: list[Page] = []
    for word in only or ():
        hits = [p for p in pages if word in (p.stem, p.path.name) or word.zfill(2) == p.number]
        if not hits:
            stems = [p.stem for p in pages]
            there = f"{nearest(word, stems)}there are {', '.join(stems)}"
            raise InputError(f"--only {show(word)}: no page is called that; {there}")
        wanted += hits
    return [page for page in pages if page in wanted or not only]


def give_parameters(pages: Sequence[Page], given: Sequence[str]) -> None:
    """Give what ``-p NAME=VALUE`` says (``02.NAME=VALUE`` for one page); see ``give``."""
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"-p {text}: write NAME=VALUE, such as -p bootstrap=500")
        give(pages, name, value, origin=f"-p {text}")


def give(pages: Sequence[Page], name: str, value: Any, *, origin: str) -> None:
    """Give one parameter to every page that declares it; a source to those that read its kind of table.

    Another name, a value of another type or out of range, and a source that does not exist are refused.
    """
    scope, dot, bare = name.rpartition(".")
    takers = [page for page in (select(pages, [scope]) if dot else pages) if bare in page.parameters]
    if not takers:
        names = sorted({parameter for page in pages for parameter in page.parameters})
        there = f"{nearest(bare, names)}there are {', '.join(names) or 'none'}"
        raise InputError(f"{origin}: no page has a parameter {show(bare)}; {there}")
    read = {page.stem: page.tables[bare] for page in takers if bare in page.tables}
    if read and value and isinstance(value, str):
        kind = kind_of(value, origin)
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
    names = {f"simulated-{kind}": kind for kind in KINDS if not KINDS[kind].beside}
    names = {name: entry.get("table") for name, entry in registered.items()} | names
    if source not in names:
        there = f"{nearest(source, names)}there are {', '.join(names)}, or the path of a mapping file (.yaml)"
        raise InputError(f"{origin}: there is no source {show(source)}; {there}")
    return names[source]


def _checked(parameter: Parameter, value: Any, origin: str) -> Any:
    """Return a value as one of the parameter's types; numbers stay in the range that the default is in."""
    usual, numbers = parameter.default, (int, float)
    signed = type(usual) not in numbers or usual < 0 or (type(usual) is float and usual == 0)
    for kind in parameter.types:
        try:
            read = _read(kind, value)
        except (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError):
            continue
        if type(read) in numbers and not signed and not 0 <= read <= _MOST:
            raise InputError(f"{origin}: {parameter.name} must be from 0 to {_MOST}, not {read}")
        return read
    wanted, shown = " or ".join(parameter.types), value if isinstance(value, str) else repr(value)
    usual = f"default {usual!r}" + (f"; {parameter.comment}" if parameter.comment else "")
    raise InputError(f"{origin}: {parameter.name} must be {wanted}, not {show(shown)} ({usual})")


def _read(kind: str, value: Any) -> Any:
    """Return ``value``, often a text of the command line, as a plain literal of a type."""
    if isinstance(value, str) and kind != "str":
        text = value.strip()
        if kind == "list" and not text.startswith("["):
            value = [part.strip() for part in text.split(",")]
        else:
            value = _WORDS[text.lower()] if text.lower() in _WORDS else ast.literal_eval(text)
    if kind == "float" and type(value) is int:
        value = float(value)
    if type(value) is not _TYPES.get(kind) or value in (float("inf"), -float("inf")) or value != value:
        raise ValueError(kind)
    return value


# ---------------------------------------------------------------- the build


@dataclass
class Part:
    """One report, the main one or a segment's: ``paths`` are this machine's paths and the words for them,
    ``files`` the hashes of the data; ``executed`` names the kept notebooks, ``stated`` is what each page
    states, ``failed`` why one is not there.
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
        made = {stem: said["results"] for stem, said in self.stated.items()}
        empty = {stem for stem, results in made.items() if results and all(r["missing"] for r in results)}
        return [page for page in self.pages if page.stem in made.keys() - empty]

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
        for path in sorted(self.paths, key=lambda path: (-len(path), path)):
            value = value.replace(path, self.paths[path]) if isinstance(value, str) else value
        return value


@dataclass
class Build:
    """What all parts share: ``options`` are those of ``cxlab report``; ``hidden`` counts segments that are
    too small to be shown, ``told`` the pages that were made.
    """

    options: Namespace
    study: Any
    min_cell: int
    parts: list[Part]
    hidden: int = 0
    told: int = 0

    @property
    def pages(self) -> int:
        return sum(len(part.asked) for part in self.parts)

    @property
    def jobs(self) -> int:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
        return max(1, min(self.options.jobs or count, self.pages))

    def tell(self, part: Part, stem: str, word: str) -> None:
        """Say that a page is ready."""
        self.told += 1
        if self.parts:  # a worker of a cluster has none
            name = f"{part.folder}/{stem}" if part.folder else stem
            print(f"{word:8} {name} ({self.told} of {self.pages})", flush=True)


def versions() -> Mapping[str, str]:
    """Return the versions that a page names at its foot."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"CX Lab": __version__, "Python": python, **{name: version(name) for name in _PACKAGES}}
