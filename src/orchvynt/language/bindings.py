"""Where a policy sends requests and secrets: what of that is new needs the role admin. It shows references, never secrets."""

import msgspec

from orchvynt.language.patterns import base_url, destination_url
from orchvynt.language.snapshot import Destination, Provider, SecretRef, Snapshot


class Binding(msgspec.Struct, frozen=True):
    """One thing that a policy newly reaches. `where` is the address, `text` the sentence for people."""

    where: str
    text: str


def new_bindings(old: Snapshot | None, new: Snapshot) -> tuple[Binding, ...]:
    """Addresses, kinds at an address, and secrets at an address that `old` has not; all of them without an `old`.

    A webhook is another thing than a provider at the same address: what goes to the one is not meant for the other.
    """
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
            found.append(Binding(where, f"provider {provider.name}: the secret {_ref(provider.api_key)} now goes to {where}"))
    return (*found, *_new_destinations(old, new))


def _new_destinations(old: Snapshot | None, new: Snapshot) -> list[Binding]:
    before = tuple(old.destinations.values()) if old is not None else ()
    known = {_place(destination) for destination in before}
    bound = {(destination.secret, _place(destination)) for destination in before}
    found: list[Binding] = []
    for destination in new.destinations.values():
        place, where = _place(destination), destination_url(destination)
        named = f"destination {destination.name}"
        if destination.host and place not in known:
            found.append(Binding(where, f"{named}: new address {where}"))
        if (destination.secret, place) not in bound:
            found.append(Binding(where, f"{named}: {_use(destination, where)}"))
    return [*found, *_new_buttons(before, new)]


def _use(destination: Destination, where: str) -> str:
    """What a secret is for, in words. Of mail and of apprise it is the address, too."""
    if not destination.host:
        return f"{destination.channel} now goes where {where} leads"
    return f"the secret {_ref(destination.secret)} now {'signs for' if destination.channel == 'webhook' else 'goes to'} {where}"


def _new_buttons(before: tuple[Destination, ...], new: Snapshot) -> list[Binding]:
    """Whoever knows the signing secret of a Slack app can vote by its buttons."""
    known = {one.slack.signing_secret for one in before if one.slack is not None}
    found = []
    for one in new.destinations.values():
        secret = one.slack.signing_secret if one.slack is not None else None
        if secret is not None and secret not in known:
            found.append(Binding(destination_url(one), f"destination {one.name}: buttons that {_ref(secret)} signs now vote"))
    return found


def _ref(ref: SecretRef) -> str:
    return f"${{{ref.source}:{ref.name}}}"


def _place(one: Provider | Destination) -> tuple[str, int, bool]:
    """Hosts are the same in any spelling of letters, with or without the root's dot."""
    return one.host.lower().rstrip("."), one.port, one.tls
