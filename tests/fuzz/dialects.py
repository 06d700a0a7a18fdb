"""All dialects that the registry knows, so that a new one is fuzzed as soon as it is there."""

from typing import get_args

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import CallerDialect, ProviderDialect, Relay
from orchvynt.language.snapshot import Wire
from orchvynt.model.invocation import Ask, DialectName


def callers() -> list[CallerDialect]:
    return [registry.caller(name) for name in get_args(DialectName)]


def providers() -> list[ProviderDialect]:
    return [registry.provider(wire) for wire in get_args(Wire)]


def relay(provider: ProviderDialect, caller: CallerDialect, wants_usage: bool) -> Relay | None:
    """None for a pair that never streams."""
    ask = Ask(requested_model="m", body=b"{}", stream=True, wants_usage=wants_usage)
    try:
        return registry.relay(provider, caller, ask, collect=True, digest=True, created_s=1_700_000_000)
    except ValueError:
        return None
