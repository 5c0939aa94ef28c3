"""Start JupyterLab on 127.0.0.1 over a copy of the notebooks, for tests and benches in a browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CONTROL = ".cx-explore input, .cx-explore select"
ALL_RUN = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
    const code = [...cells].filter((cell) => cell.type === 'code');
    return code.length > 3 && code.every((cell) => cell.executionCount !== null);
}"""


@contextmanager
def lab_server(folder: Path, notebooks: Path = ROOT / "notebooks") -> Iterator[str]:
    """Give the address of a JupyterLab over a copy of notebooks, with settings of its own, for a block."""
    work = folder / "work"
    shutil.copytree(notebooks, work)
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = '{"fetchNews": "false", "checkForUpdates": false}'
    (settings / "notification.jupyterlab-settings").write_text(quiet)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"""--no-browser --ip=127.0.0.1 --port={port} --allow-root --ServerApp.root_dir={work}
        --IdentityProvider.token= --ServerApp.password= --LabApp.expose_app_in_browser=True
        --LabApp.user_settings_dir={folder / "settings"} --LabApp.workspaces_dir={folder / "workspaces"}"""
    command = [sys.executable, "-m", "jupyterlab", *options.split()]
    own = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data")}
    own |= {"CXLAB_HOME": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1", "CXLAB_EXPLORE": ""}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | own, cwd=work)
        try:
            _wait_for(f"http://127.0.0.1:{port}/api", server, folder / "lab.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 90
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not answer: {log.read_text()[-2000:]}")


def run_all(page: Any, address: str, notebook: str) -> list[str]:
    """Open a notebook, run all its cells, and return what its cells raised."""
    page.goto(f"{address}/lab/tree/{notebook}?reset")
    page.wait_for_function(IDLE, timeout=90_000)
    # By command: a click on the menu races with the notebook's own loading.
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(ALL_RUN, timeout=240_000)
    return page.evaluate("""() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
        .flatMap((cell) => (cell.type === 'code' && cell.sharedModel.outputs) || [])
        .filter((output) => output.output_type === 'error').map((output) => output.evalue)""")


def show_cell(page: Any, text: str, number: int = 0) -> Any:
    """Scroll to a code cell that holds a text, by its number among them; None when there are fewer."""
    found = page.evaluate(
        """([text, number]) => {
            const content = window.jupyterapp.shell.currentWidget.content;
            const cells = content.widgets.filter((cell) => cell.model.type === 'code' &&
                cell.model.sharedModel.source.includes(text));
            if (number >= cells.length) return false;
            document.querySelector('[data-shown]')?.removeAttribute('data-shown');
            cells[number].node.dataset.shown = number;
            const index = content.widgets.indexOf(cells[number]);
            content.activeCellIndex = index;
            content.scrollToItem(index, 'center');
            return true;
        }""",
        [text, number],
    )
    return page.locator("[data-shown]") if found else None


def show_explorer(page: Any, number: int = 0) -> Any:
    """Scroll to a cell that explores, by its number among them, and return it; None when there are fewer."""
    cell = show_cell(page, "cx.explore(", number)
    if cell is not None:
        cell.locator(CONTROL).first.wait_for(timeout=60_000)
        cell.locator(".cx-picture svg").first.wait_for(timeout=60_000)
        cell.locator(CONTROL).first.scroll_into_view_if_needed()
    return cell
