"""What a compiled wheel compiles: every pattern still finds its modules, and none that it would break is among them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.architecture.house import ROOT

PACKAGE = ROOT / "src" / "orchvynt"
