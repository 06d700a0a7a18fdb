"""What a record looks like once its person is forgotten: what was said and whom it names are gone; ids, money and counts stay. Pure."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from orchvynt.model import facts as f

FORGOTTEN: Final = "(forgotten)"

_BLANK: Final[dict[type, dict[str, Any]]] = {
    f.InvocationReceived: {"claims_overruled": ()},
    f.Routed: {"reads": {}, "figures": {}, "chain_failures": ()},
    f.AttemptEnded: {"message": ""},
    f.GateJudged: {"reads": {}, "problem": ""},
    f.ReviewOpened: {"state": b"", "join_key": "", "requester": ""},
    f.ReviewDecided: {"state": b"", "reason": "", "diff": ""},
    f.ReviewConcluded: {"state": b""},
    f.BudgetGranted: {"reason": ""},
    f.InvocationRefused: {"message": FORGOTTEN, "detail": {}},
    f.FeedbackGiven: {"label": "", "comment": ""},
}
"""Fields that hold what somebody said, or values that expressions read of it."""


def forget_facts(facts: Iterable[f.AnyFact]) -> list[f.AnyFact]:
    """The record without them. Twice is as once."""
    record = list(facts)
    names = persons_in(record)
    return [_forget(fact, names) for fact in record]


def persons_in(facts: Iterable[f.AnyFact]) -> frozenset[str]:
    """The texts by which callers name persons: user, session, and every text of the context."""
    found: set[str] = set()
    for fact in facts:
        if isinstance(fact, f.InvocationReceived):
            found |= {fact.claims.user, fact.claims.session, *_texts(fact.claims.context)}
    return frozenset(found - {""})


def _forget(fact: f.AnyFact, names: frozenset[str]) -> f.AnyFact:
    blanks = _BLANK.get(type(fact), {})
    if isinstance(fact, f.InvocationReceived):
        claims = msgspec.structs.replace(fact.claims, session="", user="", context={})
        return msgspec.structs.replace(fact, claims=claims, **blanks)
    if isinstance(fact, f.ReviewVoted):
        return msgspec.structs.replace(fact, vote=msgspec.structs.replace(fact.vote, reason="", text=""))
    blanked = msgspec.structs.replace(fact, **blanks) if blanks else fact
    # A budget's subject, and whatever else is just the name of a person.
    told = msgspec.to_builtins(blanked, builtin_types=(bytes,))
    scrubbed = _without(told, names)
    return blanked if scrubbed == told else msgspec.convert(scrubbed, type(fact))


def _without(value: object, names: frozenset[str]) -> object:
    if isinstance(value, str):
        return FORGOTTEN if value in names else value
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without(one, names) for one in value]
    return value


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
