"""Folds facts into receipts: what each attempt cost, of which model, and what its caller said of itself. Every store shares this.

An attempt is sent in one batch of facts and settled in another, maybe in another life of the process: what one batch says of it is a
part, and stores join the parts. It knows no database and no file.
"""

from typing import Final

import msgspec

from orchvynt.model.facts import AttemptEnded, AttemptSent, AttemptSettled, InvocationReceived

INT_MAX: Final = (1 << 63) - 1
TOKENS_MAX: Final = 1 << 40
"""No attempt has more; sums of as many receipts as there may be stay within 64 bits."""

_encode: Final = msgspec.json.Encoder().encode


def bounded(number: int) -> int:
    """Stores hold 64 bits. A figure beyond them (an absurd usage times a price) becomes the largest, which every budget refuses."""
    return number if -INT_MAX <= number <= INT_MAX else (INT_MAX if number > 0 else -INT_MAX)


class Receipt:
    """What one batch says of one attempt; blank where it says nothing. `settled_at` is 0 until it is a receipt."""

    # Defaults of the class, so that making one sets only what is known of it.
    settled_at = nanos = input_tokens = output_tokens = cached_input_tokens = reasoning_tokens = cache_written_tokens = 0
    model = provider = upstream_model = response_id = price_source = why = ""
    estimated = overrun = False

    def __init__(self, inv: str) -> None:
        self.inv = inv

    def sent(self, fact: AttemptSent) -> None:
        self.model, self.provider, self.upstream_model = fact.model, fact.provider, fact.upstream_model

    def settled(self, fact: AttemptSettled) -> None:
        usage = fact.usage
        self.settled_at = fact.at
        self.nanos = bounded(fact.nanos)
        self.price_source = fact.price_source
        self.why = fact.why
        self.overrun = fact.overrun
        self.estimated = usage.estimated
        self.input_tokens = min(usage.input_tokens, TOKENS_MAX)
        self.output_tokens = min(usage.output_tokens, TOKENS_MAX)
        self.cached_input_tokens = min(usage.cached_input_tokens, TOKENS_MAX)
        self.reasoning_tokens = min(usage.reasoning_tokens, TOKENS_MAX)
        self.cache_written_tokens = min(usage.cache_written_tokens, TOKENS_MAX)


class Receipts:
    """The receipts and claims of one batch."""

    __slots__ = ("attempts", "received")

    def __init__(self) -> None:
        self.attempts: dict[str, Receipt] = {}
        self.received: list[InvocationReceived] = []

    def of(self, fact: AttemptSent | AttemptEnded | AttemptSettled) -> Receipt:
        receipt = self.attempts.get(fact.attempt)
        if receipt is None:
            receipt = self.attempts[fact.attempt] = Receipt(fact.inv)
        return receipt


def claims_values(fact: InvocationReceived) -> tuple[str, ...]:
    """Key, key id, workflow, agent, run, session, workload, user, context as JSON."""
    said = fact.claims
    context = _encode(said.context).decode() if said.context else ""
    return (fact.key, fact.key_id, said.workflow, said.agent, said.run, said.session, said.workload, said.user, context)
