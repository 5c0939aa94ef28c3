"""A study: which tables a reader has, with which settings; and opening each by its mapping file."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cxlab.data import files as of
from cxlab.data.convert import Conversion
from cxlab.data.errors import InputError, refuse_unknown, show
from cxlab.data.look import convert
from cxlab.data.mapping import Mapping, each, from_dict, read_mapping, read_yaml, shaped, text, texts, whole
from cxlab.data.privacy import personal_columns, plain_text, pseudonyms, settled
from cxlab.data.raw import ident
from cxlab.data.read import read_raw
from cxlab.data.table import Survey, Table
from cxlab.data.tables import KINDS, kind_named

_WHOLE = 500_000  # rows of events or visits up to which they are handed over as a DataFrame


@dataclass(frozen=True)
class Study:
    """What a params file says.

    ``tables`` are kind -> mapping file, ``own`` the study's parameters for every notebook that has them,
    ``notebooks`` those of one (``02``), ``personal`` columns that may appear, ``min_cell`` the smallest count
    that is shown, ``segment`` the value of a column that these rows share, in one report of several.
    """

    path: Path
    name: str
    tables: dict[str, Path] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    notebooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    personal: list[str] = field(default_factory=list)
    min_cell: int = 5
    segment: str = ""

    @property
    def files(self) -> list[Path]:
        """Every file that is read: the params file, mapping files, and their data (all files of a folder)."""
        found = [self.path, *self.tables.values()]
        for mapping in map(read_mapping, self.tables.values()):
            if mapping.source:
                path = Path(mapping.source)
                found += of.files_of(path) if path.is_dir() or not path.exists() else [path]
        return list(dict.fromkeys(path.resolve() for path in found))


def _parameter(value: Any, where: str) -> Any:
    simple = str | int | float | bool | None
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if not all(isinstance(item, simple) for item in inner):
        raise InputError(f"{where} must be a number, text, flag or list; got {show(value)}")
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else value


_KEYS = {
    "study": text, "tables": each(text), "parameters": each(_parameter),
    "notebooks": each(each(_parameter)), "personal": texts, "min_cell": whole, "segment": text,
}  # fmt: skip


def read_study(path: str | Path) -> Study:
    """Read and check a params file, or that of the folder which ``cxlab init`` made."""
    path = Path(path)
    path = path / "params.yaml" if path.is_dir() else path
    name = path.name
    found = shaped(read_yaml(path, typed=True), _KEYS, name)
    tables = {kind: (path.parent / file).resolve() for kind, file in found.get("tables", {}).items()}
    refuse_unknown(tables, KINDS, f"{name}, tables")
    if not tables:
        raise InputError(f"{name}: tables is empty; add one with cxlab init {path.parent} --from FILE")
    for kind, file in tables.items():
        if not file.is_file():
            said = f"the mapping file {show(file.name)} of table {kind} is not there"
            raise InputError(f"{name}: {said}; make it with cxlab init, or take the line out")
    notebooks = {key.removesuffix(".ipynb"): given for key, given in found.get("notebooks", {}).items()}
    title, own = found.pop("study", path.parent.resolve().name), found.pop("parameters", {})
    return Study(path.resolve(), title, own=own, **found | {"tables": tables, "notebooks": notebooks})


def read_settings(path: Path) -> dict[str, Any]:
    """Return the parameters of a file that holds nothing else, as an explorer copies them; {} for a study."""
    content = {"tables": {}} if path.is_dir() else read_yaml(path, typed=True)
    return {} if set(content) & set(_KEYS) else each(_parameter)(content, path.name)


def open_mapped(path: str | Path) -> Table:
    """Open a study's own data by the path of its mapping file: validated, under our names, nothing personal.

    Only columns that the table declares or the mapping names are kept (events and visits keep others that do
    not look personal). People's identifiers become numbers in the order of their first row, unless
    params.yaml names them. Events and visits beyond half a million rows stay in DuckDB, as an ibis table.
    """
    mapping, study = mapping_of(path)
    table, source = opened(converted(mapping)), Path(mapping.source)
    if source.is_file() and source.stat().st_size < 1_000_000_000:
        table = table.with_(sha256=of.sha256_of(source))
    if study is None:
        return table
    beside = {kind: file for kind, file in study.tables.items() if KINDS[kind].beside == table.kind}
    related = {kind: opened(converted(mapping_of(file)[0])).frame for kind, file in beside.items()}
    table = table.with_(min_cell=study.min_cell, related=related)
    if not study.segment:
        return table
    # One segment's rows, as its own report shows them: not split further, rare gaps left out.
    frame = table.frame[[name for name in table.frame.columns if name != "segment"]]
    if not isinstance(table, Survey):
        return table.with_(frame=frame)
    frame = settled(frame, min_cell=table.min_cell)
    if frame.empty:
        raise InputError(f"fewer than {table.min_cell} people answered the same questions")
    return table.with_(frame=frame, segments=[])


def own_frame(frame: Any, kind: str, content: dict[str, Any]) -> Table:
    """Open rows in memory by the content of a mapping; the owner's columns are not taken for personal."""
    given = {"table": kind, "personal": list(map(str, frame.columns)), **content}
    mapping = replace(from_dict(given, kind), source=frame)
    this = converted(mapping)
    if kind == "survey":  # only what was named is kept: everything else may be anything
        named = [*mapping.items, *mapping.segments, *mapping.roles.get("text", ()), "respondent"]
        named = this.ours([*named, mapping.weights, mapping.clusters, mapping.date])
        this.fields = [field for field in this.fields if field.ours in named]
    return opened(this).with_(name="own data")


def mapping_of(path: str | Path) -> tuple[Mapping, Study | None]:
    """Return a mapping with the study's personal columns; and the study beside it that names it."""
    mapping = read_mapping(path)
    if mapping.source is None:
        raise InputError(f"{Path(path).name}: the key file is missing; it names the data, as file: their.csv")
    params = mapping.path.with_name("params.yaml")
    study = read_study(params) if params.is_file() else None
    if study is None or mapping.path not in study.tables.values():
        return mapping, None
    return replace(mapping, personal=(*mapping.personal, *study.personal)), study


def converted(mapping: Mapping) -> Conversion:
    """Read and convert the table of a mapping."""
    kind = kind_named(mapping.table)
    return convert(read_raw(mapping.source, large=kind.large, **mapping.read), mapping, kind)


def opened(this: Conversion) -> Table:
    """Return a converted table, or raise what is wrong with it."""
    mapping, kind, name = this.mapping, this.kind, this.raw.name
    if this.faults:
        others = len(this.faults) - 1
        more = f" (and {others} more kinds of fault: see cxlab check)" if others else ""
        raise InputError(f"{name}: {this.faults[0]}{more}")
    sql = this.sql()
    allowed = {*mapping.personal, *map(mapping.ours, mapping.personal)}
    if kind.large and this.rows > _WHOLE:
        import ibis

        _guard(this, this.raw.all(f"{sql} limit 10000", "df"), allowed)
        this.raw.all(f"create or replace temp view {ident(kind.name)} as {sql}")
        frame: Any = ibis.duckdb.from_connection(this.raw.connection).table(kind.name)
    else:
        frame = this.raw.all(sql, "df")
        _guard(this, frame, allowed)
        frame = _finished(this, frame, allowed)
        if frame.empty:
            asked = " and ".join(f"{column} = {value}" for column, value in mapping.where.items())
            raise InputError(f"{name}: no row has {show(asked, 80)}; correct where: in the mapping file")
    own = this.raw.labels
    labels = {
        one.ours: own.get(one.theirs) or one.theirs
        for one in this.fields
        if one.theirs in own or (one.ours != one.theirs and len(one.theirs) > 24)
    }
    labels |= {mapping.ours(item): label for item, label in mapping.labels.items()}
    facts = {
        "name": mapping.path.stem if mapping.path else Path(name).stem,
        "title": plain_text(mapping.title or f"own data: {name}"),
        "licence": mapping.licence, "citation": mapping.citation,
        "notes": plain_text("; ".join(dict.fromkeys(filter(None, [mapping.notes, *this.notes])))),
        "labels": {plain_text(ours): plain_text(label) for ours, label in labels.items()},
    }  # fmt: skip
    if kind.name == "survey":
        return _survey(this, frame, facts)
    return Table(frame=frame, kind=kind.name, **facts)


def _guard(this: Conversion, frame: pd.DataFrame, allowed: set[str]) -> None:
    """Refuse columns of words that would be shown and tell who somebody is."""
    words = [one for one in this.fields if one.column.holds == "text" and not one.column.personal]
    shown = {plain_text(one.ours): one.theirs for one in words if not {one.ours, one.theirs} & allowed}
    for ours, reason in personal_columns(frame[list(shown)]).items():
        if reason.startswith(("holds", "is named")):
            raise InputError(
                f"{this.raw.name}, column {show(shown[ours])} {reason}, and it would be shown; "
                "take it out of the mapping, or name it under personal: in params.yaml"
            )


def _finished(this: Conversion, frame: pd.DataFrame, allowed: set[str]) -> pd.DataFrame:
    """Give every column its type, and people numbers for names."""
    changed = {}
    for one in this.fields:
        name, column = plain_text(one.ours), one.column
        if column.holds in ("whole", "flag") and frame[name].notna().all():
            changed[name] = frame[name].astype("int64" if column.holds == "whole" else bool)
        elif column.holds in ("text", "id"):
            hide = column.personal and column.holds == "id" and not {one.ours, one.theirs} & allowed
            changed[name] = pseudonyms(frame[name].astype("str")) if hide else frame[name].astype("str")
    return frame.assign(**changed)


def _survey(this: Conversion, frame: pd.DataFrame, facts: dict[str, Any]) -> Survey:
    mapping, name = this.mapping, this.raw.name

    def ours(names) -> list[str]:
        return [plain_text(one) for one in this.ours(names)]

    def of_groups(groups: dict[str, list[str]]) -> dict[str, list[str]]:
        return {plain_text(group): ours(items) for group, items in groups.items()}

    outcomes = of_groups(mapping.outcomes)
    if not outcomes:
        raise InputError(f"{name}: no outcome is named; say what to explain, as outcomes: {{loyalty: [Q10]}}")
    for outcome, items in outcomes.items():
        if outcome in frame and items != [outcome]:
            raise InputError(f"{name}: the outcome {show(outcome)} is also a column; call it something else")
    if "respondent" not in frame:
        numbers = pd.Series([str(i) for i in range(1, len(frame) + 1)], index=frame.index, dtype="str")
        frame.insert(0, "respondent", numbers)
    ranges = {plain_text(one.ours): (one.column.low, one.column.high) for one in this.fields}
    single = {key: getattr(mapping, key) for key in ("weights", "clusters", "date")}
    return Survey(
        frame=frame, blocks=of_groups(mapping.blocks), outcomes=outcomes, roles=of_groups(mapping.roles),
        segments=ours(mapping.segments), scale=mapping.range,
        ranges={item: ends for item, ends in ranges.items() if None not in ends},
        outcome=plain_text(mapping.default_outcome) or next(iter(outcomes)),
        **{key: ours([column])[0] if column else None for key, column in single.items()}, **facts,
    )  # fmt: skip
