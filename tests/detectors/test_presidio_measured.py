"""What the reference says of Presidio holds for the library that is installed (`make test` installs it)."""

import importlib.util

import pytest
from tests.detectors.measuring_presidio import measured, stored

SLACK = 0.02
"""Another release of the library finds a little more or less; what it says of itself here is a table, not a promise."""


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is None, reason="the extra is not installed: pip install '.[presidio]'")
def test_the_library_finds_what_the_table_says() -> None:
    found = {(one.kind, one.source): one for one in measured()}
    told = {(one.kind, one.source): one for one in stored()}
    assert found.keys() == told.keys()
    for key, one in found.items():
        assert one.recall >= told[key].recall - SLACK, one
        assert one.precision >= told[key].precision - SLACK, one
