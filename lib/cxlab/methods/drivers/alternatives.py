"""The same question asked in other ways: other models of one survey, other surveys, a published model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.importance import decompose, limits
from cxlab.methods.drivers.inputs import check_level, composite_weights, prepare
from cxlab.methods.drivers.ordinal import ordinal_importance
from cxlab.methods.drivers.readings import main_sides
from cxlab.methods.drivers.subsets import bootstrap_covariances, shapley_r2
from cxlab.methods.intervals import normal_quantile
from cxlab.methods.missing import fills

__all__ = ["alternative_splits", "compare_surveys", "ecsi_paths", "missing_bounds"]

# The ECSI model of Tenenhaus et al. 2005 on the same 250 answers: PLS path coefficients, centroid scheme
# (plspm 0.5.1; to four digits also openpls 1.13).
_ECSI_ITEMS = {
    "image": ["IMAG1", "IMAG2", "IMAG3", "IMAG4", "IMAG5"],
    "expectation": ["CUEX1", "CUEX2", "CUEX3"],
    "quality": ["PERQ1", "PERQ2", "PERQ3", "PERQ4", "PERQ5", "PERQ6", "PERQ7"],
    "value": ["PERV1", "PERV2"],
    "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
    "complaints": ["CUSCO"],
    "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
}
_ECSI_PATHS = {
    "expectation": {"image": 0.504706},
    "quality": {"expectation": 0.557248},
    "value": {"expectation": 0.050788, "quality": 0.557217},
    "satisfaction": {"image": 0.178833, "expectation": 0.064425, "quality": 0.512545, "value": 0.191816},
    "complaints": {"satisfaction": 0.526097},
    "loyalty": {"image": 0.195360, "satisfaction": 0.483475, "complaints": 0.071232},
}


def alternative_splits(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    of: str = "experience",
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the share of one block under other models: does the answer hang on a choice of method?

    Parameters
    ----------
    data, outcome, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``.
    of : str

    Returns
    -------
    DataFrame
        Index ``model``: *blocks* (LMG of R2), *items* (each item a player, shares added up), *composites* (one mean a
        block), *first half* and *second half* of the respondents in a random order, *ordinal* (McFadden's R2 of the
        proportional-odds model). Columns ``share low high``.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks)
    if of not in ready.blocks:
        raise InputError(f"of={of!r} is no block; there are {', '.join(ready.blocks)}")
    generator = np.random.default_rng(rng)
    seed = int(generator.integers(2**31))
    place = list(ready.blocks).index(of)
    observed, resampled = bootstrap_covariances(ready.values, None, bootstrap, np.random.default_rng(seed))
    covariances = np.concatenate([observed[None], resampled])
    rows = {"blocks": _share(shapley_r2(covariances, ready.groups), [place])}
    if observed.shape[0] <= 16:
        rows["items"] = _share(
            shapley_r2(covariances, [[i] for i in range(len(observed) - 1)]), ready.groups[place]
        )
    scores = [ready.values[:, g] @ w for g, w in zip(ready.groups, composite_weights(ready), strict=True)]
    composites = np.column_stack([*scores, ready.values[:, -1]])
    observed, resampled = bootstrap_covariances(composites, None, bootstrap, np.random.default_rng(seed))
    several = shapley_r2(np.concatenate([observed[None], resampled]), [[i] for i in range(len(ready.groups))])
    rows["composites"] = _share(several, [place])
    order = generator.permutation(ready.n)
    for name, half in (("first half", order[: ready.n // 2]), ("second half", order[ready.n // 2 :])):
        observed, resampled = bootstrap_covariances(
            ready.values[half], None, bootstrap, np.random.default_rng(seed)
        )
        rows[name] = _share(shapley_r2(np.concatenate([observed[None], resampled]), ready.groups), [place])
    low, high = limits(np.array(list(rows.values()))[:, 1:], confidence_level)
    share = [values[0] for values in rows.values()]
    table = pd.DataFrame({"share": share, "low": low, "high": high}, index=pd.Index(rows, name="model"))
    try:
        ordinal = ordinal_importance(
            data,
            outcome=outcome,
            blocks=ready.blocks,
            bootstrap=bootstrap,
            confidence_level=confidence_level,
            rng=seed,
        )
        table.loc["ordinal"] = ordinal.loc[of, ["share", "share_low", "share_high"]].to_numpy()
    except InputError:  # too many levels, or levels that a driver separates: no row
        pass
    table.attrs = {"n": ready.n, "dropped": ready.dropped, "of": of}
    return table


def compare_surveys(
    surveys: Sequence[pd.DataFrame],
    *,
    of: str = "experience",
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the share of one side in several surveys, each with its own default outcome and sides.

    Parameters
    ----------
    surveys : sequence of DataFrames from ``open_source``
    of : str
        "experience" or "product".
    bootstrap, confidence_level, rng
        As in ``relative_importance``.

    Returns
    -------
    DataFrame
        Index ``survey``; ``outcome, n, r2, share, low, high``.
    """
    rows = {}
    for survey in surveys:
        outcome = survey.attrs["default_outcome"]
        result = decompose(
            survey,
            outcome=outcome,
            blocks=main_sides(survey),
            bootstrap=bootstrap,
            confidence_level=confidence_level,
            rng=rng,
        )
        share = result.table.loc[of, ["share", "low", "high"]]
        rows[survey.attrs["name"]] = (outcome, result.n, result.r2, *share)
    columns = ["outcome", "n", "r2", "share", "low", "high"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table.index.name = "survey"
    return table


def ecsi_paths(
    survey: pd.DataFrame,
    *,
    loyalty: Sequence[str] = ("CUSL1", "CUSL2", "CUSL3"),
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Compare least squares on plain means of standardised items with the published paths of the ECSI model, on the same answers.

    PLS weighs items by how well they move with the neighbouring constructs; a plain mean gives all the same
    weight. The two agree except where an item barely belongs to its block.

    Parameters
    ----------
    survey : DataFrame
        ``open_source("ecsi-mobile")``.
    loyalty : sequence of columns
        Items of loyalty, to see what CUSL2 (tolerance of a lower price elsewhere) does.
    confidence_level : float
        Of the HC3 interval.

    Returns
    -------
    DataFrame
        One row a path: ``path, ours, low, high, published, difference``.
    """
    items = {**_ECSI_ITEMS, "loyalty": list(loyalty)}
    lacking = [item for columns in items.values() for item in columns if item not in survey.columns]
    if lacking:
        raise InputError(
            f"survey: no column {lacking[0]!r}; the published paths belong to the source 'ecsi-mobile'"
        )
    answers = survey[[item for columns in items.values() for item in columns]].dropna()
    answers = (answers - answers.mean()) / answers.std(ddof=0)
    scores = pd.DataFrame({name: answers[columns].mean(axis=1) for name, columns in items.items()})
    scores = (scores - scores.mean()) / scores.std(ddof=0)
    z, rows = normal_quantile(confidence_level), []
    for target, paths in _ECSI_PATHS.items():
        x, y = scores[list(paths)].to_numpy(), scores[target].to_numpy()
        inverse = np.linalg.inv(x.T @ x)
        slopes = inverse @ x.T @ y
        leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
        residual = (y - x @ slopes) / (1 - leverage)
        se = np.sqrt(np.diag(inverse @ (x.T * residual**2) @ x @ inverse))
        for source, slope, error in zip(paths, slopes, se, strict=True):
            name = f"{source} to {target}"
            rows.append(
                (name, slope, slope - z * error, slope + z * error, paths[source], slope - paths[source])
            )
    return pd.DataFrame(rows, columns=["path", "ours", "low", "high", "published", "difference"])


def missing_bounds(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Iterable[str] | str], of: str = "experience"
) -> pd.DataFrame:
    """Return the share of one block if the missing answers were low, middling or high.

    Leaving incomplete rows out is right only when answers are missing at random. Instead of a model for them, each
    block's and the outcome's gaps are filled with its lowest, its median or its highest answer, in all combinations:
    a range of plain assumptions, wider the more is missing, not a proof.

    Parameters
    ----------
    data, outcome, blocks
        As in ``relative_importance``; at most 4 blocks.
    of : str

    Returns
    -------
    DataFrame
        One row a combination: one column a block and ``outcome`` ("lowest", "middle", "highest", or "complete" where it
        has no gap), ``share``. ``attrs``:
        ``complete`` (share of the complete cases), ``low, high`` (over all rows and the complete cases), ``filled``.
    """
    tidy = prepare(data, outcome=outcome, blocks=blocks).blocks
    if of not in tidy or len(tidy) > 4:
        raise InputError(f"of={of!r} must be one of at most 4 blocks; there are {', '.join(tidy)}")
    complete = decompose(data, outcome=outcome, blocks=tidy, bootstrap=0).table.loc[of, "share"]
    parts, rows = {**tidy, "outcome": [outcome]}, []
    filled = int(data[[column for items in parts.values() for column in items]].isna().any(axis=1).sum())
    for how, whole in fills(data, parts=parts):
        table = decompose(whole, outcome=outcome, blocks=tidy, bootstrap=0).table
        rows.append((*how.values(), table.loc[of, "share"]))
    found = pd.DataFrame(rows, columns=[*parts, "share"])
    shares = [complete, *found["share"]]
    found.attrs = {
        "complete": float(complete),
        "low": float(min(shares)),
        "high": float(max(shares)),
        "filled": filled,
    }
    return found


def _share(raw: np.ndarray, mine: Sequence[int]) -> np.ndarray:
    total = raw.sum(axis=0)
    return raw[list(mine)].sum(axis=0) / np.where(total > 1e-12, total, np.nan)
