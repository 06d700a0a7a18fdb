"""Says what runs: modules that were compiled ahead of time, as some wheels bring them (hatch_build.py), or pure Python."""

from importlib.util import find_spec
from typing import Final

from orchvynt.model.builds import Build

# It is compiled with all others or not at all, and finding it loads nothing.
_ASKED: Final = "orchvynt.lifecycle.table"


def built() -> Build:
    found = find_spec(_ASKED)
    assert found is not None, f"{_ASKED} is part of every build"
    return "pure" if (found.origin or "").endswith(".py") else "compiled"
