"""An executed notebook, the same bytes on every run, and what it states: results, numbers and sources."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Spelled out as in questions.result, whose import takes the time that an unchanged report needs in all.
RESULT = "application/vnd.cxlab.result+json"
PART = "application/vnd.cxlab.part+json"
PLOTLY = "application/vnd.plotly.v1+json"
EXPLORE = "application/vnd.cxlab.explore+json"
SOURCE = "application/vnd.cxlab.source+json"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,16}\b")  # of an object
_STYLED = re.compile(r"\bT_[0-9a-f]{5}(?=[\"'_ {#.,\\]|$)")  # the id that pandas draws for a styled table


def stabilise(notebook: dict[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """Return a notebook as papermill ran it without what differs between two runs of the same inputs.

    ``paths`` are folders and files of this machine, each with the words that stand for it in the report.
    """
    top = notebook["metadata"].get("papermill", {})
    notebook["metadata"]["papermill"] = {key: top[key] for key in ("parameters", "version") if key in top}
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number:03d}"
        cell["metadata"].pop("papermill", None)
    text = to_json(notebook)
    for path in sorted(paths, key=lambda path: (-len(path), path)):
        for form in (path, path.encode("unicode_escape").decode(), json.dumps(path)[1:-1], repr(path)[1:-1]):
            old, new = (json.dumps(each, ensure_ascii=False)[1:-1] for each in (form, paths[path]))
            text = text.replace(old, new)
    ids: dict[str, str] = {}
    text = _STYLED.sub(lambda match: ids.setdefault(match[0], f"T_{len(ids):05d}"), text)
    return json.loads(_ADDRESS.sub("0x0", text))


def to_json(value: Any) -> str:
    """Return JSON in the one form in which we publish it."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


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
    """Return what a page states: ``results`` (in order), ``lead`` (the one that answers the page, or None),
    ``numbers`` (name -> what is recorded of it) and ``sources`` (list of dicts, each once).

    Raises ValueError when a notebook records two values under one name.
    """
    results = list(outputs_of(notebook, RESULT))
    numbers: dict[str, dict[str, Any]] = {}
    for number in (number for result in results for number in result["numbers"]):
        known = numbers.setdefault(number["name"], number)
        if any(known[key] != number[key] for key in ("value", "low", "high", "unit")):
            name = number["name"]
            raise ValueError(f"{name!r} is recorded twice with different values; name each quantity once")
    sources = {str(source.get("name")): source for source in outputs_of(notebook, SOURCE)}
    lead = lead_of(results)
    return {"results": results, "lead": lead, "numbers": numbers, "sources": list(sources.values())}


def lead_of(results: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the result that answers a page: its lead, or the first that there is where its data lack."""
    told = [result for result in results if result["finding"] and (result["lead"] or not result["missing"])]
    return min(told, key=lambda result: (result["missing"], not result["lead"]), default=None)


def results_of(stated: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what results.json holds: notebook, name, ``value low high unit n label simulated source``."""
    keys = ("value", "low", "high", "unit", "n", "label", "simulated", "source")
    return {
        stem: {name: {key: number.get(key) for key in keys} for name, number in page["numbers"].items()}
        for stem, page in stated.items()
    }
