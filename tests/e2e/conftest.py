"""Fixtures of the end-to-end tests: a server of the test's own over the scripted provider."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from tests.support.serving import Serving


class Serve(Protocol):
    def __call__(self, policy: str, environment: dict[str, str] | None = None, arguments: tuple[str, ...] = ()) -> Serving: ...


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `orchvynt serve` with a policy; it is killed when the test ends."""
    with ExitStack() as running:

        def start(policy: str, environment: dict[str, str] | None = None, arguments: tuple[str, ...] = ()) -> Serving:
            return running.enter_context(Serving(tmp_path, policy, environment, arguments))

        yield start


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """What names the store to `serve`: SQLite in its folder, or a PostgreSQL of the test's own."""
    if request.param == "sqlite":
        yield ()
        return
    server = request.getfixturevalue("postgres")
    url = server.fresh()
    yield ("--store", url)
    server.give_back(url)
