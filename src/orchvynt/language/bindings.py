"""Where a policy sends requests and secrets: what of that is new needs the role admin. It shows references, never secrets."""

import msgspec

from orchvynt.language.patterns import base_url
from orchvynt.language.snapshot import Provider, Snapshot


class Binding(msgspec.Struct, frozen=True):
    """One thing that a policy newly reaches. `where` is the address, `text` the sentence for people."""

    where: str
    text: str


def new_bindings(old: Snapshot | None, new: Snapshot) -> tuple[Binding, ...]:
    """Addresses, kinds at an address, and secrets at an address that `old` has not; all of them without an `old`."""
    before = tuple(old.providers.values()) if old is not None else ()
    known = {_place(provider) for provider in before}
    kinds = {(provider.kind, _place(provider)) for provider in before}
    sent = {(provider.api_key, _place(provider)) for provider in before}
    found: list[Binding] = []
    for provider in new.providers.values():
        place, where = _place(provider), base_url(provider)
        if place not in known:
            found.append(Binding(where, f"provider {provider.name}: new address {where}"))
        elif (provider.kind, place) not in kinds:
            found.append(Binding(where, f"provider {provider.name}: {where} is now spoken to as {provider.kind}"))
        if provider.api_key is not None and (provider.api_key, place) not in sent:
            ref = f"${{{provider.api_key.source}:{provider.api_key.name}}}"
            found.append(Binding(where, f"provider {provider.name}: the secret {ref} now goes to {where}"))
    return tuple(found)


def _place(provider: Provider) -> tuple[str, int, bool]:
    """Hosts are the same in any spelling of letters, with or without the root's dot."""
    return provider.host.lower().rstrip("."), provider.port, provider.tls
