"""Which prices of a new policy are lower than what the same was known to cost: under the same limit in dollars more goes through.

The same is what a provider at one address serves under one name, whatever the policy calls it. A price that nothing can be compared with is
taken as it is said.
"""

from collections.abc import Iterator

from orchvynt.catalog.models import known, prices_known
from orchvynt.language.compiled_protected import covers
from orchvynt.language.patterns import base_url, matched
from orchvynt.language.phrases import words
from orchvynt.language.snapshot import Model, Snapshot
from orchvynt.model.money import Price

_RATES = ("input", "output", "cached_input")
_Target = tuple[str, str, str]


def cheaper_prices(old: Snapshot, new: Snapshot) -> Iterator[str]:
    """A line for each model and each pattern of `new` whose price is lower than it was known to be."""
    costs = _costs(old)
    for name, model in new.models.items():
        before = _references(name, model, old, costs)
        if model.price is not None and before and all(_lower(model.price, one) for one in before):
            yield f"model {name}: price {words(before[0])} → {words(model.price)}"
    templates = dict(old.patterns)
    for name, template in new.patterns:
        if template != templates.get(name) and (why := _of_pattern(name, template, templates.get(name), old)):
            yield why


def _costs(snapshot: Snapshot) -> dict[_Target, list[Price]]:
    found: dict[_Target, list[Price]] = {}
    for model in snapshot.models.values():
        if model.price is not None:
            found.setdefault(_target(model), []).append(model.price)
    return found


def _references(name: str, model: Model, old: Snapshot, costs: dict[_Target, list[Price]]) -> list[Price]:
    """What the same thing cost: by that name, by others, by a pattern, by the catalog; else what the name stood for before."""
    before, target = old.models.get(name), _target(model)
    if before is not None and before.price is not None and _target(before) == target:
        return [before.price]
    if target in costs:
        return costs[target]
    kind, url, upstream = target
    for pattern, template in old.patterns:
        if _target(template)[:2] == (kind, url) and covers((pattern,), upstream):
            price = matched(template, upstream).price
            return [price] if price is not None else []
    catalogued = known(kind, url, upstream).price
    if catalogued is not None:
        return [catalogued]
    return [before.price] if before is not None and before.price is not None else []


def _of_pattern(name: str, template: Model, before: Model | None, old: Snapshot) -> str:
    """A price that a pattern declares holds for whatever it matches, so it is compared with all that is known of that."""
    kind, url, _ = _target(template)
    if before is not None and _target(before) == (kind, url, name) and before.price is not None:
        lower = template.price is None or _lower(template.price, before.price)
        return f"pattern {name}: price {words(before.price)} → {words(template.price)}" if lower else ""
    if template.price is None:
        return ""
    if prices_known(kind, url):
        return f"pattern {name}: price {words(template.price)} in place of the catalog's"
    for model in old.models.values():
        same = _target(model)[:2] == (kind, url) and covers((name,), model.upstream_model)
        if same and model.price is not None and _lower(template.price, model.price):
            return f"pattern {name}: price {words(template.price)}, and {model.upstream_model} cost {words(model.price)}"
    return ""


def _target(model: Model) -> _Target:
    return model.provider.kind, base_url(model.provider).lower(), model.upstream_model


def _lower(price: Price, than: Price) -> bool:
    return any(getattr(price, rate) < getattr(than, rate) for rate in _RATES)
