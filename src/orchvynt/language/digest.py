"""Names a policy by its meaning: comments, order of names and defaults written out do not change the digest."""

import hashlib
from typing import Any

import msgspec

from orchvynt.language.build import address_of
from orchvynt.language.checks.names import is_pattern
from orchvynt.language.document.section import Section
from orchvynt.language.reading import Item
from orchvynt.language.source import Source


def digest_of(source: Source) -> str:
    """SHA-256 in hex over canonical JSON. What the catalog knows is no part of it: another release prices the same policy anew."""
    return hashlib.sha256(msgspec.json.encode(_meaning(source), order="sorted")).hexdigest()


def _meaning(source: Source) -> dict[str, Any]:
    chain = source.chain
    return {
        "providers": {name: {**_dump(item), "base_url": address_of(item.section).rstrip("/")} for name, item in source.providers.items()},
        "models": {name: _model(name, _dump(item)) for name, item in source.models.items()},
        "patterns": [name for name in source.models if is_pattern(name)],
        "routing": _dump(source.routing) if source.routing is not None else {},
        "rules": [_when(_dump(rule)) for rule in source.rules],
        "retry": source.retry.model_dump(mode="json"),
        "timeouts": source.timeouts.model_dump(mode="json"),
        "chain": {**_dump(chain), "triggers": sorted(chain.section.triggers)} if chain is not None else None,
        "budgets": [_when(_dump(budget)) for budget in source.budgets],
        "gates": [_when(_dump(gate)) for gate in source.gates],
        "groups": {name: {**_dump(item), "members": sorted(item.section.members)} for name, item in source.groups.items()},
        "journal": source.journal.model_dump(mode="json"),
    }


def _dump(item: Item[Section]) -> dict[str, Any]:
    return item.section.model_dump(mode="json")


def _model(name: str, dumped: dict[str, Any]) -> dict[str, Any]:
    price = dumped["price"]
    if price is not None and price["cached_input"] is None:
        price = {**price, "cached_input": price["input"]}
    return {**dumped, "model": dumped["model"] or name, "aliases": sorted(dumped["aliases"]), "price": price}


def _when(dumped: dict[str, Any]) -> dict[str, Any]:
    return {**dumped, "when": dumped["when"].strip() if dumped["when"] is not None else None}
