"""The pytest plugin: the fixture `scripted_provider`. Loaded in every pytest run, so it imports nothing until it is asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from orchvynt.testing.scripted import ScriptedProvider


@pytest.fixture
def scripted_provider() -> "Iterator[ScriptedProvider]":
    """A model provider of this test's own: a process on a free port, with a ledger; see `orchvynt.testing.scripted`."""
    # The plugin is imported in every pytest run of every project that has orchvynt installed: 25 ms that only this fixture needs.
    from orchvynt.testing.scripted import ScriptedProvider  # noqa: PLC0415

    with ScriptedProvider() as provider:
        yield provider
