"""A scripted attendee of the workshop: opens a copy in JupyterLab, errs, asks, reads and gets it right."""

import re
import tomllib
from pathlib import Path
from typing import Any

from lab_server import ALL_RUN, IDLE, ROOT, run_all, show_cell

from cxlab.workbook.workshop import write_copies

ACTIVE = "window.jupyterapp.shell.currentWidget.content.activeCell"
MARK = f"""() => {{ document.querySelector('[data-shown]')?.removeAttribute('data-shown');
    {ACTIVE}.node.dataset.shown = 'here'; return {ACTIVE}.model.sharedModel.source; }}"""
SAID = """(document.querySelector('[data-shown] .cx-reply') ??
    document.querySelector('[data-shown] .jp-OutputArea-output'))?.textContent"""
HEARD = f"""([before, ...words]) => {{ const said = {SAID} ?? '';
    return said !== before && words.every((word) => said.includes(word)) && said; }}"""


def small_copies(folder: Path) -> Path:
    """Write the attendees' notebooks with few resamples and one survey a page."""
    write_copies(folder)
    for path in folder.glob("*.ipynb"):
        text = re.sub(r"bootstrap: int = \d+", "bootstrap: int = 40", path.read_text(encoding="utf-8"))
        text = text.replace('source: str = \\"all\\"', 'source: str = \\"airline\\"')
        path.write_text(re.sub(r"compare_with: list = \[.*?\]", "compare_with: list = []", text))
    return folder


class Attendee:
    """Does exercises of one notebook, in their forms or, with the keyboard alone, in their cells."""

    def __init__(self, page: Any, address: str, stem: str, *, keyboard: bool = False) -> None:
        self.page, self.stem, self.keyboard = page, stem, keyboard
        text = (ROOT / "data" / "exercises" / f"{stem[:2]}.toml").read_text(encoding="utf-8")
        self.entries = tomllib.loads(text)
        if not keyboard:
            assert run_all(page, address, f"{stem}.ipynb") == []
            return
        page.goto(f"{address}/lab?reset")
        page.locator(".jp-DirListing-item", has_text=stem).wait_for(timeout=60_000)
        while not page.evaluate("document.activeElement.closest('.jp-DirListing')"):
            page.keyboard.press("Tab")
        page.keyboard.type(stem[:2])
        page.keyboard.press("Enter")
        page.wait_for_function(IDLE, timeout=90_000)
        page.keyboard.press("Control+Shift+C")
        page.keyboard.type("Run All Cells", delay=20)
        page.keyboard.press("Enter")
        page.wait_for_function(ALL_RUN, timeout=240_000)

    def do(self, name: str) -> None:
        """Ask for a hint, answer wrong and read why, then read the answer and give it."""
        entry = self.entries[name]
        self._go(f'cx.check("{name}"')
        self._say(name, "hint", "Hint 1 of 3", entry["hints"][0])
        if entry["form"] == "choice":
            for letter, choice in reversed([*zip("abcdefgh", entry["choice"], strict=False)]):
                said = self._say(name, letter, f"Exercise {name}: ")
                if "Right." in said:
                    break
                assert choice["says"] in said and "Not yet." in said
            assert letter != "abcdefgh"[len(entry["choice"]) - 1] and entry["right"] in said
            return
        self._say(name, "987654321", "Not yet. That is too high.", entry["hints"][1])
        self._say(name, "many", "A number is asked for", entry["hints"][2])
        said = self._say(name, "hint", "The answer is")
        right = re.search(r"The answer is (.+?)\. ", said)[1]
        self._say(name, right, "Right.", entry["right"])

    def progress(self) -> str:
        """Run the last cell again and return its table."""
        self._go("cx.progress()")
        self.page.keyboard.press("Control+Enter")
        return self._heard("", f"{self.stem[:2]}", "2 of 4")

    def _go(self, text: str) -> None:
        if not self.keyboard:
            show_cell(self.page, text).locator(".jp-OutputArea-output").first.wait_for(timeout=30_000)
            return
        self.page.keyboard.press("Escape")
        for key in [*["ArrowUp"] * 80, *["ArrowDown"] * 80]:
            if text in self.page.evaluate(MARK):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"no cell holds {text}")

    def _say(self, name: str, given: str, *words: str) -> str:
        before = self.page.evaluate(SAID)
        if self.keyboard:
            self.page.keyboard.press("Enter")
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(f'cx.check("{name}", "{given}")')
            self.page.keyboard.press("Control+Enter")
        elif given in ("hint", *"abcdefgh"):
            self.page.locator("[data-shown]").get_by_role("button", name=given, exact=True).click()
        else:
            self.page.locator("[data-shown] .widget-text input").fill(given)
            self.page.locator("[data-shown]").get_by_role("button", name="check").click()
        return self._heard(before, *words)

    def _heard(self, *words: str) -> str:
        return self.page.wait_for_function(HEARD, arg=words, timeout=20_000).json_value()
