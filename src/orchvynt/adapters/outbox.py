"""What of a batch of facts is to be told: reviews that opened, reminders, escalations and decisions. Every store shares this."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from orchvynt.adapters.reviews import ReviewFact
from orchvynt.model.facts import ReviewDecided, ReviewEscalated, ReviewOpened, ReviewReminded

_encode: Final = msgspec.json.Encoder().encode


def news_of(facts: Iterable[ReviewFact]) -> list[bytes]:
    """In their order, without the state of the invocation, which is in its record."""
    found = []
    for fact in facts:
        if isinstance(fact, ReviewOpened | ReviewDecided):
            found.append(_encode(replace(fact, state=b"")))
        elif isinstance(fact, ReviewReminded | ReviewEscalated):
            found.append(_encode(fact))
    return found
