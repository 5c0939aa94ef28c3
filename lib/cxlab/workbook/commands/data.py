"""``cxlab data``: fetch and check the registered real data."""

from __future__ import annotations

import argparse

from cxlab.evidence.errors import InputError
from cxlab.evidence.sources import fetch, registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="which sources (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Fetch each source and print a line for it."""
    unknown = [name for name in arguments.names if name not in registry()]
    if unknown:
        raise InputError(
            f"no registered source is called {', '.join(unknown)}; there are {', '.join(registry())}"
        )
    for name in arguments.names or registry():
        path = fetch(name)
        print(f"{name}: checked, {path.stat().st_size:,} bytes, {registry()[name]['licence']}")
    return 0
