"""The stock of short comments that the visit simulator draws from, by theme."""

from __future__ import annotations

__all__ = ["PHRASES", "PRAISE"]

_PARTS = {
    "waiting": (
        ["long queue", "the queue did not move", "far too long a queue", "queue for twenty minutes"],
        ["one till open for a long queue", "long queue with children", "slow till, long queue"],
    ),
    "staff": (
        ["staff was rude", "staff ignored us", "unfriendly staff", "impolite staff"],
        ["no greeting from the staff", "staff talked among themselves", "rude answer from the staff"],
    ),
    "stock": (
        ["size out of stock", "shelf empty, out of stock", "item out of stock", "stock never refilled"],
        ["sold out, no stock", "advertised item missing from stock", "shelf without stock"],
    ),
    "price": (
        ["price too high", "price differs from the label", "higher price than shown", "price label wrong"],
        ["expensive price compared online", "hidden charge on the price", "too expensive a price"],
    ),
    "cleanliness": (
        ["dirty toilets", "dirty tables", "dirty restroom", "dirty carpets"],
        ["toilets smell dirty", "dirty bins overflowing", "no soap and dirty toilets"],
    ),
    "parking": (
        ["parking full", "parking machine broken", "no parking space", "parking badly lit"],
        ["car not found in the parking garage", "parking garage gate jammed", "stuck in the parking garage"],
    ),
    "payment": (
        ["card terminal failed", "card refused twice", "card took three tries", "card not accepted"],
        ["app and card crashed", "voucher and card rejected", "slow card terminal"],
    ),
    "returns": (
        ["refund refused", "refund still missing", "refund only as credit", "no refund"],
        ["return desk gave no refund", "exchange instead of a refund", "return form for a refund"],
    ),
    "signs": (
        ["no signs to the exit", "signs are wrong", "signs point the wrong way", "signs too small to read"],
        ["got lost between signs", "lift without signs", "outdated signs"],
    ),
}
_WHERE = ["", " today", " again", " on Saturday", " this morning"]
PHRASES = {
    theme: [f"{first}, {second}{where}" for first in openings for second in closings for where in _WHERE]
    for theme, (openings, closings) in _PARTS.items()
}
PRAISE = [
    f"{first} and {second}"
    for first in ["friendly staff", "lovely place", "great selection", "quick service", "nice atmosphere"]
    for second in [
        "helpful advice",
        "clean and bright",
        "will come again",
        "good value",
        "everything was easy",
    ]
]
