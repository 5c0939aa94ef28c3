"""Simulators whose arguments are the truth, for the tables that have no public data."""

from functools import partial

from cxlab.data.table import Table
from cxlab.worlds import small, survey, visits

_SAMPLES = {  # kind: title, the table, what stands beside it
    "events": ("Simulated customer journeys", small.make_events, {}),
    "stages": ("Simulated stages of the lifecycle", small.make_stages, {}),
    "initiatives": ("Simulated register of initiatives", small.make_initiatives,
                    {"pain": small.make_pain}),
    "contacts": ("Simulated contacts", small.make_contacts, {}),
    "ratings": ("Simulated labels of ten raters", small.make_ratings, {}),
    "vignette": ("Simulated answers to stories", partial(small.make_vignette, scale=(0, 10)), {}),
    "accounts": ("Simulated accounts on five levels", small.make_accounts, {}),
    "visits": ("Simulated visits to a mall", partial(visits.make_visits, months=48),
               {"kpis": visits.make_kpis}),
}  # fmt: skip


def sample(kind: str) -> Table:
    """Return the default made-up table of a kind; it says that it is simulated."""
    if kind == "survey":  # experience matters more, and there is no general liking
        kinds = dict.fromkeys(("new", "regular", "returning"), survey.SLOPES)
        return survey.make_survey(400, points=10, segments=kinds)
    title, make, beside = _SAMPLES[kind]
    origin = {"licence": "BSD-3-Clause (this project)", "simulated": True}
    related = {name: made() for name, made in beside.items()}
    return Table(frame=make(), kind=kind, name=f"simulated-{kind}", title=title, related=related, **origin)
