"""Personal columns are found, and small cells stay hidden, also by difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.evidence.privacy import (
    hide_personal,
    personal_columns,
    plain_text,
    pseudonyms,
    spreadsheet_safe,
    suppress,
)

N = 60
PERSONAL = {
    "kontakt": [f"user{i}@example.org" for i in range(N)],
    "reach": [f"+49 170 55{i:05d}" for i in range(N)],
    "konto": ["DE89 3704 0044 0532 0130 00"] * N,
    "from_where": [f"192.168.0.{i}" for i in range(N)],
    "who": [f"{a} {b}" for a in ("Ann", "Bob", "Cem", "Dora", "Eve", "Finn") for b in ("Adler", "Baum", "Celik", "Diaz", "Evans", "Frey", "Gill", "Haas", "Ito", "Jung")],
    "customer_no": [f"K-{i:06d}" for i in range(N)],
    "userId": list(range(1000, 1000 + N)),
    "remark": [f"Number {i}: I called three times and nobody at the counter could tell me anything at all." for i in range(N)],
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
}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_columns_are_found(name):
    assert name in personal_columns(pd.DataFrame({name: PERSONAL[name]}))


@pytest.mark.parametrize("name", PLAIN)
def test_ordinary_columns_are_left_alone(name):
    assert personal_columns(pd.DataFrame({name: PLAIN[name]})) == {}


def test_personal_columns_are_left_out_unless_allowed():
    frame = pd.DataFrame(PERSONAL | PLAIN)
    kept, notes = hide_personal(frame, allowed=["Vorname"])
    assert set(kept) == {*PLAIN, "Vorname"} and len(notes) == len(PERSONAL) - 1


def test_an_opened_table_holds_nothing_personal(tmp_path):
    frame = pd.DataFrame(
        {
            "customer": PERSONAL["kontakt"],
            "coded_reason": ["bill"] * N,
            "text": PERSONAL["remark"],
            **PERSONAL,
        }
    )
    frame.to_csv(tmp_path / "contacts.csv", index=False)
    opened = cx.open_table(tmp_path / "contacts.csv", kind="contacts")
    assert set(opened) == {"customer", "coded_reason", "text"} and opened["customer"].tolist() == [
        str(i) for i in range(1, N + 1)
    ]
    assert opened.attrs["private"] == ["text"]


def test_a_label_that_holds_addresses_is_refused(tmp_path):
    pd.DataFrame({"customer": range(N), "coded_reason": PERSONAL["kontakt"]}).to_csv(
        tmp_path / "c.csv", index=False
    )
    with pytest.raises(InputError, match="'coded_reason' holds e-mail addresses, and it would be shown"):
        cx.open_table(tmp_path / "c.csv", kind="contacts")


def test_pseudonyms_keep_who_is_the_same():
    assert pseudonyms(pd.Series(["b", "a", None, "b"])).fillna("-").tolist() == ["1", "2", "-", "1"]


def test_markup_and_formulas_are_made_harmless():
    assert plain_text("<script>alert(1)</script>\x00") == "‹script›alert(1)‹/script›"
    safe = spreadsheet_safe(
        pd.DataFrame({"a": ["=cmd|x", "+1+2", "@x", "-3.5", "ok", " =x", None], "b": range(7)})
    )
    assert safe["a"].tolist()[:6] == ["'=cmd|x", "'+1+2", "'@x", "-3.5", "ok", "' =x"] and safe[
        "b"
    ].tolist() == list(range(7))


def test_a_small_cell_takes_the_next_smallest_with_it():
    cells = pd.DataFrame({"segment": list("abcd"), "n": [90, 7, 3, 40], "rate": [0.1, 0.2, 0.3, 0.4]})
    shown = suppress(cells, counts="n")
    assert shown["suppressed"].tolist() == [False, True, True, False]
    assert shown["n"].isna().tolist() == shown["rate"].isna().tolist() == shown["suppressed"].tolist()
    assert shown["segment"].tolist() == list("abcd") and cells["n"].tolist() == [90, 7, 3, 40]


def test_nothing_is_hidden_when_nothing_is_small():
    cells = pd.DataFrame({"segment": list("ab"), "n": [9, 5]})
    assert suppress(cells, counts="n").drop(columns="suppressed").equals(cells)


def test_two_small_cells_that_sum_to_enough_need_no_third():
    cells = pd.DataFrame({"segment": list("abc"), "n": [90, 4, 3]})
    assert suppress(cells, counts="n")["suppressed"].tolist() == [False, True, True]
    cells = pd.DataFrame({"segment": list("abc"), "n": [90, 1, 3]})
    assert suppress(cells, counts="n")["suppressed"].tolist() == [True, True, True]


def test_rows_and_columns_of_a_two_way_table():
    cells = pd.DataFrame(
        [
            (r, c, n)
            for r, line in zip("xyz", [[3, 20, 30], [40, 50, 60], [70, 80, 90]], strict=True)
            for c, n in zip("abc", line, strict=True)
        ],
        columns=["row", "column", "n"],
    )
    hidden = suppress(cells, counts="n", within=["row", "column"])["suppressed"]
    for side in ("row", "column"):
        per = hidden.groupby(cells[side]).sum()
        assert set(per) <= {0, 2, 3}
    assert hidden[0]


def test_wrong_arguments_are_told():
    cells = pd.DataFrame({"n": [1]})
    with pytest.raises(InputError, match="is not a column"):
        suppress(cells, counts="m")
    with pytest.raises(InputError, match="1 or more"):
        suppress(cells, counts="n", minimum=0)
    with pytest.raises(InputError, match="negative"):
        suppress(pd.DataFrame({"n": [-1]}), counts="n")


@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=12), minimum=st.integers(1, 10))
def test_no_small_cell_is_shown_nor_found_by_difference(counts, minimum):
    cells = pd.DataFrame({"cell": range(len(counts)), "n": counts})
    cells["cell"] = cells["cell"].astype(str)
    shown = suppress(cells, counts="n", minimum=minimum)
    visible = shown.loc[~shown["suppressed"], "n"]
    assert (visible >= minimum).all()
    hidden = shown["suppressed"].sum()
    rest = sum(counts) - visible.sum()
    assert hidden == 0 or hidden == len(counts) or (hidden >= 2 and rest >= minimum)


@given(counts=st.lists(st.integers(0, 30), min_size=9, max_size=9))
def test_no_margin_of_a_two_way_table_gives_a_cell_away(counts):
    cells = pd.DataFrame({"row": list("aaabbbccc"), "column": list("xyzxyzxyz"), "n": counts})
    shown = suppress(cells, counts="n", within=["row", "column", ()])
    for side in ("row", "column"):
        for _, group in shown.assign(true=counts).groupby(side):
            hidden = group[group["suppressed"]]
            assert len(hidden) in (0, len(group)) or (len(hidden) >= 2 and hidden["true"].sum() >= 5)
