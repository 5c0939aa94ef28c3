"""Room 3: a result table -> a plotly figure. A chart computes nothing and shows nothing."""

from __future__ import annotations

import importlib
from pathlib import Path

_MODULES = sorted({path.stem for path in Path(__file__).parent.glob("[a-z]*") if path.suffix in ("", ".py")})

__all__ = _MODULES


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module 'cxlab.charts' has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
