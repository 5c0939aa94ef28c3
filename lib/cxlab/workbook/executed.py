"""An executed notebook, the same bytes on every run, and what it states: results, numbers and sources."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Spelled out as in questions.result, whose import takes the time that an unchanged report needs in all.
RESULT = "application/vnd.cxlab.result+json"
PART = "application/vnd.cxlab.part+json"
PLOTLY = "application/vnd.plotly.v1+json"
EXPLORE = "application/vnd.cxlab.explore+json"
SOURCE = "application/vnd.cxlab.source+json"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,16}\b")
_STYLER = re.compile(r"\bT_([0-9a-f]{5})(?=[\"'_ {#.,]|$)")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_SESSION = re.compile(r"/[^\s\"']*ipykernel_\d+/\d+\.py")
_WIDGETS = "application/vnd.jupyter.widget-view+json"


def stabilise(notebook: dict[str, Any], paths: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Take out whatever differs between two runs of the same inputs: clocks, ids, addresses, paths.

    Parameters
    ----------
    notebook : dict
        As executed by papermill; changed in place and returned.
    paths : mapping, optional
        Folders and files of this machine, each with the words that stand for it in the report.
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
        cell.setdefault("id", f"cell-{number:03d}")
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            output.get("data", {}).pop(_WIDGETS, None)
            output.update(
                {
                    key: replace.all(output[key])
                    for key in ("data", "text", "traceback", "evalue")
                    if key in output
                }
            )
            if "metadata" in output:
                output["metadata"] = {}
    return notebook


class _Replacer:
    """Replaces paths (also as papermill escapes them), then random ids by the order in which they are met."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        forms = {form: words for path, words in paths.items() for form in _forms(path)}
        self._paths = sorted(forms.items(), key=lambda item: (-len(item[0]), item[0]))
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


def _forms(path: str) -> set[str]:
    return {path, path.encode("unicode_escape").decode(), json.dumps(path)[1:-1], repr(path)[1:-1]}


def to_text(notebook: dict[str, Any]) -> str:
    """Return a notebook as text in one fixed form."""
    return json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def outputs_of(notebook: Mapping[str, Any], mime: str) -> Iterator[dict[str, Any]]:
    """Yield what the cells have displayed under a mime type, in order."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if mime in output.get("data", {}):
                yield output["data"][mime]


def plain_arrays(value: Any) -> Any:
    """Return plotly's base64 arrays as lists."""
    if isinstance(value, list):
        return [plain_arrays(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not {"bdata", "dtype"} <= set(value):
        return {key: plain_arrays(item) for key, item in value.items()}
    import numpy as np

    array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
    return array.reshape([int(size) for size in str(value.get("shape", -1)).split(",")]).tolist()


def collect(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a page states.

    Returns
    -------
    dict
        ``results`` (in order), ``lead`` (the one that answers the page, or None), ``numbers`` (name -> what
        is recorded of it) and ``sources`` (list of dicts, each once).

    Raises
    ------
    ValueError
        When a notebook records two values under one name.
    """
    results = list(outputs_of(notebook, RESULT))
    numbers: dict[str, dict[str, Any]] = {}
    for result in results:
        for number in result["numbers"]:
            known = numbers.setdefault(number["name"], number)
            if any(known[key] != number[key] for key in ("value", "low", "high", "unit")):
                raise ValueError(
                    f"{number['name']!r} is recorded twice with different values; name each quantity once"
                )
    sources = {str(source.get("name")): source for source in outputs_of(notebook, SOURCE)}
    answers = [result for result in results if result["finding"] and not result["missing"]]
    leads = [result for result in results if result.get("lead")]
    lead = next(iter([*(each for each in leads if each in answers), *answers, *leads]), None)
    return {"results": results, "lead": lead, "numbers": numbers, "sources": list(sources.values())}


def results_of(stated: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what results.json holds: notebook, name, ``value low high unit n label simulated source``."""
    keys = ("value", "low", "high", "unit", "n", "label", "simulated", "source")
    return {
        stem: {name: {key: number.get(key) for key in keys} for name, number in page["numbers"].items()}
        for stem, page in stated.items()
    }


def to_json(value: Any) -> str:
    """Return JSON in the one form in which we publish it."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
