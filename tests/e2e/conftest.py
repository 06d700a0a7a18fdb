"""Fixtures of the end-to-end tests: a server of the test's own over the scripted provider."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.serving import Serving

Serve = Callable[[str], Serving]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `orchvynt serve` with a policy; it is killed when the test ends."""
    with ExitStack() as running:

        def start(policy: str) -> Serving:
            return running.enter_context(Serving(tmp_path, policy))

        yield start
