"""A headless Chromium, found on the machine; without one the tests skip, or fail when it is required."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium_path() -> str | None:
    """Return where a Chromium lies, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def launch() -> Iterator[Any]:
    """Give a launched browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=_FLAGS)
        yield browser
        browser.close()


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """Return a launched browser."""
    if chromium_path() is None:
        stop = pytest.fail if os.environ.get("CXLAB_REQUIRE_BROWSER") == "1" else pytest.skip
        stop("no Chromium on this machine (Debian and Ubuntu: apt install chromium)")
    with launch() as browser:
        yield browser
