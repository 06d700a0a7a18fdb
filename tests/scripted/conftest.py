"""One provider process for a whole test file, cleared before each test; files that need their own use the plugin's fixture."""

from collections.abc import Iterator

import pytest

from orchvynt.testing.scripted import ScriptedProvider


@pytest.fixture(scope="module")
def provider_process() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@pytest.fixture
def provider(provider_process: ScriptedProvider) -> ScriptedProvider:
    provider_process.clear()
    return provider_process
