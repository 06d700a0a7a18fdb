"""What is told, as every channel reads it: the JSON that a webhook gets is what Slack, mail and others are written from.

One shape for alerts and for reviews. Unknown fields are left alone.
"""

from collections.abc import Container, Iterable
from typing import Any, Final

import msgspec

REVIEWS_SHOWN_MAX: Final = 5
FORGOTTEN: Final = "(forgotten)"
_SAID: Final = ("excerpt", "reason", "requester")
"""What of a review in a message somebody said, or names somebody."""


class Review(msgspec.Struct, frozen=True):
    """One review of a message. Instants are as they are shown; `excerpt` and `reason` are empty unless the destination may hold them."""

    review: str
    invocation: str = ""
    gate: str = ""
    stage: str = ""
    status: str = "open"
    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    requester: str = ""
    key: str = ""
    why: str = ""
    opened: str = ""
    age: str = ""
    escalates: str | None = None
    require_reason: bool = False
    buttons: bool = False
    link: str = ""
    next: str = ""
    decision: str = ""
    by: str = ""
    decided: str = ""
    reason: str = ""
    excerpt: str = ""


class Data(msgspec.Struct, frozen=True):
    text: str = ""
    next: str = ""
    link: str = ""
    gate: str = ""
    reviews: tuple[Review, ...] = ()
    more: int = 0
    policy_version: int = 0


class Event(msgspec.Struct, frozen=True):
    """`type` is `alert.firing`, `review.opened`, `notify.test` and so on."""

    type: str
    timestamp: str = ""
    data: Data = Data()

    @property
    def is_open(self) -> bool:
        """Whether something is to be decided."""
        return self.type in ("review.opened", "review.reminded", "review.escalated")


def read_event(body: bytes) -> Event:
    """Raises msgspec.DecodeError for what is no message of ours."""
    return msgspec.json.decode(body, type=Event)


def lines(review: Review) -> list[tuple[str, str]]:
    """What is said of one review, as names and values, for people."""
    said: list[tuple[str, Any]] = [
        ("Review", review.review),
        ("Gate", review.gate),
        ("Reviewers", ", ".join(review.reviewers) + (f" ({review.quorum} people)" if review.quorum > 1 else "")),
        ("Asked by", review.requester or review.key),
        ("Why", review.why),
        ("Waits for", review.age),
        ("Escalates", review.escalates),
        ("Decision", f"{review.decision} by {review.by}" if review.decision else ""),
        ("Reason", review.reason),
    ]
    return [(name, value) for name, value in said if value]


def forget_message(body: bytes, reviews: Container[str], names: Iterable[str]) -> bytes:
    """A message that waits, without what was said in these reviews and without these names of persons as subjects of a budget. The same
    bytes if it tells of none of them, or is no message of ours."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return body
    data = told.get("data")
    if not isinstance(data, dict):
        return body
    before = msgspec.json.encode(told)
    for one in _objects(data.get("reviews")):
        if one.get("review") in reviews:
            for name in _SAID:
                one.pop(name, None)
    if data.get("review") in reviews:
        data.pop("answer", None)
    known = frozenset(names)
    for one in _objects(data.get("group")):
        if (subject := one.get("subject")) in known:
            one["subject"] = FORGOTTEN
            data["text"] = str(data.get("text", "")).replace(str(subject), FORGOTTEN)
    after = msgspec.json.encode(told)
    return body if after == before else after


def _objects(value: object) -> Iterable[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
