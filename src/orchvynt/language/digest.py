"""Names a policy by its meaning: comments, order of names and defaults written out do not change the digest."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from orchvynt.language.build import address_of
from orchvynt.language.checks.names import is_pattern
from orchvynt.language.document.section import Section
from orchvynt.language.reading import Item
from orchvynt.language.source import Source

_CONDITIONS = ("when", "sticky", "by", "where", "prefer")
_SETS = ("aliases", "triggers", "members", "may_set", "require", "allow_models", "regions", "flags", "notify")
"""Lists whose order means nothing."""


def digest_of(source: Source) -> str:
    """SHA-256 in hex over canonical JSON. What the catalog knows is no part of it: another release prices the same policy anew.

    It is fed item by item, for encoding ten thousand rules at once would hold up whatever else the process does.
    """
    digest = hashlib.sha256()
    for part in _meaning(source):
        digest.update(msgspec.json.encode(part, order="sorted"))
        digest.update(b"\n")
    return digest.hexdigest()


def _meaning(source: Source) -> Iterator[object]:
    for name, provider in sorted(source.providers.items()):
        yield ["provider", name, {**_dump(provider), "base_url": address_of(provider.section).rstrip("/")}]
    for name, model in sorted(source.models.items()):
        yield ["model", name, _model(name, _dump(model))]
    yield ["patterns", [name for name in source.models if is_pattern(name)]]
    for kind, head in (("head", source.head), ("operation", source.operation), ("routing", source.routing), ("fallback", source.fallback)):
        yield [kind, _dump(head) if head is not None else {}]
    for kind, listed in (
        *(("rule", source.rules), ("chain use", source.chain_uses), ("alert", source.alerts), ("budget", source.budgets)),
        *(("rate limit", source.rate_limits), ("gate", source.gates), ("constraint", source.constraints)),
        *(("passthrough", source.passthrough), ("test", source.tests)),
    ):
        for item in listed:
            yield [kind, _dump(item)]
    for kind, named in (("chain", source.chains), ("group", source.groups), ("notify", source.notify)):
        for name, one in sorted(named.items()):
            yield [kind, name, _dump(one)]
    for key in sorted(source.keys, key=lambda item: item.section.name):
        yield ["key", _dump(key)]


def _dump(item: Item[Section]) -> dict[str, Any]:
    return _canonical(item.section.model_dump(mode="json", by_alias=True))


def _canonical(dumped: dict[str, Any]) -> dict[str, Any]:
    """Blanks around an expression and the order of a set mean nothing."""
    made: dict[str, Any] = {}
    for name, value in dumped.items():
        if isinstance(value, dict):
            made[name] = _canonical(value)
        elif name in _CONDITIONS and isinstance(value, str):
            made[name] = value.strip()
        elif name in _SETS and isinstance(value, list):
            made[name] = sorted(value, key=str)
        else:
            made[name] = value
    return made


def _model(name: str, dumped: dict[str, Any]) -> dict[str, Any]:
    price = dumped["price"]
    if price is not None and price["cached_input"] is None:
        price = {**price, "cached_input": price["input"]}
    return {**dumped, "model": dumped["model"] or name, "price": price}
