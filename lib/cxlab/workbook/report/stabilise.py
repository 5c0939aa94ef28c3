"""The same notebook, byte for byte, on every run: clocks, ids, addresses and paths are taken out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["collect", "stabilise", "to_text"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,16}\b")
_STYLER = re.compile(r"\bT_([0-9a-f]{5})(?=[\"'_ {#.,]|$)")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_SESSION = re.compile(r"/tmp/ipykernel_\d+/\d+\.py")
_WIDGETS = "application/vnd.jupyter.widget-view+json"
_PREFIX = "application/vnd.cxlab."


def stabilise(notebook: dict[str, Any], paths: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an executed notebook without anything that differs between two runs of the same inputs.

    Parameters
    ----------
    notebook : dict
        As executed by papermill; changed in place.
    paths : mapping, optional
        Folders and files of this machine, each with the words that stand for it in the report.

    Returns
    -------
    dict
        Without timings, widget state, memory addresses and random ids; the injected cell has a fixed id.
    """
    replace = _Replacer(paths or {})
    top = notebook.setdefault("metadata", {})
    top.pop("widgets", None)
    if "papermill" in top:
        kept = {key: top["papermill"][key] for key in ("parameters", "version") if key in top["papermill"]}
        top["papermill"] = replace.all(kept)
    for number, cell in enumerate(notebook["cells"]):
        metadata = cell.setdefault("metadata", {})
        for name in ("papermill", "execution", "ExecuteTime"):
            metadata.pop(name, None)
        if "injected-parameters" in metadata.get("tags", []):
            cell["id"] = "injected-parameters"
            cell["source"] = replace.all(cell["source"])
        else:
            cell.setdefault("id", f"cell-{number:03d}")
        if cell["cell_type"] == "code":
            cell["outputs"] = [_output(output, replace) for output in cell.get("outputs", [])]
    return notebook


class _Replacer:
    """Replaces paths, then random ids by the order in which they are met."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = sorted(paths.items(), key=lambda item: -len(item[0]))
        self._styles: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.all(item) for item in value]
        if isinstance(value, dict):
            return {key: self.all(item) for key, item in value.items()}
        return value

    def _text(self, text: str) -> str:
        for path, words in self._paths:
            if path in text:
                text = text.replace(path, words)
        if "ipykernel_" in text:
            text = _SESSION.sub("<cell>", text)
        if "0x" in text:
            text = _ADDRESS.sub("0x0", text)
        if "T_" in text:
            text = _STYLER.sub(self._numbered(self._styles, "T_{:05d}"), text)
        if text.count("-") >= 4:
            text = _UUID.sub(self._numbered(self._ids, "00000000-0000-0000-0000-{:012d}"), text)
        return text

    @staticmethod
    def _numbered(seen: dict[str, str], form: str) -> Callable[[re.Match[str]], str]:
        return lambda match: seen.setdefault(match[0], form.format(len(seen)))


def _output(output: dict[str, Any], replace: _Replacer) -> dict[str, Any]:
    output.pop("transient", None)
    if "data" in output:
        output["data"].pop(_WIDGETS, None)
        output["data"] = replace.all(output["data"])
    if "metadata" in output:
        output["metadata"] = {}
    for key in ("text", "traceback", "evalue"):
        if key in output:
            output[key] = replace.all(output[key])
    return output


def to_text(notebook: dict[str, Any]) -> str:
    """Return a notebook as text in one fixed form."""
    return json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def collect(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return what a page states: its records, conclusions and sources, in order.

    Returns
    -------
    dict
        ``records`` (list of dicts), ``conclusions`` (list of sentences), ``sources`` (list of dicts, each once).

    Raises
    ------
    ValueError
        When a notebook records the same name twice.
    """
    records: dict[str, dict[str, Any]] = {}
    conclusions: list[str] = []
    sources: dict[str, dict[str, Any]] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if f"{_PREFIX}record+json" in data:
                record = data[f"{_PREFIX}record+json"]
                if record["name"] in records:
                    raise ValueError(
                        f"{record['name']!r} is recorded twice; a name must be unique in its notebook"
                    )
                records[record["name"]] = record
            if f"{_PREFIX}conclusion+json" in data:
                conclusions.append(data[f"{_PREFIX}conclusion+json"]["sentence"])
            if f"{_PREFIX}source+json" in data:
                source = data[f"{_PREFIX}source+json"]
                sources.setdefault(str(source.get("name")), source)
    return {"records": list(records.values()), "conclusions": conclusions, "sources": list(sources.values())}
