"""Findings of pages 01 to 04 and of your customers are short plain sentences, whatever the data."""

import re

import numpy as np
import pandas as pd

import cxlab as cx
from cxlab.worlds.small import make_ratings
from cxlab.worlds.survey import make_survey


def surveys():
    own = make_survey(300, segments={"a": {}, "b": {}}, bootstrap=50)
    random = np.random.default_rng(1)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 200, 300), unit="D")
    frame = own.frame.assign(day=days, nps=random.integers(0, 11, 300), say="long queue at the old till")
    dated = own.with_(frame=frame, date="day", outcomes={"nps": ["nps"]}, outcome="nps", simulated=False)
    yield from (cx.survey(name, bootstrap=50) for name in ("ecsi-mobile", "abc-vendor"))
    yield from (own, dated)
    for slope in (0.0, 0.6):
        slopes = {"product": slope, "experience": slope, "price": 0.2}
        yield make_survey(150, slopes=slopes, bootstrap=50, simulated=False)


def answers():
    thread = cx.claims.thread(bootstrap=50)
    for name in ("debate", "standing", "strength", "coding", "figures"):
        yield getattr(cx.claims, name)(thread)
    yield cx.claims.debate(thread, topic=cx.claims.topics(thread)[0])
    ratings = cx.open_source("simulated-ratings", table="ratings", bootstrap=50)
    for agreement in (0.05, 0.95):
        frame = make_ratings(agreement=agreement, rng=1)
        yield cx.claims.same_meaning(ratings.with_(frame=frame), thread.related["statements"])
    asks = {
        cx.expectations: "gap kinks forgiveness",
        cx.customers: "in_numbers answered by_segment over_time",
        cx.causes: "adjusted hidden_cause both_orders design",
        cx.drivers: "split unique overlap parity items sorted_otherwise outcome_by_outcome by_segment "
        "beyond_liking",
    }
    for survey in surveys():
        for module, names in asks.items():
            yield from (getattr(module, name)(survey) for name in names.split())
    yield cx.expectations.stockout(cx.open_source("simulated-vignette", table="vignette"))
    contacts = cx.open_source("simulated-contacts", table="contacts")
    yield cx.contacts.reasons(contacts)
    yield cx.contacts.themes(contacts.with_(frame=contacts.frame.head(300)))


def test_every_finding_is_a_short_plain_sentence():
    results = list(answers())
    assert len(results) == 131
    for result in results:
        check(result)


def check(result):
    assert len(result.finding.split()) <= 32 and result.finding.endswith(".")
    assert not re.search(r"_|PERQ|CUSL|\bnan\b|not known", result.finding)
    assert result.finding.count("(") <= 3 and len(result.cautions) <= 3
    if result.simulated and not result.missing:
        assert result.finding.startswith("In made-up ")
    labels = [number.label for number in result.numbers.values()]
    assert all(labels) and len(set(labels)) == len(labels)
    for number in result.numbers.values():
        assert number.low is None or number.low <= number.value <= number.high or not number.low > -9e9
    figure = result.figure()
    if figure is not None:
        words = re.sub(r"<sup>.*", "", figure.layout.title.text).replace("<br>", " ").split()
        assert len(words) <= 20 and re.search(r"\d|[Nn]o ", " ".join(words))
        for axis in (figure.layout.xaxis, figure.layout.yaxis):
            assert "_" not in (axis.title.text or "")
