"""Simulated governance: what organisations reward, what they do about culture, who decides, how findings close."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .visits import ORGANISATIONS

__all__ = ["CYCLE_DAYS", "make_findings", "make_kpis", "make_practices", "make_rights"]

KPIS = ["Sales", "Footfall", "Rent", "Cost", "Satisfaction", "Complaints", "Safety", "Waiting time"]
PRACTICES = ["training", "hiring", "stories", "rituals", "awards"]
DECISIONS = [
    "opening hours", "signs", "parking fees", "complaint standard", "refunds", "cleaning", "events", "staff training",
    "data sharing", "awards",
]  # fmt: skip
LAYERS = ["outlet", "organisation", "central office"]
CYCLE_DAYS = 90
_ATTRS = {"simulated": True}


def make_kpis(
    organisations: int = 12,
    *,
    agreement: float = 0.3,
    rewarded: float = 0.7,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return what each simulated organisation rewards.

    Parameters
    ----------
    agreement : float
        Correlation of any two organisations' latent priorities, 0..1.
    rewarded : float
        Share of the measures that an organisation rewards at all; the others have no row.

    Returns
    -------
    DataFrame
        ``organisation kpi weight``; weights of an organisation sum to 100.
    """
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement={agreement} is a correlation: it must lie between 0 and 1")
    rng = np.random.default_rng(rng)
    names = _organisations(organisations)
    common = rng.standard_normal(len(KPIS))
    latent = np.sqrt(agreement) * common + np.sqrt(1 - agreement) * rng.standard_normal(
        (len(names), len(KPIS))
    )
    edge = np.quantile(latent, 1 - rewarded, axis=1, keepdims=True)
    weight = np.where(latent >= edge, np.exp(0.7 * latent), 0)
    weight = np.round(100 * weight / weight.sum(axis=1, keepdims=True), 1)
    frame = pd.DataFrame(
        weight, index=pd.Index(names, name="organisation"), columns=pd.Index(KPIS, name="kpi")
    )
    frame = frame.stack().rename("weight").reset_index()
    frame = frame[frame["weight"] > 0].reset_index(drop=True)
    frame.attrs.update(
        _ATTRS, name="simulated-kpis", table="kpis", title="What simulated organisations reward"
    )
    return frame


def make_findings(
    findings: int = 360,
    *,
    close_days: tuple[float, float, float] = (60.0, 120.0, 240.0),
    to_owner_days: tuple[float, float, float] = (5.0, 12.0, 25.0),
    bottom_up: float = 0.6,
    effect: float = 0.35,
    start: str = "2025-01-01",
    days: int = 365,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return simulated findings of a year and what became of them.

    Parameters
    ----------
    findings : int
        Rows; half for outlets, a third for organisations, the rest for the central office.
    close_days, to_owner_days : three floats
        Mean days from raised to closed and from heard to raised with the owner, by layer (outlet, organisation,
        central office); exponential.
    bottom_up : float
        Share that came from below.
    effect : float
        Share of the closed ones whose effect was shown.

    Returns
    -------
    DataFrame
        ``finding layer organisation direction owner_role heard raised closed state``: closed is missing while open;
        state one of open, designed, in place, effect shown, closed (closed without a trial of its effect).
    """
    rng = np.random.default_rng(rng)
    layer = np.repeat([0, 1, 2], np.diff(np.round(np.array([0, 1 / 2, 5 / 6, 1]) * findings)).astype(int))
    heard = rng.random(len(layer)) * days
    raised = heard + rng.exponential(np.array(to_owner_days)[layer])
    closed = raised + rng.exponential(np.array(close_days)[layer])
    seen = raised < days
    layer, heard, raised, closed = layer[seen], heard[seen], raised[seen], closed[seen]
    order = np.argsort(raised, kind="stable")
    layer, heard, raised, closed = layer[order], heard[order], raised[order], closed[order]
    done = closed < days
    draw = rng.random(len(layer))
    open_state = np.where(draw < 0.5, "open", np.where(draw < 0.8, "designed", "in place"))
    done_state = np.where(draw < effect, "effect shown", np.where(draw < 0.8, "in place", "closed"))
    names = np.array(_organisations(12), dtype=object)[rng.integers(0, 12, len(layer))]
    owners = np.array(["outlet manager", "experience lead", "central experience office"], dtype=object)
    origin = pd.Timestamp(start)

    def day(values):
        return origin + pd.to_timedelta(pd.Series(np.floor(values)), unit="D")

    frame = pd.DataFrame(
        {
            "finding": [f"F{number:04d}" for number in range(1, len(layer) + 1)],
            "layer": np.array(LAYERS, dtype=object)[layer],
            "organisation": np.where(layer == 2, "all", names),
            "direction": np.where(rng.random(len(layer)) < bottom_up, "bottom-up", "top-down"),
            "owner_role": owners[layer],
            "heard": day(heard),
            "raised": day(raised),
            "closed": day(closed).where(done),
            "state": np.where(done, done_state, open_state),
        }
    )
    frame.attrs.update(
        _ATTRS, name="simulated-findings", table="findings", title="Simulated findings and who acts"
    )
    return frame


def make_practices(
    organisations: int = 12,
    *,
    present: float = 0.7,
    voluntary: float = 0.4,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return which culture practices simulated organisations have, and whether they chose them.

    Parameters
    ----------
    present, voluntary : float
        Chance that a practice exists; chance that an existing one was chosen rather than mandated.

    Returns
    -------
    DataFrame
        ``organisation practice mode``: training, hiring, stories, rituals, awards; voluntary, mandated or absent.
    """
    rng = np.random.default_rng(rng)
    names = _organisations(organisations)
    shape = (len(names), len(PRACTICES))
    mode = np.where(rng.random(shape) < voluntary, "voluntary", "mandated")
    mode = np.where(rng.random(shape) < present, mode, "absent")
    frame = pd.DataFrame(
        {
            "organisation": np.repeat(names, len(PRACTICES)),
            "practice": PRACTICES * len(names),
            "mode": mode.ravel(),
        }
    )
    frame.attrs.update(
        _ATTRS, name="simulated-practices", table="practices", title="Simulated culture practices"
    )
    return frame


def make_rights(
    *, gaps: int = 2, overlaps: int = 3, rng: int | np.random.Generator | None = 1
) -> pd.DataFrame:
    """Return who decides, is consulted or informed on ten decisions, with planted gaps and overlaps.

    Parameters
    ----------
    gaps, overlaps : int
        So many decisions that nobody takes, and that two layers take.

    Returns
    -------
    DataFrame
        ``decision layer right``: right one of decides, consulted, informed.
    """
    if gaps + overlaps > len(DECISIONS):
        raise ValueError(f"gaps={gaps} and overlaps={overlaps} exceed the {len(DECISIONS)} decisions")
    rng = np.random.default_rng(rng)
    rights = np.where(rng.random((len(DECISIONS), len(LAYERS))) < 0.5, "consulted", "informed").astype(object)
    order = rng.permutation(len(DECISIONS))
    for place, decision in enumerate(order):
        number = 0 if place < gaps else 2 if place < gaps + overlaps else 1
        rights[decision, rng.choice(len(LAYERS), number, replace=False)] = "decides"
    frame = pd.DataFrame(
        {
            "decision": np.repeat(DECISIONS, len(LAYERS)),
            "layer": LAYERS * len(DECISIONS),
            "right": rights.ravel(),
        }
    )
    frame.attrs.update(_ATTRS, name="simulated-rights", table="rights", title="Simulated decision rights")
    return frame


def _organisations(number: int) -> list[str]:
    names = list(ORGANISATIONS)
    if number < 2:
        raise ValueError(f"organisations={number} must be at least 2")
    return (names + [f"Organisation {place}" for place in range(len(names) + 1, number + 1)])[:number]
