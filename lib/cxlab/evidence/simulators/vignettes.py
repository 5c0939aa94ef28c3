"""Stories drawn by lot, and waves of expectation and perception; the arguments are the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["make_expectations", "make_vignettes"]


def make_vignettes(
    persons: int = 240,
    *,
    stock: float = 3.0,
    courtesy: float = 1.0,
    interaction: float = 0.0,
    base: float = 3.0,
    sd: float = 1.8,
    person_sd: float = 0.0,
    stories: int = 1,
    scale: tuple[float, float] | None = None,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return a table ``vignette``: answers to stories in which stock and courtesy were drawn by lot.

    Parameters
    ----------
    persons, stories : int
        People, and stories each of them reads (1 to 4, all different).
    stock, courtesy, interaction : float
        What a full shelf, a warm welcome, and both together add to satisfaction: the truth.
    base, sd, person_sd : float
        Mean of the worst story, spread of an answer, spread between people (for repeated stories).
    scale : (lowest, highest), optional
        Rounds and clips to a rating scale; the truth then holds only up to its ends.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``person stock courtesy satisfaction``; ``attrs["simulated"]`` is True.

    Examples
    --------
    >>> make_vignettes(8, rng=1).groupby(["stock", "courtesy"]).size().tolist()
    [2, 2, 2, 2]
    """
    if not 1 <= stories <= 4:
        raise ValueError(f"stories={stories!r} must lie between 1 and 4: there are four different stories")
    random = np.random.default_rng(rng)
    if stories == 1:
        blocks = random.permuted(np.tile(np.arange(4), (-(-persons // 4), 1)), axis=1).ravel()[:persons][
            :, None
        ]
    else:
        blocks = random.permuted(np.tile(np.arange(4), (persons, 1)), axis=1)[:, :stories]
    person = np.repeat(np.arange(1, persons + 1), stories)
    cell = blocks.ravel()
    has, warm = cell // 2, cell % 2
    level = random.normal(0, person_sd, persons)[person - 1] if person_sd else 0.0
    answer = base + stock * has + courtesy * warm + interaction * has * warm + level
    answer = answer + random.normal(0, sd, len(cell))
    if scale is not None:
        answer = np.clip(np.round(answer), *scale)
    table = pd.DataFrame({"person": person, "stock": has, "courtesy": warm, "satisfaction": answer})
    table.attrs["simulated"] = True
    return table


def make_expectations(
    customers: int = 250,
    waves: int = 4,
    *,
    drift: float = 0.3,
    performance_trend: float = 0.0,
    surface: Sequence[float] = (7.0, 0.6, -0.3, 0.0, 0.0, 0.0),
    correlation: float = 0.4,
    spread: float = 1.2,
    centre: float = 7.0,
    customer_sd: float = 0.6,
    noise: float = 0.8,
    scale: tuple[float, float] | None = None,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return a table ``expectations``: what was expected and perceived, and satisfaction, wave by wave.

    Parameters
    ----------
    customers, waves : int
        The same people answer in every wave, 1, 2, ...
    drift : float
        By how much expectations rise per wave: the truth behind "benefits keep changing".
    performance_trend : float
        By how much perceived performance rises per wave (0: constant).
    surface : six numbers
        b0..b5 of ``satisfaction = b0 + b1 P + b2 E + b3 P^2 + b4 P E + b5 E^2``, P and E less ``centre``.
    correlation, spread, centre : float
        Of expected and perceived in the first wave.
    customer_sd, noise : float
        Lasting differences in satisfaction between people, and the rest.
    scale : (lowest, highest), optional
        Rounds and clips all three to a rating scale.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``customer wave expected perceived satisfaction``; ``attrs["simulated"]`` is True. At constant performance
        satisfaction moves by ``b2 * drift`` per wave where the surface is flat otherwise.
    """
    if len(surface) != 6:
        raise ValueError(f"surface holds {len(surface)} numbers; it needs the six terms b0 to b5")
    if not -1 < correlation < 1:
        raise ValueError(f"correlation={correlation!r} must lie between -1 and 1")
    random = np.random.default_rng(rng)
    customer = np.repeat(np.arange(1, customers + 1), waves)
    wave = np.tile(np.arange(1, waves + 1), customers)
    # half of each spread lasts, half is new in every wave
    lasting = random.multivariate_normal([0, 0], [[0.5, correlation / 2], [correlation / 2, 0.5]], customers)
    fresh = random.multivariate_normal(
        [0, 0], [[0.5, correlation / 2], [correlation / 2, 0.5]], customers * waves
    )
    away = spread * (lasting[customer - 1] + fresh)
    e = away[:, 0] + drift * (wave - 1)
    p = away[:, 1] + performance_trend * (wave - 1)
    terms = np.column_stack([np.ones(len(p)), p, e, p**2, p * e, e**2])
    satisfaction = terms @ np.asarray(surface, dtype=float)
    satisfaction += random.normal(0, customer_sd, customers)[customer - 1] + random.normal(0, noise, len(p))
    table = pd.DataFrame(
        {
            "customer": customer,
            "wave": wave,
            "expected": e + centre,
            "perceived": p + centre,
            "satisfaction": satisfaction,
        }
    )
    if scale is not None:
        rated = ["expected", "perceived", "satisfaction"]
        table[rated] = table[rated].round().clip(*scale)
    table.attrs["simulated"] = True
    return table
