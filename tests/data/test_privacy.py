"""Personal columns are found, and small cells stay hidden, also by difference."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.data.errors import InputError
from cxlab.data.mapping import Mapping
from cxlab.data.privacy import personal_columns, plain_text, pseudonyms, suppress
from cxlab.data.study import converted, opened

N = 60
FIRST = ["Ann", "Bob", "Cem", "Dora", "Eve", "Finn"]
LAST = ["Adler", "Baum", "Celik", "Diaz", "Evans", "Frey", "Gill", "Haas", "Ito", "Jung"]
PERSONAL = {
    "kontakt": [f"user{i}@example.org" for i in range(N)],
    "reach": [f"+49 170 55{i:05d}" for i in range(N)],
    "konto": ["DE89 3704 0044 0532 0130 00"] * N,
    "from_where": [f"192.168.0.{i}" for i in range(N)],
    "who": [f"{a} {b}" for a in FIRST for b in LAST],
    "customer_no": [f"K-{i:06d}" for i in range(N)],
    "userId": list(range(1000, 1000 + N)),
    "remark": [f"Number {i}: I called and nobody at the desk could tell me anything." for i in range(N)],
    "E-Mail": [None] * N,
    "Vorname": ["x"] * N,
    "firstName": ["x"] * N,
    "date of birth": ["1990-01-01"] * N,
    "phone": [1] * N,
    "Postcode": [1] * N,
}  # fmt: skip
PLAIN = {
    "Q1": [1 + i % 5 for i in range(N)],
    "score": np.linspace(0, 1, N),
    "region": ["north", "south"] * (N // 2),
    "day": pd.date_range("2026-01-01", periods=N).astype(str).tolist(),
    "when": pd.date_range("2026-01-01", periods=N),
    "amount": [f"{i},50" for i in range(N)],
    "firm_name": ["Acme", "Bolt"] * (N // 2),
    "event_name": ["view", "buy"] * (N // 2),
    "wave": ["2026-01"] * N,
    "label": ["product", "both", "experience"] * (N // 3),
    "empty": [None] * N,
}


def test_personal_columns_are_found_and_ordinary_ones_left_alone():
    assert list(personal_columns(pd.DataFrame(PERSONAL))) == list(PERSONAL)
    assert personal_columns(pd.DataFrame(PLAIN)) == {}


def test_an_opened_table_holds_nothing_personal(tmp_path):
    def opening(kind, table):
        table.to_csv(tmp_path / "their.csv", index=False)
        return opened(converted(Mapping(kind, source=str(tmp_path / "their.csv"))))

    frame = pd.DataFrame({"customer": PERSONAL["kontakt"], "coded_reason": "bill", **PERSONAL})
    frame = frame.assign(text=PERSONAL["remark"])
    found = opening("contacts", frame).frame
    assert set(found) == {"customer", "coded_reason", "text"}
    assert found["customer"].tolist() == [str(i) for i in range(1, N + 1)]
    log = frame.rename(columns={"customer": "customer_id", "coded_reason": "event"})
    table = opening("events", log.assign(timestamp="2026-01-01", plan="x"))
    assert set(table.frame) == {"customer_id", "event", "timestamp", "plan"} and "left out" in table.notes
    with pytest.raises(InputError, match="'coded_reason' holds e-mail addresses, and it would be shown"):
        opening("contacts", frame.assign(coded_reason=PERSONAL["kontakt"]))


def test_people_become_numbers_and_markup_harmless():
    assert pseudonyms(pd.Series(["b", "a", None, "b"])).fillna("-").tolist() == ["1", "2", "-", "1"]
    assert plain_text("<script>alert(1)</script>\x00") == "‹script›alert(1)‹/script›"


def test_a_small_cell_takes_the_next_smallest_with_it():
    cells = pd.DataFrame({"segment": list("abcd"), "n": [90, 7, 3, 40]})
    shown, hidden = suppress(cells, count="n", min_cell=5)
    assert shown["segment"].tolist() == ["a", "d"] and hidden == 2 and len(cells) == 4
    shown, hidden = suppress(cells, count="n", min_cell=3)
    assert shown.equals(cells) and hidden == 0


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 30)), min_size=1, max_size=20),
    st.integers(2, 9),
)
def test_no_difference_to_a_total_tells_a_small_cell(rows, least):
    cells = pd.DataFrame(rows, columns=["step", "n"])
    shown, hidden = suppress(cells, count="n", min_cell=least, within=["step"])
    assert len(shown) + hidden == len(cells) and (shown["n"] >= least).all()
    for step, total in cells.groupby("step")["n"].sum().items():
        of_step = shown[shown["step"] == step]
        gone = (cells["step"] == step).sum() - len(of_step)
        rest = total - of_step["n"].sum()
        assert gone == 0 or rest >= least or len(of_step) == 0
        assert gone != 1 or len(of_step) == 0
