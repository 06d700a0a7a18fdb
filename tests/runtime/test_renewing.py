"""A key that was refused and is renewed in its file: the provider is asked again within a second, not after its credential's rest."""

import msgspec
import pytest
from tests.support.answers import WHOLE, refused
from tests.support.carrying import FakeSecrets, Runtime
from tests.support.snapshots import OPENAI, invocation, snapshot

from orchvynt.language.snapshot import SecretRef, Snapshot
from orchvynt.runtime.sweeping import SECOND_TICKS

REFUSED = refused("Incorrect API key provided", "authentication_error")


def keyed(source: str) -> Snapshot:
    """The plain policy, where OpenAI needs a key."""
    plain = snapshot()
    provider = msgspec.structs.replace(OPENAI, api_key=SecretRef("file" if source == "file" else "env", "openai"))
    models = {**plain.models, "gpt": msgspec.structs.replace(plain.models["gpt"], provider=provider)}
    return msgspec.structs.replace(plain, providers={**plain.providers, "openai": provider}, models=models)


def asked(runtime: Runtime) -> int:
    """The port of who is asked first: 1 is OpenAI's."""
    runtime.ask(invocation())
    return runtime.last.address.port


@pytest.mark.parametrize(("source", "port"), [("file", 1), ("env", 2)])
def test_a_renewed_file_ends_the_rest(source: str, port: int) -> None:
    secrets = FakeSecrets(openai="old")
    runtime = Runtime(keyed(source), secrets)
    assert asked(runtime) == 1
    runtime.last.answers(REFUSED, 401)
    runtime.last.answers(WHOLE)
    runtime.sweeping.tick(SECOND_TICKS)
    assert asked(runtime) == 2, "it is the same key"
    secrets.known["openai"] = "new"
    runtime.sweeping.tick(SECOND_TICKS)
    assert asked(runtime) == port, "the environment is read at the start only"


def test_a_file_that_comes_later_ends_the_rest() -> None:
    secrets = FakeSecrets()
    runtime = Runtime(keyed("file"), secrets)
    assert asked(runtime) == 2
    runtime.sweeping.tick(SECOND_TICKS)
    assert asked(runtime) == 2
    secrets.known["openai"] = "new"
    runtime.sweeping.tick(SECOND_TICKS)
    assert asked(runtime) == 1
    assert runtime.last.headers["authorization"] == "Bearer new"
