"""A scripted attendee does two exercises of every notebook in JupyterLab; 03 with the keyboard alone."""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from attendee import Attendee, small_copies
from conftest import launch
from lab_server import lab_server


def main() -> None:
    """Print, for each notebook, the seconds that it took and what the console complained of."""
    with tempfile.TemporaryDirectory() as folder, launch() as browser:
        copies = small_copies(Path(folder) / "copies")
        with lab_server(Path(folder), copies) as address:
            for path in sorted(copies.glob("0[1-9]*.ipynb")):
                start, faults, number = time.monotonic(), [], path.stem[:2]
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.on(
                    "console", lambda said, to=faults: to.append(said.text) if said.type == "error" else 0
                )
                page.on("pageerror", lambda error, to=faults: to.append(str(error)))
                attendee = Attendee(page, address, path.stem, keyboard=number == "03")
                for exercise in (1, 2):
                    attendee.do(f"{number}.{exercise}")
                assert f"{number}\n2 of 4" in attendee.progress()
                page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
                page.close()
                took = time.monotonic() - start
                print(f"{path.stem}: 2 exercises right in {took:.0f} s, console errors: {faults or 'none'}")


if __name__ == "__main__":
    main()
