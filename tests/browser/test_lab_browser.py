"""A person's first minutes: JupyterLab opens page 02, runs it, and a key on a slider changes the chart."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = os.environ.get("CXLAB_TEST_PAGE", "02-product-or-experience.ipynb")
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


@pytest.fixture
def lab(tmp_path, chromium):
    """Start JupyterLab on 127.0.0.1 over a copy of the notebooks; give its address."""
    work = tmp_path / "work"
    shutil.copytree(ROOT / "notebooks", work)
    settings = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--allow-root",
        ),
        *("--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={work}"),
        *("--LabApp.expose_app_in_browser=True", f"--LabApp.user_settings_dir={tmp_path / 'settings'}"),
        f"--LabApp.workspaces_dir={tmp_path / 'workspaces'}",
    ]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "CXLAB_HOME": str(ROOT)}
    environment |= {"JUPYTER_DATA_DIR": str(tmp_path / "data"), "JUPYTER_PLATFORM_DIRS": "1"}
    environment.pop("CXLAB_EXPLORE", None)
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=work)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api", server, tmp_path / "lab.log")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def _wait_for(url, server, log, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"JupyterLab stopped: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not answer: {log.read_text()[-2000:]}")


def test_page_02_runs_and_a_key_on_its_slider_changes_the_chart(lab, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{lab}/lab/tree/{PAGE}?reset")
    page.wait_for_function(IDLE, timeout=90_000)
    # By command: a click on the menu races with the notebook's own loading.
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => {
            const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
            const code = [...cells].filter((cell) => cell.type === 'code');
            return code.length > 3 && code.every((cell) => cell.executionCount !== null);
        }""",
        timeout=240_000,
    )
    errors = page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
            .filter((cell) => cell.type === 'code')
            .flatMap((cell) => cell.sharedModel.outputs ?? [])
            .filter((output) => output.output_type === 'error').map((output) => output.evalue)"""
    )
    assert errors == []

    cell = page.evaluate(
        """() => {
            const content = window.jupyterapp.shell.currentWidget.content;
            const index = content.widgets.findIndex(
                (w) => w.node.querySelector('.widget-slider') ||
                       (w.model.type === 'code' && w.model.sharedModel.source.includes('cx.explore(')));
            content.activeCellIndex = index;
            content.scrollToItem(index, 'center');
            return index;
        }"""
    )
    assert cell > 0
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.wait_for(timeout=60_000)
    handle.scroll_into_view_if_needed()
    widget = page.locator(".jp-OutputArea-output", has=page.locator(".widget-slider")).first
    chart = widget.locator(".js-plotly-plot").first
    chart.wait_for(timeout=60_000)
    state = "node => JSON.stringify(node.data.map((trace) => [trace.x, trace.y, trace.z])) + node.layout.title?.text"
    before = chart.evaluate(state)
    handle.focus()
    page.keyboard.press("ArrowRight")
    deadline = time.monotonic() + 30
    while chart.evaluate(state) == before and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert chart.evaluate(state) != before
    page.close()
