"""Exercises: questions kept as data, answers computed from what the page has shown, hints, and progress.

A notebook's exercises stand in ``data/exercises/NN.toml``; a cell says only ``cx.check("02.1", ...)``. The
right answer is an expression over the numbers that the page's results have recorded in this kernel, so it
holds on any data.
"""

import ast
import contextlib
import html
import json
import math
import operator
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError
from cxlab.data.files import data_folder
from cxlab.questions.result import shown_numbers
from cxlab.questions.words import is_share, listed, number

_OPERATIONS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Gt: operator.gt, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.LtE: operator.le, ast.Eq: operator.eq,
}  # fmt: skip
KINDS = ("read", "decide", "break", "carry over")


def check(exercise: str, answer: Any = ...) -> None:
    """Say whether an answer is right and why; without an answer, show the form where the notebook is live.

    Parameters
    ----------
    exercise : str
        Its name, such as ``"02.1"``.
    answer : number or str, optional
        A share may be given as 0.15, 15 or "15 %"; a choice is its letter; ``"hint"`` asks for the next hint.

    Raises
    ------
    InputError
        For an exercise that there is not, or when the page has not been run.
    """
    known = exercises_of(str(exercise)[:2])
    if exercise not in known:
        there = f"; this notebook has {listed(known)}" if known else ""
        raise InputError(f"there is no exercise {exercise!r}{there}")
    if answer is ...:
        _show_form(exercise)
        return
    text, fault = _reply(exercise, _plain(answer))
    if fault:
        raise InputError(text)  # here, where no frame of the traceback holds the right answer
    _say(text)


def progress() -> None:
    """Show which exercises are done, which are open and how many tries they took.

    Kept in a file beside the notebook.
    """
    done = _read_progress()["exercises"]
    lines = ["| notebook | done | open | tries |", "|---|---|---|---|"]
    for path in sorted(_folder().glob("[0-9][0-9].toml")):
        names = exercises_of(path.stem)
        open_ = [name for name in names if done.get(name, {}).get("state") != "right"]
        tries = sum(done.get(name, {}).get("tries", 0) for name in names)
        lines.append(
            f"| {path.stem} | {len(names) - len(open_)} of {len(names)} | {', '.join(open_)} | {tries} |"
        )
    _say("\n".join(lines))


def _reply(name: str, answer: float | str | None) -> tuple[str, bool]:
    """Return the words for an answer and whether they tell of a fault; keep what was tried."""
    entry, kept = _entries(name[:2])[name], _read_progress()
    state = kept["exercises"].setdefault(name, {"state": "open", "tries": 0, "hints": 0, "wrong": []})
    try:
        if isinstance(answer, str) and answer.strip().lower() == "hint":
            text = _next_hint(entry, state)
        else:
            right, says, key = _judge(entry, answer)
            state["tries"] += 1
            if right:
                state["state"] = "right"
                text = f"**Right.** {entry['right']}"
            else:
                state["wrong"].append(key)
                text = f"**Not yet.** {says} {_next_hint(entry, state)}"
        _write_progress(kept)
    except (InputError, OSError) as fault:
        return f"exercise {name}: {fault}", True
    return f"Exercise {name}: {text}", False


def _next_hint(entry: Mapping[str, Any], state: dict[str, Any]) -> str:
    hints = entry["hints"]
    if state["hints"] < len(hints):
        state["hints"] += 1
        return f"Hint {state['hints']} of {len(hints)}: {hints[state['hints'] - 1]}"
    if not state["tries"]:
        return "There are no more hints. Try an answer; after it comes the right one."
    return f"The answer is {_answer_text(entry)}. {entry['right']}"


def _judge(entry: Mapping[str, Any], answer: float | str | None) -> tuple[bool, str, str]:
    """Return whether it is right, what a wrong answer shows, and words for it that a room can count."""
    if entry["form"] == "choice":
        choices = dict(zip("abcdefgh", entry["choice"], strict=False))
        letter = str(answer).strip().lower().rstrip(")")
        if letter not in choices:
            return False, f"Choose one of {', '.join(choices)}.", "no such choice"
        chosen = choices[letter]
        return bool(_value(chosen["right_when"])), chosen["says"], f"{letter}) {chosen['text']}"
    expected = _value(entry["answer"])
    given = _as_number(answer)
    if given is None:
        return False, "A number is asked for, such as 0.15 or 15 %.", "no number"
    tries = [given, given / 100] if is_share(entry.get("unit", "")) and abs(given) > 1.5 else [given]
    tolerance = entry.get("tolerance", 0.01)
    if any(abs(one - expected) <= tolerance for one in tries):
        return True, "", ""
    for wrong in entry["wrong"]:
        with contextlib.suppress(InputError):  # these data may lack a number that people confuse it with
            if any(abs(one - _value(wrong["value"])) <= tolerance for one in tries):
                return False, wrong["says"], wrong["says"].partition(". ")[0]
    where = "too high" if min(tries) > expected else "too low"
    return False, f"That is {where}.", where


def _plain(answer: Any) -> float | str | None:
    """Return a plain number or text, before any right answer is at hand; None for what is neither."""
    if isinstance(answer, str):
        return str.__str__(answer)
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and not isinstance(answer, bool) else None


def _as_number(answer: float | str | None) -> float | None:
    if not isinstance(answer, str):
        return answer
    text = answer.strip().replace("−", "-")
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    match = re.fullmatch(r"([-+]?\d*\.?\d+)\s*(%?)", text.replace(",", "."))
    return float(match[1]) / (100 if match[2] else 1) if match else None


def _value(expression: str) -> Any:
    """Compute an expression such as ``value('share-product') > low('share-experience')`` from the recorded
    numbers.
    """
    return _walk(ast.parse(expression, mode="eval").body)


def _walk(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.Call(
            func=ast.Name(id="value" | "low" | "high" as part), args=[ast.Constant(value=str() as name)]
        ):
            numbers = shown_numbers()
            if name not in numbers:
                raise InputError(
                    "run the cells of this page from the top first: the answer is computed from them "
                    "(or these data do not give it)"
                )
            return getattr(numbers[name], part)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATIONS[type(op)](_walk(left), _walk(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _OPERATIONS[type(op)](_walk(left), _walk(right))
        case ast.BoolOp(op=op, values=values):
            return (all if isinstance(op, ast.And) else any)(_walk(value) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _walk(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_walk(operand)
    raise InputError(f"an exercise's answer may not hold {ast.unparse(node)}")


def _answer_text(entry: Mapping[str, Any]) -> str:
    if entry["form"] == "choice":
        right = [
            f"{letter}) {choice['text']}"
            for letter, choice in zip("abcdefgh", entry["choice"], strict=False)
            if _value(choice["right_when"])
        ]
        return " or ".join(right)
    return number(_value(entry["answer"]), entry.get("unit", ""))


def question_text(name: str) -> str:
    """Return an exercise as Markdown: its question and its choices, never its answer or a hint."""
    entry = _entries(name[:2])[name]
    choices = [
        f"* **{letter})** {choice['text']}"
        for letter, choice in zip("abcdefgh", entry.get("choice", ()), strict=False)
    ]
    return "\n".join(
        [
            f"**Exercise {name}** ({entry['kind']}). {entry['question'].strip()}",
            *([""] if choices else []),
            *choices,
        ]
    )


def exercises_of(notebook: str) -> dict[str, str]:
    """Return the exercises of a notebook (its two digits) and the section each belongs to."""
    return {name: entry["section"] for name, entry in _entries(notebook).items()}


@cache
def _entries(notebook: str) -> dict[str, Mapping[str, Any]]:
    path = _folder() / f"{notebook}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _folder() -> Path:
    return data_folder() / "exercises"


def _say(text: str) -> None:
    from IPython.display import Markdown, display

    display(Markdown(text))


def _show_form(name: str) -> None:
    """Show buttons or a number field in a live notebook; elsewhere say what to do."""
    from cxlab.workbook.explore import is_live

    if not is_live():
        _say(f'Exercise {name}: replace the three dots by your answer, or by "hint".')
        return
    import ipywidgets as widgets
    from IPython.display import display

    said = widgets.HTML(layout={"min_height": "2em"})
    said.add_class("cx-reply")

    def answer(value: str) -> None:
        said.value = f"<div role='status'>{_html(_reply(name, value)[0])}</div>"

    entry = _entries(name[:2])[name]
    field = widgets.Text(placeholder="15 %" if is_share(entry.get("unit", "")) else "a number")
    field.description = "answer"
    buttons = [*"abcdefgh"[: len(entry.get("choice", ()))]] or ["check"]
    made = [widgets.Button(description=word, layout={"width": "5em"}) for word in [*buttons, "hint"]]
    for button in made:
        button.on_click(
            lambda pressed: answer(field.value if pressed.description == "check" else pressed.description)
        )
    display(widgets.VBox([widgets.HBox([*([field] if buttons == ["check"] else []), *made]), said]))


def _html(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(text))


def progress_file() -> Path:
    """Return where this person's progress is kept: beside the notebook, or where CXLAB_PROGRESS says."""
    return Path(os.environ.get("CXLAB_PROGRESS") or "progress.json")


def _read_progress() -> dict[str, Any]:
    try:
        kept = json.loads(progress_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    if not isinstance(kept, dict) or not isinstance(kept.get("exercises"), dict):
        kept = {"id": secrets.token_hex(4), "exercises": {}}
    return kept


def _write_progress(kept: Mapping[str, Any]) -> None:
    path = progress_file()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
    os.replace(part, path)
