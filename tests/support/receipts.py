"""Whole lives of invocations that cost something, for tests of what is made of receipts."""

import msgspec
from tests.contract.store import lives

from orchvynt.model.facts import AnyFact, AttemptSettled
from orchvynt.model.invocation import Claims
from orchvynt.model.usage import Usage


def paid(
    number: int,
    nanos: int,
    at: int,
    model: str = "gpt-4o-mini",
    provider: str = "openai",
    usage: Usage = Usage(1000, 100),  # noqa: B008 - frozen
    key: str = "",
    why: str = "",
    **claims: object,
) -> list[AnyFact]:
    """One invocation of one attempt, settled at `at` (ns UTC)."""
    received = msgspec.structs.replace(lives.received(number), at=at, key=key, claims=msgspec.convert(claims, Claims))
    sent = msgspec.structs.replace(lives.sent(number), at=at, model=model, provider=provider, upstream_model=f"{model}-2024-07-18")
    settled = AttemptSettled(lives.inv_id(number), at, lives.attempt_id(number), usage, nanos, (), "policy", why=why)
    return [received, sent, lives.ended(number), settled, msgspec.structs.replace(lives.finished(number), at=at, nanos=nanos)]
