"""Property tests are bounded by their number of examples, never by the time of one: machines are busy. One PostgreSQL serves all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.support.postgres import Server

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Started by the first test that asks for it."""
    server = Server()
    yield server
    server.close()
