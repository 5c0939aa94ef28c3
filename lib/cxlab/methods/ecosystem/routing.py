"""The insight router: each finding goes to the layer that can act on it, with its evidence and a date."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import benjamini_hochberg
from cxlab.methods.outlets._checks import require

__all__ = ["ACT_WITHIN", "LAYERS", "OWNERS", "RouterFiles", "find_issues", "route", "router_files"]

LAYERS = ["outlet", "organisation", "central office"]
OWNERS = {
    "outlet": "outlet manager",
    "organisation": "experience lead of the organisation",
    "central office": "central experience office",
}
ACT_WITHIN = {"outlet": 14, "organisation": 30, "central office": 60}


def find_issues(
    complaints: pd.DataFrame,
    rated: pd.DataFrame,
    *,
    whole: Mapping[str, str] | None = None,
    discovery: float = 0.05,
    smallest: float = 1.25,
    min_cell: int = 5,
) -> pd.DataFrame:
    """Find where each issue stands out: at one outlet, in one organisation, or only in the whole.

    Parameters
    ----------
    complaints : DataFrame
        One row a complaint: ``issue outlet organisation timestamp``.
    rated : DataFrame
        One row an outlet: ``outlet organisation n``, the rated visits that it could have come from.
    whole : dict, optional
        Issue -> reason, for issues that the central office should see whatever stands out below: those with the
        most harm, those that only the pooled data show.
    discovery : float
        False-discovery rate, over all issues and places of a layer.
    smallest : float
        The interval of the ratio must lie above this: what is real but slight is not worth an owner's time.
    min_cell : int
        A finding with fewer complaints is not made.

    Returns
    -------
    DataFrame, central office first, then by ratio
        ``layer issue organisation outlet n expected ratio low high p since reason``: ratio of complaints to what the
        layer above would lead one to expect (for the central office: 1), its exact Poisson interval; since the day of
        the first complaint.

    Notes
    -----
    Organisations are held against the whole, outlets against their own organisation, each given its rated visits:
    exact one-sided Poisson tests. What is common to an organisation is thus its own finding, once, and not one of
    each of its outlets.
    """
    require(complaints, ["issue", "outlet", "organisation", "timestamp"], "complaints")
    require(rated, ["outlet", "organisation", "n"], "rated")
    if complaints.empty:
        raise InputError("complaints has no rows: there is nothing to route")
    places = rated.groupby(["organisation", "outlet"], as_index=False, observed=True)["n"].sum()
    total = places["n"].sum()
    central = _counted(complaints, ["issue"])
    central = central[central["issue"].isin(list(whole or {}))]
    central = central.assign(
        expected=central["n"].astype(float), layer="central office", organisation="all", outlet="all"
    )
    central["reason"] = central["issue"].map(dict(whole or {}))

    organisation = _counted(complaints, ["issue", "organisation"])
    visits = places.groupby("organisation")["n"].sum()
    everywhere = complaints.groupby("issue").size()
    organisation["expected"] = (
        organisation["issue"].map(everywhere) / total * organisation["organisation"].map(visits)
    ).astype(float)
    organisation = organisation.assign(
        layer="organisation", outlet="all", reason="more often than in the whole"
    )

    outlet = _counted(complaints, ["issue", "organisation", "outlet"])
    above = organisation.set_index(["issue", "organisation"])["n"]
    keys = pd.MultiIndex.from_frame(outlet[["issue", "organisation"]])
    share = above.reindex(keys).to_numpy(float) / visits.reindex(outlet["organisation"]).to_numpy(float)
    outlet["expected"] = share * places.set_index("outlet")["n"].reindex(outlet["outlet"]).to_numpy(float)
    outlet = outlet.assign(layer="outlet", reason="more often than in its organisation")

    parts = [central.assign(p=np.nan)]
    for part, tests in ((organisation, places["organisation"].nunique()), (outlet, len(places))):
        parts.append(_stand_out(part, tests * len(everywhere), discovery, min_cell))
    table = pd.concat(parts, ignore_index=True)
    table = table[table["n"] >= min_cell]
    table["ratio"] = table["n"] / table["expected"]
    table["low"], table["high"] = _poisson_ratio(
        table["n"].to_numpy(float), table["expected"].to_numpy(float)
    )
    table = table[(table["layer"] == LAYERS[-1]) | (table["low"] > smallest)]
    table["place"] = table["layer"].map({layer: place for place, layer in enumerate(LAYERS[::-1])})
    table = table.sort_values(
        ["place", "ratio", "n", "issue", "outlet"], ascending=[True, False, False, True, True]
    )
    columns = [
        "layer",
        "issue",
        "organisation",
        "outlet",
        "n",
        "expected",
        "ratio",
        "low",
        "high",
        "p",
        "since",
        "reason",
    ]
    return table[columns].reset_index(drop=True)


def route(
    found: pd.DataFrame,
    *,
    as_of: str | pd.Timestamp,
    owners: Mapping[str, str] | None = None,
    act_within: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Give each finding an owner, an age and the day on which it goes one layer up.

    Parameters
    ----------
    found : DataFrame of :func:`find_issues`
    as_of : date
        The day of the report: the last day of the data, never today's, so that a report stays the same.
    owners, act_within : dict, optional
        Layer -> role, layer -> days. Defaults :data:`OWNERS` and :data:`ACT_WITHIN`.

    Returns
    -------
    DataFrame, in the order of the input
        ``finding layer organisation outlet issue evidence owner_role age_days act_by escalate_to``: age since the
        first complaint; where nothing has happened by ``act_by`` it goes to ``escalate_to`` (the central office's
        findings to the "steering board").
    """
    owners, act_within = {**OWNERS, **(owners or {})}, {**ACT_WITHIN, **(act_within or {})}
    unknown = sorted(set(found["layer"]) - set(LAYERS))
    if unknown:
        raise InputError(f"layer {unknown[0]!r} is not one of {', '.join(LAYERS)}")
    as_of = pd.Timestamp(as_of).normalize()
    above = dict(zip(LAYERS, [*LAYERS[1:], "steering board"], strict=True))
    evidence = [
        f"{row.n:.0f} complaints, {row.reason}"
        if row.layer == LAYERS[-1]
        else f"{row.n:.0f} complaints, {row.ratio:.1f} times expected ({row.low:.1f} to {row.high:.1f})"
        for row in found.itertuples()
    ]
    return pd.DataFrame(
        {
            "finding": [f"R{number:03d}" for number in range(1, len(found) + 1)],
            "layer": found["layer"].to_numpy(),
            "organisation": found["organisation"].to_numpy(),
            "outlet": found["outlet"].to_numpy(),
            "issue": found["issue"].to_numpy(),
            "evidence": evidence,
            "owner_role": found["layer"].map(owners).to_numpy(),
            "age_days": (as_of - pd.to_datetime(found["since"]).dt.normalize()).dt.days.to_numpy(),
            "act_by": [
                str((as_of + pd.Timedelta(days=act_within[layer])).date()) for layer in found["layer"]
            ],
            "escalate_to": found["layer"].map(above).to_numpy(),
        }
    )


@dataclass(frozen=True)
class RouterFiles:
    """The router as files: text that shows as two download links on a page, or that ``save`` writes."""

    csv: str
    json: str

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``router.csv`` and ``router.json`` into ``folder`` and return their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / "router.csv", folder / "router.json"]
        for path, text in zip(paths, (self.csv, self.json), strict=True):
            path.write_text(text, encoding="utf-8")
        return paths

    def _repr_html_(self) -> str:
        links = []
        for name, kind, text in (
            ("router.csv", "text/csv", self.csv),
            ("router.json", "application/json", self.json),
        ):
            body = base64.b64encode(text.encode()).decode()
            links.append(f'<a download="{name}" href="data:{kind};base64,{html.escape(body)}">{name}</a>')
        return "<p>Download the router: " + " or ".join(links) + ".</p>"

    def __repr__(self) -> str:
        return f"router.csv ({self.csv.count(chr(10)) - 1} findings), router.json"


def router_files(router: pd.DataFrame) -> RouterFiles:
    """Return the router as CSV and JSON text; cells that a spreadsheet would run as a formula are defused."""
    safe = router.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            text = safe[name].astype(str)
            safe[name] = text.where(~text.str.match(r"^[=+\-@\t\r]"), "'" + text)
    records = json.loads(router.to_json(orient="records"))
    return RouterFiles(safe.to_csv(index=False, lineterminator="\n"), json.dumps(records, indent=1) + "\n")


def _counted(complaints: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    grouped = complaints.groupby(keys, observed=True)["timestamp"].agg(n="size", since="min")
    return grouped.reset_index()


def _stand_out(part: pd.DataFrame, tests: int, discovery: float, min_cell: int) -> pd.DataFrame:
    """Keep what survives the false-discovery control over all ``tests`` places, those without complaints included."""
    from scipy.special import pdtrc

    p = pdtrc(part["n"].to_numpy(float) - 1, part["expected"].to_numpy(float))
    family = np.r_[p, np.ones(max(0, tests - len(p)))]
    keep = benjamini_hochberg(family, discovery)[0][: len(p)]
    return part.assign(p=p)[keep & (part["n"].to_numpy() >= min_cell)]


def _poisson_ratio(n: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import gammaincinv

    return gammaincinv(n, 0.025) / expected, gammaincinv(n + 1, 0.975) / expected
