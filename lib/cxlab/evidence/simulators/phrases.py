"""The stock of short comments that the visit simulator draws from, by theme."""

from __future__ import annotations

__all__ = ["PHRASES", "PRAISE"]

_PARTS = {
    "waiting": (
        ["long queue at the counter", "waited far too long", "the queue did not move", "slow service and a long wait"],
        ["only one till open", "twenty minutes of waiting", "nobody opened a second counter", "waiting with children"],
    ),
    "staff": (
        ["staff was rude", "assistant ignored us", "unfriendly staff", "the assistant was impolite"],
        ["no greeting from staff", "staff talked among themselves", "felt unwelcome by the assistant", "rude answer"],
    ),
    "stock": (
        ["size out of stock", "shelf empty", "the item was sold out", "product not available"],
        ["advertised item missing from stock", "stock never refilled", "empty shelf again", "sold out since last week"],
    ),
    "price": (
        ["prices too high", "overpriced for the quality", "price differs from the label", "expensive compared online"],
        ["hidden charge on the price", "price label wrong", "too expensive", "paid a higher price than shown"],
    ),
    "cleanliness": (
        ["dirty toilets", "floor was sticky and dirty", "restroom not clean", "tables not cleaned"],
        ["bad smell near the toilets", "bins overflowing and dirty", "no soap in the restroom", "cleaning needed"],
    ),
    "parking": (
        ["parking full", "could not find the car in the garage", "parking ticket machine broken", "garage exit jammed"],
        ["half an hour to leave the parking", "parking garage badly lit", "no parking space", "garage ticket lost"],
    ),
    "payment": (
        ["card terminal failed", "payment app crashed", "card refused twice", "app did not load the voucher"],
        ["cash only without notice", "payment took three tries", "voucher not accepted by the app", "card terminal slow"],
    ),
    "returns": (
        ["refund refused", "return not accepted", "exchange took forever", "refund still missing"],
        ["receipt demanded for the return", "no exchange without a form", "refund only as credit", "return desk closed"],
    ),
    "signs": (
        ["no signs to the exit", "got lost without signs", "map and signs are wrong", "signs point the wrong way"],
        ["could not find the lift, no sign", "directory map outdated", "lost between floors", "signs too small to read"],
    ),
}
_WHERE = ["", " on the ground floor", " upstairs", " at the weekend", " in the evening", " this morning"]
PHRASES = {
    theme: [f"{first}, {second}{where}" for first in openings for second in closings for where in _WHERE]
    for theme, (openings, closings) in _PARTS.items()
}
PRAISE = [
    f"{first} and {second}"
    for first in ["friendly staff", "lovely place", "great selection", "quick service", "nice atmosphere"]
    for second in ["helpful advice", "clean and bright", "will come again", "good value", "everything was easy"]
]
