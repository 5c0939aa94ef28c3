"""Exercises: questions kept as data, answers computed from what the page has shown, hints, and progress.

A notebook's exercises stand in ``data/exercises/NN.toml``; a cell says only ``cx.check("02.1", ...)``. The
right answer is an expression over the numbers that the page's results have recorded in this kernel, so it
holds on any data.
"""

import ast
import contextlib
import html
import json
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from IPython.display import Markdown, display

from cxlab.data.errors import InputError
from cxlab.data.files import data_folder
from cxlab.questions.result import is_share, listed, number, shown_numbers
from cxlab.workbook.explore import is_live
from cxlab.workbook.publish import write_whole

_NEW = {"state": "open", "tries": 0, "hints": 0}
_PARTS = ("value", "low", "high")  # of a number, in an expression
_ALLOWED = (
    ast.Expression, ast.Constant, ast.Call, ast.Name, ast.Load, ast.UnaryOp, ast.BinOp, ast.Compare,
    ast.BoolOp, ast.Not, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.cmpop, ast.boolop,
)  # fmt: skip


def check(exercise: str, answer: Any = ...) -> None:
    """Say whether an answer is right and why; without an answer, show the form where the notebook is live.

    ``exercise`` is its name, such as ``"02.1"``. A share may be given as 0.15, 15 or "15 %"; a choice is its
    letter; ``"hint"`` asks for the next hint.
    """
    known = exercises_of(str(exercise)[:2])
    if exercise not in known:
        raise InputError(f"there is no exercise {exercise!r}; this notebook has {listed(known)}")
    if answer is ...:
        _show_form(exercise)
        return
    text, fault = _reply(exercise, _plain(answer))
    if fault:
        raise InputError(text)  # here, where no frame of the traceback holds the right answer
    display(Markdown(text))


def progress() -> None:
    """Show which exercises are done and open, and how many tries they took; kept beside the notebook."""
    kept = _read_progress()["exercises"]
    lines = ["| notebook | done | open | tries |", "|---|---|---|---|"]
    for path in sorted((data_folder() / "exercises").glob("[0-9][0-9].toml")):
        states = {name: kept.get(name, _NEW) for name in exercises_of(path.stem)}
        waiting = [name for name, state in states.items() if state["state"] != "right"]
        done = f"{len(states) - len(waiting)} of {len(states)}"
        tries = sum(state["tries"] for state in states.values())
        lines.append(f"| {path.stem} | {done} | {', '.join(waiting)} | {tries} |")
    display(Markdown("\n".join(lines)))


def _reply(name: str, answer: str) -> tuple[str, bool]:
    """Return the words for an answer and whether they tell of a fault; keep what was tried."""
    entry, kept = _entries(name[:2])[name], _read_progress()
    state = kept["exercises"].setdefault(name, {**_NEW, "wrong": []})
    try:
        if answer.strip().lower() == "hint":
            text = _next_hint(entry, state)
        else:
            right, says, key = (_judge_choice if "choice" in entry else _judge_number)(entry, answer)
            state["tries"] += 1
            if right:
                state["state"] = "right"
                text = f"**Right.** {entry['right']}"
            else:
                state["wrong"].append(key)
                text = f"**Not yet.** {says} {_next_hint(entry, state)}"
        write_whole(progress_file(), json.dumps(kept, indent=1, sort_keys=True))
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


def _judge_choice(entry: Mapping[str, Any], answer: str) -> tuple[bool, str, str]:
    """Return whether it is right, what a wrong answer shows, and words for it that a room can count."""
    choices, letter = _choices(entry), answer.strip().lower().rstrip(")")
    if letter not in choices:
        return False, f"Choose one of {', '.join(choices)}.", "no such choice"
    chosen = choices[letter]
    return _value(chosen["right_when"]), chosen["says"], f"{letter}) {chosen['text']}"


def _judge_number(entry: Mapping[str, Any], answer: str) -> tuple[bool, str, str]:
    expected, given = _value(entry["answer"]), _as_number(answer)
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


def _plain(answer: Any) -> str:
    """Return an answer as text, before any right answer is at hand."""
    try:
        return str.__str__(answer) if isinstance(answer, str) else f"{float(answer):.12f}"
    except (TypeError, ValueError):
        return ""


def _as_number(text: str) -> float | None:
    text = text.strip().replace("−", "-")
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    match = re.fullmatch(r"([-+]?\d*\.?\d+)\s*(%?)", text.replace(",", "."))
    return float(match[1]) / (100 if match[2] else 1) if match else None


def _value(expression: str) -> Any:
    """Compute an expression such as ``value('share-product') > low('share-experience')`` from the recorded
    numbers; it may hold nothing but their parts, constants and arithmetic.
    """
    tree = ast.parse(expression, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED) or (isinstance(node, ast.Name) and node.id not in _PARTS):
            raise InputError(f"an exercise's answer may not hold {ast.unparse(node)}")
    numbers = shown_numbers()
    parts = {part: lambda name, part=part: getattr(numbers[name], part) for part in _PARTS}
    try:
        return eval(compile(tree, "answer", "eval"), {"__builtins__": {}}, parts)
    except KeyError:
        words = "run the cells of this page first, from the top; or these data give no answer"
        raise InputError(words) from None


def _answer_text(entry: Mapping[str, Any]) -> str:
    if "answer" in entry:
        return number(_value(entry["answer"]), entry.get("unit", ""))
    right = [(letter, one) for letter, one in _choices(entry).items() if _value(one["right_when"])]
    return " or ".join(f"{letter}) {choice['text']}" for letter, choice in right)


def _choices(entry: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    return dict(zip("abcdefgh", entry.get("choice", ()), strict=False))


def question_text(name: str) -> str:
    """Return an exercise as Markdown: its question and its choices, never its answer or a hint."""
    entry = _entries(name[:2])[name]
    choices = [f"* **{letter})** {choice['text']}" for letter, choice in _choices(entry).items()]
    asked = f"**Exercise {name}** ({entry['kind']}). {entry['question'].strip()}"
    return "\n".join([asked, "", *choices] if choices else [asked])


def exercises_of(notebook: str) -> dict[str, str]:
    """Return the exercises of a notebook (its two digits) and the section each belongs to."""
    return {name: entry["section"] for name, entry in _entries(notebook).items()}


@cache
def _entries(notebook: str) -> dict[str, Mapping[str, Any]]:
    path = data_folder() / "exercises" / f"{notebook}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _show_form(name: str) -> None:
    """Show buttons or a number field in a live notebook; elsewhere say what to do."""
    if not is_live():
        display(Markdown(f'Exercise {name}: replace the three dots by your answer, or by "hint".'))
        return
    import ipywidgets as widgets

    said = widgets.HTML(layout={"min_height": "2em"})
    said.add_class("cx-reply")
    entry = _entries(name[:2])[name]
    example = "15 %" if is_share(entry.get("unit", "")) else "a number"
    field = widgets.Text(placeholder=example, description="answer")

    def press(button: widgets.Button) -> None:
        given = field.value if button.description == "check" else button.description
        words = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(_reply(name, given)[0]))
        said.value = f"<div role='status'>{words}</div>"

    words = [*(list(_choices(entry)) or ["check"]), "hint"]
    buttons = [widgets.Button(description=word, layout={"width": "5em"}) for word in words]
    for button in buttons:
        button.on_click(press)
    row = buttons if "choice" in entry else [field, *buttons]
    display(widgets.VBox([widgets.HBox(row), said]))


def progress_file() -> Path:
    """Return where this person's progress is kept: beside the notebook, or where CXLAB_PROGRESS says."""
    return Path(os.environ.get("CXLAB_PROGRESS") or "progress.json")


def _read_progress() -> dict[str, Any]:
    try:
        kept = json.loads(progress_file().read_text(encoding="utf-8"))
        return kept | {"exercises": dict(kept["exercises"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"id": secrets.token_hex(4), "exercises": {}}
