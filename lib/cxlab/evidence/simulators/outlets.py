"""Simulated outlets of many organisations, with their true rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["ORGANISATIONS", "make_outlets"]

# name, share of outlets, relative pull on (visitor, guest, investor, resident)
ORGANISATIONS = {
    "Retail group A": (0.30, (1.0, 0.8, 0.6, 0.7)),
    "Retail group B": (0.22, (1.0, 0.8, 0.6, 0.7)),
    "Independent shops": (0.26, (1.0, 0.7, 0.5, 1.0)),
    "Food hall": (0.08, (1.2, 1.2, 0.8, 1.0)),
    "Restaurants": (0.06, (0.9, 1.4, 1.2, 0.8)),
    "Leisure": (0.02, (1.2, 0.8, 0.3, 0.8)),
    "Hotel": (0.01, (0.1, 6.0, 1.0, 0.1)),
    "Housing": (0.01, (0.05, 0.1, 5.0, 6.0)),
    "Mobility": (0.01, (2.0, 2.0, 2.0, 3.0)),
    "Clinics": (0.01, (0.2, 0.2, 0.4, 2.0)),
    "Public spaces": (0.01, (2.0, 2.0, 1.0, 2.0)),
    "Authority": (0.01, (0.2, 0.4, 4.0, 2.0)),
}


def make_outlets(
    outlets: int = 1500,
    *,
    a: float = 16.0,
    b: float = 4.0,
    organisation_share: float = 0.2,
    worst: int = 20,
    worst_drop: float = 0.15,
    changed: int = 5,
    size_spread: float = 1.0,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return simulated outlets with their true satisfied rates.

    Parameters
    ----------
    outlets : int
        How many; at least 12, one an organisation.
    a, b : float
        True rates are marginally Beta(a, b).
    organisation_share : float
        Share of the latent (normal) variance of the rates that lies between organisations, 0..1.
    worst, worst_drop : int, float
        So many outlets (at most a quarter), drawn in proportion to their size, are lowered by ``worst_drop`` (column ``planted``); six in ten of their
        complaints are about one thing each.
    changed : int
        So many other outlets, drawn likewise, fall during the period (column ``changed``; when and how far says
        ``make_visits``).
    size_spread : float
        Outlets' sizes are lognormal with this standard deviation.

    Returns
    -------
    DataFrame
        ``outlet`` (text), ``organisation``, ``size`` (relative), ``rate`` (the truth, 0..1), ``planted`` and
        ``changed`` (boolean).

    Examples
    --------
    >>> make_outlets(100, rng=1).columns.tolist()
    ['outlet', 'organisation', 'size', 'rate', 'planted', 'changed']
    """
    from scipy.special import betaincinv, ndtr

    names = list(ORGANISATIONS)
    if outlets < len(names):
        raise ValueError(
            f"outlets={outlets} must be at least {len(names)}: each organisation has one; raise it"
        )
    if not 0 <= organisation_share <= 1:
        raise ValueError(f"organisation_share={organisation_share} must lie between 0 and 1")
    rng = np.random.default_rng(rng)
    share = np.array([ORGANISATIONS[name][0] for name in names])
    organisation = np.r_[
        np.arange(len(names)), rng.choice(len(names), outlets - len(names), p=share / share.sum())
    ]
    organisation.sort()
    latent = np.sqrt(organisation_share) * rng.standard_normal(len(names))[organisation]
    latent += np.sqrt(1 - organisation_share) * rng.standard_normal(outlets)
    rate = betaincinv(a, b, ndtr(latent))
    planted = np.zeros(outlets, bool)
    size = rng.lognormal(0, size_spread, outlets)
    planted[rng.choice(outlets, min(worst, outlets // 4), replace=False, p=size / size.sum())] = True
    falls = np.zeros(outlets, bool)
    weight = np.where(planted, 0, size)
    falls[rng.choice(outlets, min(changed, outlets // 4), replace=False, p=weight / weight.sum())] = True
    rate = np.clip(np.where(planted, rate - worst_drop, rate), 0.02, 0.98)
    width = len(str(outlets))
    return pd.DataFrame(
        {
            "outlet": [f"S{number:0{width}d}" for number in range(1, outlets + 1)],
            "organisation": np.array(names, dtype=object)[organisation],
            "size": size,
            "rate": rate,
            "planted": planted,
            "changed": falls,
        }
    )
