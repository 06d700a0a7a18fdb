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

NOT_SENT: Final = ("", "", "")

_encode: Final = msgspec.json.Encoder().encode


def bounded(number: int) -> int:
    """Stores hold 64 bits. A figure beyond them (an absurd usage times a price) becomes the largest, which every budget refuses."""
    return number if -INT_MAX <= number <= INT_MAX else (INT_MAX if number > 0 else -INT_MAX)


class Receipt:
    """What one batch says of one attempt. `went` is where it was sent: model, provider, and the provider's name of the model."""

    __slots__ = ("inv", "response_id", "settled", "went")

    def __init__(self, inv: str) -> None:
        self.inv = inv
        self.went: tuple[str, str, str] = NOT_SENT
        self.response_id = ""
        self.settled: AttemptSettled | None = None

    def join(self, went: tuple[str, str, str], response_id: str) -> None:
        """What another batch says of it; what this one says stands."""
        if self.went == NOT_SENT:
            self.went = went
        self.response_id = self.response_id or response_id

    def values(self, settled: AttemptSettled) -> tuple[str | int, ...]:
        """The fields of ReceiptRow from `inv` to `overrun`."""
        usage = settled.usage
        tokens: tuple[int, ...] = (
            usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens, usage.cache_written_tokens,
        )  # fmt: skip
        if max(tokens) > TOKENS_MAX:
            tokens = tuple(min(number, TOKENS_MAX) for number in tokens)
        return (
            self.inv, settled.at, *self.went, self.response_id, settled.price_source, settled.why, bounded(settled.nanos), *tokens,
            usage.estimated, settled.overrun,
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


def said_values(fact: InvocationReceived) -> tuple[str, ...]:
    """What no list shows of it: key, session, workload, user, context as JSON."""
    said = fact.claims
    return (fact.key, said.session, said.workload, said.user, _encode(said.context).decode() if said.context else "")


def claims_values(fact: InvocationReceived) -> tuple[str, ...]:
    """Key, key id, workflow, agent, run, session, workload, user, context as JSON."""
    said = fact.claims
    key, *rest = said_values(fact)
    return (key, fact.key_id, said.workflow, said.agent, said.run, *rest)
