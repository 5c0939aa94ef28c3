"""A study: which tables a reader has, with which settings; and opening each by its mapping file.

For the report: ``read_study(params) -> Study``. ``Study.parameters`` are what notebooks get: the mapping file
of each table under the table's parameter (``source`` for the survey, else the kind; ``""`` where a study has
none) and the study's own. ``Study.files`` are all files whose bytes a report depends on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlab.data import files as of
from cxlab.data.convert import Conversion
from cxlab.data.errors import InputError, raise_faults, refuse_unknown, show
from cxlab.data.look import convert
from cxlab.data.mapping import Mapping, from_dict, read_mapping, read_yaml
from cxlab.data.privacy import checked_cell, personal_columns, plain_text, pseudonyms, settled
from cxlab.data.raw import ident
from cxlab.data.read import read_raw
from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.data.tables import KINDS, kind_named

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("study", "tables", "parameters", "notebooks", "personal", "min_cell", "segment")
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
    personal: tuple[str, ...] = ()
    min_cell: int = 5
    segment: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of every notebook."""
        tables = {("source" if kind == "survey" else kind): str(self.tables.get(kind, "")) for kind in KINDS}
        return {
            name: path for name, path in tables.items() if not KINDS.get(name, KINDS["survey"]).beside
        } | self.own

    @property
    def files(self) -> list[Path]:
        """Every file that is read: the params file, mapping files, and their data (all files of a folder)."""
        found = [self.path, *self.tables.values()]
        for mapping in map(read_mapping, self.tables.values()):
            if mapping.source:
                path = Path(mapping.source)
                found += of.files_of(path, glob=True) if path.is_dir() or not path.exists() else [path]
        return list(dict.fromkeys(path.resolve() for path in found))


def read_study(path: str | Path) -> Study:
    """Read and check a params file, or that of the folder which ``cxlab init`` made."""
    path = Path(path)
    path = path / "params.yaml" if path.is_dir() else path
    content = read_yaml(path, typed=True)
    name = path.name
    refuse_unknown(content, _KEYS, name)
    tables = {}
    for kind, mapping in _lines(content, "tables", name).items():
        refuse_unknown([kind], KINDS, f"{name}, tables")
        if not isinstance(mapping, str) or not mapping:
            raise InputError(
                f"{name}: tables, {kind} must name its mapping file ({kind}.yaml), got {show(mapping)}"
            )
        tables[kind] = (path.parent / mapping).resolve()
        if not tables[kind].is_file():
            raise InputError(
                f"{name}: the mapping file {show(mapping)} of table {kind} is not there; "
                f"make it with cxlab init {path.parent} --table {kind} --from FILE, or take the line out"
            )
    if not tables:
        raise InputError(f"{name}: tables is empty; add one with cxlab init {path.parent} --from FILE")
    notebooks = {}
    for stem, given in _lines(content, "notebooks", name).items():
        if not isinstance(given, dict):
            raise InputError(f"{name}: notebooks, {stem} must hold 'name: value' lines; got {show(given)}")
        notebooks[stem.removesuffix(".ipynb")] = {str(k): _plain(v, k, name) for k, v in given.items()}
    personal, title = content.get("personal") or [], content.get("study") or path.parent.resolve().name
    if not isinstance(personal, list) or any(isinstance(entry, dict | list) for entry in personal):
        raise InputError(f"{name}: personal must be a list such as [email], got {show(personal)}")
    if isinstance(title, dict | list):
        raise InputError(f"{name}: study must be one line, the study's name; got {show(title)}")
    return Study(
        path.resolve(), str(title), tables,
        {key: _plain(value, key, name) for key, value in _lines(content, "parameters", name).items()},
        notebooks, tuple(map(str, personal)), checked_cell(content.get("min_cell", 5), f"{name}: min_cell"),
        str(content.get("segment") or ""),
    )  # fmt: skip


def read_settings(path: Path) -> dict[str, Any]:
    """Return the parameters of a file that holds nothing else, as an explorer copies them; {} for a study."""
    content = {} if path.is_dir() else read_yaml(path, typed=True)
    plain = {} if set(content) & set(_KEYS) else content
    return {str(key): _plain(value, key, path.name) for key, value in plain.items()}


def _lines(content: dict, key: str, name: str) -> dict[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise InputError(f"{name}: {key} must hold 'name: value' lines; got {show(value)}")
    return {str(inner): item for inner, item in value.items()}


def _plain(value: Any, key: object, name: str) -> Any:
    """Return a parameter: a number, a text, true/false, or a list or 'name: value' lines of them."""
    simple = str | int | float | bool
    if isinstance(value, simple) or value is None:
        return value
    if isinstance(value, list) and all(isinstance(item, simple) for item in value):
        return value
    if isinstance(value, dict) and all(isinstance(item, simple) for item in value.values()):
        return {str(inner): item for inner, item in value.items()}
    raise InputError(f"{name}: parameter {show(key)} must be a number, text, flag or list; got {show(value)}")


def find_study(mapping: str | Path) -> Study | None:
    """Return the study whose params.yaml stands beside a mapping file and names it, None otherwise."""
    mapping = Path(mapping).resolve()
    params = mapping.parent / "params.yaml"
    study = read_study(params) if params.is_file() else None
    return study if study and mapping in study.tables.values() else None


def open_mapped(path: str | Path) -> Table:
    """Open a study's own data by the path of its mapping file: validated, under our names, nothing personal.

    Only columns that the table declares or the mapping names are kept (events and visits keep others that do
    not look personal). People's identifiers become numbers in the order of their first row, unless
    params.yaml names them. Events and visits beyond half a million rows stay in DuckDB, as an ibis table.
    """
    mapping, study = mapping_of(path)
    table = opened(converted(mapping))
    if study is None:
        return table
    beside = {kind: mapping for kind, mapping in study.tables.items() if KINDS[kind].beside == table.kind}
    related = {kind: opened(converted(mapping_of(mapping)[0])).frame for kind, mapping in beside.items()}
    table = table.with_(min_cell=study.min_cell, related=related)
    return _part(table) if study.segment else table


def _part(table: Table) -> Table:
    """Return one segment's rows as its own report shows them: not split further, rare gaps left out."""
    frame = table.frame[[name for name in table.frame.columns if name != "segment"]]
    if not isinstance(table, Survey):
        return table.with_(frame=frame)
    frame = settled(frame, min_cell=table.min_cell)
    if frame.empty:
        raise InputError(f"fewer than {table.min_cell} people answered the same questions")
    return table.with_(frame=frame, segments=[])


def own_frame(frame: Any, kind: str, content: dict[str, Any]) -> Table:
    """Open rows in memory by the content of a mapping; the owner's columns are not taken for personal."""
    mapping = replace(from_dict(content, kind, kind), source=frame, personal=tuple(map(str, frame.columns)))
    this = converted(mapping)
    if kind == "survey":  # only what was named is kept: everything else may be anything
        named = [*mapping.items, *mapping.segments, *mapping.roles.get("text", ()), "respondent"]
        named = this.ours([*named, mapping.weights, mapping.clusters, mapping.date])
        this.fields = [field for field in this.fields if field.ours in named]
    return opened(this).with_(name="own data")


def mapping_of(path: str | Path) -> tuple[Mapping, Study | None]:
    """Return a mapping with the study's personal columns, and its study."""
    mapping = read_mapping(path)
    if mapping.source is None:
        raise InputError(f"{Path(path).name}: the key file is missing; it names the data, as file: their.csv")
    study = find_study(path)
    return (replace(mapping, personal=(*mapping.personal, *study.personal)) if study else mapping), study


def converted(mapping: Mapping) -> Conversion:
    """Read and convert the table of a mapping."""
    kind = kind_named(mapping.table)
    return convert(read_raw(mapping.source, large=kind.large, **mapping.read), mapping, kind)


def opened(this: Conversion) -> Table:
    """Return a converted table, or raise what is wrong with it."""
    mapping, kind, name = this.mapping, this.kind, this.raw.name
    raise_faults(name, this.faults)
    sql, rows = this.sql(), this.rows
    allowed = {*mapping.personal, *map(mapping.ours, mapping.personal)}
    if kind.large and rows > _WHOLE:
        import ibis

        _guard(this, this.frame(f"{sql} limit 10000"), allowed)
        this.raw.all(f"create or replace temp view {ident(kind.name)} as {sql}")
        frame: Any = ibis.duckdb.from_connection(this.raw.connection).table(kind.name)
    else:
        frame = this.frame(sql)
        _guard(this, frame, allowed)
        frame = _finished(this, frame, allowed)
        if frame.empty:
            asked = " and ".join(f"{column} = {value}" for column, value in mapping.where.items())
            raise InputError(f"{name}: no row has {show(asked, 80)}; correct where: in the mapping file")
    notes = "; ".join(dict.fromkeys(filter(None, [mapping.notes, *this.notes])))
    facts = {
        "name": mapping.path.stem if mapping.path else Path(name).stem,
        "title": plain_text(mapping.title or f"own data: {name}"),
        "licence": mapping.licence, "citation": mapping.citation, "notes": plain_text(notes),
        "sha256": this.raw.sha256,
        "labels": {plain_text(ours): plain_text(text) for ours, text in _labels(this).items()},
    }  # fmt: skip
    return (
        _survey(this, frame, facts) if kind.name == "survey" else Table(frame=frame, kind=kind.name, **facts)
    )


def _labels(this: Conversion) -> dict[str, str]:
    """What pages call a column: as the mapping says, else its text in the file, else its long name."""
    own = this.raw.labels
    named = [
        one for one in this.fields if one.theirs in own or (one.ours != one.theirs and len(one.theirs) > 24)
    ]
    texts = {one.ours: own.get(one.theirs) or one.theirs for one in named}
    return texts | {this.mapping.ours(item): label for item, label in this.mapping.labels.items()}


def _guard(this: Conversion, frame: pd.DataFrame, allowed: set[str]) -> None:
    """Refuse columns of words that would be shown and tell who somebody is."""
    shown = [f for f in this.fields if f.column.holds == "text" and not f.column.personal]
    shown = [f for f in shown if not {f.ours, f.theirs} & allowed and plain_text(f.ours) in frame]
    found = personal_columns(frame[[plain_text(f.ours) for f in shown]])
    for one in shown:
        reason = found.get(plain_text(one.ours), "")
        if reason.startswith(("holds", "is named")):
            raise InputError(
                f"{this.raw.name}, column {show(one.theirs)} {reason}, and it would be shown; "
                "take it out of the mapping, or name it under personal: in params.yaml"
            )


def _finished(this: Conversion, frame: pd.DataFrame, allowed: set[str]) -> pd.DataFrame:
    changed = {}
    for one in this.fields:
        name, column = plain_text(one.ours), one.column
        complete = frame[name].notna().all()
        if column.holds in ("whole", "flag") and complete:
            changed[name] = frame[name].astype("int64" if column.holds == "whole" else bool)
        elif column.holds in ("text", "id"):
            texts = frame[name].astype("str")
            hide = column.personal and column.holds == "id" and not {one.ours, one.theirs} & allowed
            changed[name] = pseudonyms(texts) if hide else texts
    return frame.assign(**changed)


def _survey(this: Conversion, frame: pd.DataFrame, facts: dict[str, Any]) -> Survey:
    import pandas as pd

    mapping, name = this.mapping, this.raw.name

    def ours(names) -> list[str]:
        return [plain_text(one) for one in this.ours(names)]

    blocks = {plain_text(side): ours(items) for side, items in mapping.blocks.items()}
    outcomes = {plain_text(outcome): ours(items) for outcome, items in mapping.outcomes.items()}
    if not outcomes:
        raise InputError(f"{name}: no outcome is named; say what to explain, as outcomes: {{loyalty: [Q10]}}")
    for outcome, items in outcomes.items():
        if outcome in frame and items != [outcome]:
            raise InputError(f"{name}: the outcome {show(outcome)} is also a column; call it something else")
    if "respondent" not in frame:
        numbers = pd.Series([str(i) for i in range(1, len(frame) + 1)], index=frame.index, dtype="str")
        frame.insert(0, "respondent", numbers)
    low_high = {plain_text(one.ours): (one.column.low, one.column.high) for one in this.fields}
    ranges = {item: bounds for item, bounds in low_high.items() if None not in bounds}
    one = {
        key: (ours([getattr(mapping, key)])[0] if getattr(mapping, key) else None)
        for key in ("weights", "clusters", "date")
    }
    return Survey(
        frame=frame, blocks=blocks, outcomes=outcomes, segments=ours(mapping.segments), scale=mapping.range,
        ranges=ranges,
        outcome=plain_text(mapping.default_outcome) or next(iter(outcomes)),
        roles={role: ours(items) for role, items in mapping.roles.items()}, **one, **facts,
    )  # fmt: skip
