"""One running admin server for each test that asks for it."""

from collections.abc import Iterator

import pytest
from tests.surfaces.world import World, serving


@pytest.fixture
def world() -> Iterator[World]:
    with serving() as running:
        yield running
