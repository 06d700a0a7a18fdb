"""Every wire and every caller dialect has its implementation, and it keeps the shape."""

from typing import get_args

import pytest

from orchvynt.dialects import registry
from orchvynt.dialects.anthropic_messages import requests as anthropic_requests
from orchvynt.dialects.ollama_chat import requests as ollama_requests
from orchvynt.dialects.openai_chat import requests as openai_requests
from orchvynt.language.snapshot import Wire
from orchvynt.model.invocation import Ask, DialectName


@pytest.mark.parametrize("name", get_args(DialectName))
def test_every_caller_dialect_answers_to_its_name(name: DialectName) -> None:
    assert registry.caller(name).name == name


@pytest.mark.parametrize("wire", get_args(Wire))
def test_every_wire_has_a_provider_and_a_relay(wire: Wire) -> None:
    provider = registry.provider(wire)
    assert provider.name == wire
    relay = registry.relay(provider, registry.caller("openai_chat"), Ask("", b"", wants_usage=False), collect=False)
    assert relay.finish([]) == b"data: [DONE]\n\n"


def test_only_the_twin_passes_bodies() -> None:
    assert registry.provider("openai_chat").caller_twin == "openai_chat"
    assert registry.provider("anthropic_messages").caller_twin == "anthropic_messages"


def test_route_never_streams() -> None:
    with pytest.raises(ValueError, match="never streams"):
        registry.relay(registry.provider("openai_chat"), registry.caller("route"), Ask("", b"", wants_usage=True), collect=True)


@pytest.mark.parametrize("module", [anthropic_requests, ollama_requests, openai_requests])
def test_what_is_dropped_is_said_with_its_reason(module: object) -> None:
    for what, why in getattr(module, "DROPPED"):  # noqa: B009  # a module's constant, by name
        assert what
        assert why


def test_only_known_fields_of_a_header_are_forwarded() -> None:
    for dialect, names in registry.FORWARDED.items():
        assert dialect in get_args(DialectName)
        assert not {"authorization", "x-api-key", "cookie"} & set(names)
        assert not any(name.startswith("x-orchvynt") for name in names)
