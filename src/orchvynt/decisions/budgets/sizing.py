"""How large a hold must be, whether it fits, and what stands in the way. Integers only.

The rules are those of the policy reference, "Output limits" and "No false refusal": where a hard budget needs a bound and the
caller gave none, the output limit is lowered to what the budgets can pay and to a fair share among the callers.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.model.money import TOKENS_PER_RATE, Price, cost_nanos

OUTPUT_TOKENS_UNKNOWN: Final = 4_096
OUTPUT_TOKENS_MOST: Final = 16_384
PLENTY: Final = 1 << 62


class Need(msgspec.Struct, frozen=True, gc=False):
    """What one attempt may consume. `output_asked` is the caller's own limit over all its choices, None if it gave none.

    `output_typical` is the model's measured p99 output, or 4,096 while it is unmeasured. All three are over all `choices`.
    `surcharge_tokens` is what the input may cost beyond its price, in input tokens.
    """

    input_tokens: int
    output_asked: int | None
    output_model_max: int
    output_typical: int
    price: Price
    choices: int = 1
    surcharge_tokens: int = 0

    @property
    def input_charged(self) -> int:
        """The input tokens that money is held for."""
        return self.input_tokens + self.surcharge_tokens


class Fits(msgspec.Struct, frozen=True, gc=False):
    """A hold that fits. `output_tokens` is None where nothing bounds the output. `limited_by` names the budget that lowered it."""

    output_tokens: int | None
    nanos: int
    tokens: int
    limited_by: str = ""


class Short(msgspec.Struct, frozen=True, gc=False):
    """The first budget that the smallest admissible hold does not fit on. `waits` if only holds in flight stand in the way."""

    line: Line
    waits: bool
    unit: str
    limit: int
    settled: int
    held: int
    needed: int


def size(need: Need, lines: Sequence[Line], ledger: Ledger) -> Fits | Short:
    """The hold for one attempt on all of `lines`, or the first budget in their order that refuses it."""
    lines = [line for line in lines if binds(line, need.price)]
    if not lines:
        nanos = cost_nanos(need.price, need.input_charged, need.output_asked or 0)
        return Fits(need.output_asked, nanos, need.input_tokens + (need.output_asked or 0))
    smallest = need.output_asked
    if smallest is None:
        smallest = min(max(line.min_output_tokens for line in lines) * need.choices, need.output_model_max)
    for line in lines:
        if short := _short(need, smallest, line, ledger):
            return short
    if need.output_asked is not None:
        return _fits(need, need.output_asked, "")
    return _lowered(need, smallest, lines, ledger)


def _lowered(need: Need, smallest: int, lines: Sequence[Line], ledger: Ledger) -> Fits:
    """The model's own limit, lowered to what every budget can pay and to the fair share among its callers."""
    output, limited_by = need.output_model_max, ""
    for line in lines:
        account = ledger.account(line)
        payable = _output_payable(need, line, account.settled_nanos + account.held_nanos, account.settled_tokens + account.held_tokens)
        callers = account.holds + account.waiting + 1
        fair = _output_payable(need, line, account.settled_nanos, account.settled_tokens, callers)
        floor = need.output_typical if payable >= need.output_typical else smallest
        allowed = min(payable, max(fair, floor))
        if allowed < output:
            output, limited_by = allowed, line.budget
    return _fits(need, max(output, smallest), limited_by)


def binds(line: Line, price: Price) -> bool:
    """Whether the line bounds this price at all: money does not bound a free model."""
    return line.tokens_limit is not None or (line.nanos_limit is not None and not price.is_free)


def _fits(need: Need, output: int, limited_by: str) -> Fits:
    return Fits(output, cost_nanos(need.price, need.input_charged, output), need.input_tokens + output, limited_by)


def _short(need: Need, output: int, line: Line, ledger: Ledger) -> Short | None:
    account = ledger.account(line)
    if line.tokens_limit is not None:
        needed = need.input_tokens + output
        if account.settled_tokens + account.held_tokens + needed > line.tokens_limit:
            waits = account.settled_tokens + needed <= line.tokens_limit
            return Short(line, waits, "tokens", line.tokens_limit, account.settled_tokens, account.held_tokens, needed)
    if line.nanos_limit is not None:
        needed = cost_nanos(need.price, need.input_charged, output)
        if needed and account.settled_nanos + account.held_nanos + needed > line.nanos_limit:
            waits = account.settled_nanos + needed <= line.nanos_limit
            return Short(line, waits, "nanos", line.nanos_limit, account.settled_nanos, account.held_nanos, needed)
    return None


def behind_others(line: Line, need_nanos: int, need_tokens: int, ledger: Ledger) -> Short:
    """The wait of a hold that would fit, behind those who wait already on this line."""
    account = ledger.account(line)
    if line.tokens_limit is not None:
        return Short(line, True, "tokens", line.tokens_limit, account.settled_tokens, account.held_tokens, need_tokens)
    return Short(line, True, "nanos", line.nanos_limit or 0, account.settled_nanos, account.held_nanos, need_nanos)


def _output_payable(need: Need, line: Line, used_nanos: int, used_tokens: int, callers: int = 1) -> int:
    """How many output tokens the rest of the budget pays for, if it is shared equally by so many callers."""
    payable = PLENTY
    if line.tokens_limit is not None:
        payable = (line.tokens_limit - used_tokens) // callers - need.input_tokens
    if line.nanos_limit is not None and need.price.output:
        share = (line.nanos_limit - used_nanos) // callers * TOKENS_PER_RATE - need.input_charged * need.price.input
        payable = min(payable, share // need.price.output)
    return payable
