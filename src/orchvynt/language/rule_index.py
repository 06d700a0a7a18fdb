"""Finds the rules that may match without evaluating all of them: an equality that must hold is a look-up in a table.

Made once for a policy. It costs memory for one entry a rule, and saves the evaluation of every rule whose equality does not hold:
10,000 rules of one workflow each route in a few µs instead of a millisecond (bench/routing.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from orchvynt.language.expressions.values import ReadMap
from orchvynt.language.snapshot import Rule, RuleIndex

PLACES_MAX: Final = 16
"""Each place costs a look-up for every invocation, whatever it asks."""

_CONTEXT: Final = "context."
_TEXTS: Final = frozenset(
    ["workflow", "agent", "run", "session", "workload", "user", "requested_model", "endpoint", "key.name", "key.owner"]
)
_NO_RULES: Final[tuple[int, ...]] = ()


def candidates(index: RuleIndex, values: Mapping[str, object]) -> Iterable[int]:
    """The numbers of the rules that may match, ascending. The others do not match, and do not fail either."""
    found: Sequence[int] = _NO_RULES
    for place, table in index.places:
        text = values[place] if place in _TEXTS else _in_context(place, values)
        numbers = table.get(text, _NO_RULES)  # type: ignore[call-overload]  # of `_TEXTS` each is a text
        if numbers:
            found = sorted((*found, *numbers)) if found else numbers
    if not found:
        return index.always
    return _merged(found, index.always) if index.always else found


def index_rules(rules: tuple[Rule, ...]) -> RuleIndex:
    """Each rule goes under the one of its equalities that the fewest rules share."""
    shared: dict[tuple[str, str], int] = {}
    for rule in rules:
        for equality in _usable(rule):
            shared[equality] = shared.get(equality, 0) + 1
    chosen = [min(_usable(rule), key=shared.__getitem__, default=None) for rule in rules]
    per_place: dict[str, int] = {}
    for one in chosen:
        if one is not None:
            per_place[one[0]] = per_place.get(one[0], 0) + 1
    kept = sorted(per_place, key=lambda place: -per_place[place])[:PLACES_MAX]
    tables: dict[str, dict[str | None, list[int]]] = {place: {} for place in kept}
    always = []
    for number, one in enumerate(chosen):
        if one is None or one[0] not in tables:
            always.append(number)
        else:
            tables[one[0]].setdefault(one[1], []).append(number)
    places = tuple((place, {text: tuple(numbers) for text, numbers in table.items()}) for place, table in tables.items())
    return RuleIndex(rules, tuple(always), places)


def _usable(rule: Rule) -> list[tuple[str, str]]:
    """Texts that are there without a computation, and keys of the context itself: reading them cannot fail."""
    return [(place, text) for place, text in rule.equalities if place in _TEXTS or (place.startswith(_CONTEXT) and place.count(".") == 1)]


def _in_context(place: str, values: Mapping[str, object]) -> str | None:
    """The text at a key of the context; None where there is none, which equals no text."""
    context = values["context"]
    assert isinstance(context, ReadMap)
    value = context.get(place[len(_CONTEXT) :])
    return value if isinstance(value, str) else None


def _merged(left: Sequence[int], right: Sequence[int]) -> Iterator[int]:
    """Both in ascending order, as far as they are asked for."""
    other = iter(right)
    head = next(other, None)
    for number in left:
        while head is not None and head < number:
            yield head
            head = next(other, None)
        yield number
    while head is not None:
        yield head
        head = next(other, None)
