"""Tests use the worlds of the benches, which lie on the path as when a bench is run."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "bench"))
