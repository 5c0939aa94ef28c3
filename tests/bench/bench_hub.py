"""JupyterHub with five attendees who sign in at once: seconds and memory, extrapolated to twenty.

Needs `pip install 'lib[hub]'` in this environment and `configurable-http-proxy` on the path.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from conftest import launch
from lab_server import ROOT

PEOPLE = 5
STATE = ".jp-Notebook-ExecutionIndicator"


def memory(root: int) -> int:
    """Return the megabytes of a process and all below it, shared pages counted once (PSS)."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in family]
    return sum(int(t.partition("\nPss:")[2].split()[0]) for t in texts if "\nPss:" in t) // 1024


def main() -> None:
    """Start the hub, let five people sign in, open page 02 and run it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder, launch() as browser:
        own = {"CXLAB_ROOMS": folder, "CXLAB_HUB": address, "CXLAB_PASSWORD": "room"}
        command = [Path(sys.executable).parent / "jupyterhub", "-f", ".jupyterhub/jupyterhub_config.py"]
        with (Path(folder) / "hub.log").open("w") as log:
            hub = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=log, stderr=log)
        try:
            start = time.monotonic()
            while time.monotonic() < start + 60:
                try:
                    urllib.request.urlopen(f"{address}/hub/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.3)
            print(f"hub alone: {time.monotonic() - start:.0f} s, {memory(hub.pid)} MB")
            pages = [browser.new_context().new_page() for _ in range(PEOPLE)]
            for number, page in enumerate(pages):
                page.goto(f"{address}/hub/login?next=/hub/spawn")
                page.locator("#username_input").fill(f"seat-{number}")
                page.locator("#password_input").fill("room")
            start = time.monotonic()
            for page in pages:
                page.locator("#login_submit").click(no_wait_after=True)
            for page in pages:
                page.wait_for_url("**/lab**", timeout=180_000)
            print(f"{PEOPLE} servers: {time.monotonic() - start:.0f} s, {memory(hub.pid)} MB")
            start = time.monotonic()
            for number, page in enumerate(pages):
                page.goto(f"{address}/user/seat-{number}/lab/tree/02-product-or-experience.ipynb")
            for page in pages:
                page.wait_for_selector(f"{STATE}[data-status=idle]", timeout=180_000)
                page.get_by_role("menuitem", name="Run", exact=True).click()
                page.get_by_text("Run All Cells", exact=True).click()
                page.wait_for_selector(f"{STATE}[data-status=busy]", timeout=60_000)
            for page in pages:
                page.wait_for_selector(f"{STATE}[data-status=idle]", timeout=240_000)
            used = memory(hub.pid)
            print(f"{PEOPLE} people have run page 02: {time.monotonic() - start:.0f} s, {used} MB")
            copies = sorted(path.parent.name for path in Path(folder).glob("seat-*/02-*.ipynb"))
            assert len(copies) == PEOPLE, copies
        finally:
            hub.terminate()
            hub.wait(30)


if __name__ == "__main__":
    main()
