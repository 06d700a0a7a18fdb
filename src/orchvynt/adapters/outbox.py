"""What of a batch of facts is to be told: reviews that opened, reminders, escalations and decisions; and what of that can be forgotten.
Every store shares this."""

from collections.abc import Container, Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from orchvynt.adapters.reviews import ReviewFact
from orchvynt.lifecycle.forgetting import forget_facts
from orchvynt.model.facts import ReviewDecided, ReviewEscalated, ReviewOpened, ReviewReminded

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(ReviewOpened | ReviewReminded | ReviewEscalated | ReviewDecided).decode


def news_of(facts: Iterable[ReviewFact]) -> list[bytes]:
    """In their order, without the state of the invocation, which is in its record."""
    found = []
    for fact in facts:
        if isinstance(fact, ReviewOpened | ReviewDecided):
            found.append(_encode(replace(fact, state=b"")))
        elif isinstance(fact, ReviewReminded | ReviewEscalated):
            found.append(_encode(fact))
    return found


def forget_news(fact: bytes, reviews: Container[str]) -> bytes:
    """The same without what was said in these reviews; unchanged if it is of none of them, or of another build."""
    try:
        read = _decode(fact)
    except msgspec.MsgspecError:
        return fact
    return _encode(forget_facts([read])[0]) if read.review in reviews else fact
