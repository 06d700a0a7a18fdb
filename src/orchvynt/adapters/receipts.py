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
    """What one batch says of one attempt: the facts themselves, None where there was none."""

    __slots__ = ("inv", "response_id", "sent", "settled")

    def __init__(self, inv: str) -> None:
        self.inv = inv
        self.sent: AttemptSent | None = None
        self.settled: AttemptSettled | None = None
        self.response_id = ""

    def join(self, part: "Receipt") -> None:
        """What a later batch says."""
        self.sent = part.sent or self.sent
        self.settled = part.settled or self.settled
        self.response_id = part.response_id or self.response_id

    def values(self) -> tuple[str | int, ...]:
        """The fields of ReceiptRow from `inv` to `overrun`; blank where nothing was said. `settled_at` is 0 until it is a receipt."""
        sent, fact = self.sent, self.settled
        went = (sent.model, sent.provider, sent.upstream_model) if sent is not None else ("", "", "")
        if fact is None:
            return (self.inv, 0, *went, self.response_id, "", "", 0, 0, 0, 0, 0, 0, 0, 0)
        usage = fact.usage
        tokens: tuple[int, ...] = (
            usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens, usage.cache_written_tokens,
        )  # fmt: skip
        if max(tokens) > TOKENS_MAX:
            tokens = tuple(min(number, TOKENS_MAX) for number in tokens)
        return (
            self.inv, fact.at, *went, self.response_id, fact.price_source, fact.why, bounded(fact.nanos), *tokens, usage.estimated,
            fact.overrun,
        )  # fmt: skip


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
