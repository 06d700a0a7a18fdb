"""How large a hold must be, whether it fits, and what stands in the way. Integers only.

The rules are those of the policy reference, "Output limits" and "No false refusal": where a hard budget needs a bound and the
caller gave none, the output limit is lowered to what the budgets can pay and to a fair share among the callers.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from orchvynt.decisions.budgets.ledger import Account, Ledger, Line
from orchvynt.model.money import TOKENS_PER_RATE, Price, cost_nanos

OUTPUT_TOKENS_UNKNOWN: Final = 4_096
OUTPUT_TOKENS_MOST: Final = 16_384
PLENTY: Final = 1 << 62


class Need(msgspec.Struct, frozen=True, gc=False):
    """What one attempt may consume. `output_asked` is the caller's own limit over all its choices, None if it gave none.

    `output_typical` is the model's measured p99 output, or 4,096 while it is unmeasured. All three are over all `choices`.
    `surcharge_tokens` is what the input may cost beyond its price, in input tokens. `calls` is 1 if the hold counts its invocation, 0 if
    an earlier one did. `output_least` is the smallest limit that the provider takes for this request.
    """

    input_tokens: int
    output_asked: int | None
    output_model_max: int
    output_typical: int
    price: Price
    choices: int = 1
    surcharge_tokens: int = 0
    calls: int = 0
    output_least: int = 0

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


Unit = Literal["invocations", "tokens", "input_tokens", "output_tokens", "nanos"]


class Short(msgspec.Struct, frozen=True, gc=False):
    """The first budget that the smallest admissible hold does not fit on. `waits` if only holds in flight stand in the way."""

    line: Line
    waits: bool
    unit: Unit
    limit: int
    settled: int
    held: int
    needed: int


def size(need: Need, lines: Sequence[Line], ledger: Ledger) -> Fits | Short:
    """The hold for one attempt on all of `lines`, or the first budget in their order that refuses it: one without room for good comes
    before those that only wait for holds in flight."""
    lines = [line for line in lines if binds(line, need.price, need.calls)]
    asked, limited_by = need.output_asked, ""
    output = asked
    if asked is None:
        if bounding := [line for line in lines if bounds_output(line, need.price)]:
            output, limited_by = _lowered(need, bounding, ledger)
    else:
        clamps = [line for line in lines if line.terms.breach.kind == "clamp" and bounds_output(line, need.price)]
        if clamps:
            output, limited_by = _clamped(need, asked, clamps, ledger)
    most = output or 0
    nanos, awaited = cost_nanos(need.price, need.input_charged, most), None
    for line in lines:
        if short := _short(need, most, nanos, line, ledger):
            if not short.waits:
                # Waiting for holds on one budget is in vain while another has no room for good.
                return short if not line.terms.rolls_ns else _rolling(short, ledger)
            awaited = awaited or short
    if awaited is not None:
        return awaited if not awaited.line.terms.rolls_ns else _rolling(awaited, ledger)
    return Fits(output, nanos, need.input_tokens + most, limited_by)


def _lowered(need: Need, lines: Sequence[Line], ledger: Ledger) -> tuple[int, str]:
    """The model's own limit, lowered to what every budget can pay and to the fair share among its callers; and which budget lowered it.
    Never below the smallest output, whether it fits or not."""
    smallest = min(max(line.terms.min_output_tokens for line in lines) * need.choices, need.output_model_max)
    output, limited_by = need.output_model_max, ""
    for line in lines:
        account = ledger.account(line)
        payable = _payable(need, line, account)
        fair = _fair(need, line, account)
        floor = need.output_typical if payable >= need.output_typical else smallest
        allowed = min(payable, max(fair, floor))
        if allowed < output:
            output, limited_by = allowed, line.terms.name
    return max(output, smallest), limited_by


def _clamped(need: Need, asked: int, lines: Sequence[Line], ledger: Ledger) -> tuple[int, str]:
    """What the caller asked for, lowered to what the budgets that clamp can pay. Never below the smallest output, as above."""
    smallest = min(max(max(line.terms.min_output_tokens for line in lines) * need.choices, need.output_least), asked)
    output, limited_by = asked, ""
    for line in lines:
        payable = max(_payable(need, line, ledger.account(line)), smallest)
        if payable < output:
            output, limited_by = payable, line.terms.name
    return output, limited_by


def binds(line: Line, price: Price, calls: int = 1) -> bool:
    """Whether the line bounds anything at this price: money does not bound a free model, nor a count what is counted already."""
    limits = line.limits
    return bounds_output(line, price) or limits.input_tokens is not None or (calls > 0 and limits.invocations is not None)


def bounds_output(line: Line, price: Price) -> bool:
    """Whether the line needs a bound of the output at this price."""
    limits = line.limits
    return limits.tokens is not None or limits.output_tokens is not None or (limits.nanos is not None and not price.is_free)


def _short(need: Need, output: int, nanos: int, line: Line, ledger: Ledger) -> Short | None:
    """The first limit that is passed: the count of invocations, then tokens, then money. One that is passed for good comes first."""
    limits, account = line.limits, ledger.account(line)
    passed: list[Short] = []
    if need.calls and (limit := limits.invocations) is not None and account.settled_calls + account.held_calls + need.calls > limit:
        passed.append(_over(line, "invocations", limit, account.settled_calls, account.held_calls, need.calls))
    tokens = need.input_tokens + output
    if (limit := limits.tokens) is not None and account.settled_tokens + account.held_tokens + tokens > limit:
        passed.append(_over(line, "tokens", limit, account.settled_tokens, account.held_tokens, tokens))
    if (limit := limits.input_tokens) is not None:
        settled, held = account.settled_tokens - account.settled_output, account.held_tokens - account.held_output
        if settled + held + need.input_tokens > limit:
            passed.append(_over(line, "input_tokens", limit, settled, held, need.input_tokens))
    if (limit := limits.output_tokens) is not None and account.settled_output + account.held_output + output > limit:
        passed.append(_over(line, "output_tokens", limit, account.settled_output, account.held_output, output))
    if (limit := limits.nanos) is not None and nanos and account.settled_nanos + account.held_nanos + nanos > limit:
        passed.append(_over(line, "nanos", limit, account.settled_nanos, account.held_nanos, nanos))
    if not passed:
        return None
    return next((short for short in passed if not short.waits), passed[0])


def _rolling(short: Short, ledger: Ledger) -> Short:
    """The same, with the instant at which enough has rolled out in place of the one at which everything has."""
    frees_at = ledger.frees_at(short.line, short.unit, short.limit, short.needed)
    return msgspec.structs.replace(short, line=msgspec.structs.replace(short.line, resets_at=frees_at))


def _over(line: Line, unit: Unit, limit: int, settled: int, held: int, needed: int) -> Short:
    return Short(line, settled + needed <= limit, unit, limit, settled, held, needed)


def behind_others(line: Line, fits: Fits, ledger: Ledger) -> Short:
    """The wait of a hold that would fit, behind those who wait already on this line."""
    account, limits = ledger.account(line), line.limits
    if limits.nanos is not None:
        return Short(line, True, "nanos", limits.nanos, account.settled_nanos, account.held_nanos, fits.nanos)
    if limits.tokens is not None:
        return Short(line, True, "tokens", limits.tokens, account.settled_tokens, account.held_tokens, fits.tokens)
    if limits.output_tokens is not None:
        needed = fits.output_tokens or 0
        return Short(line, True, "output_tokens", limits.output_tokens, account.settled_output, account.held_output, needed)
    if limits.input_tokens is not None:
        settled, held = account.settled_tokens - account.settled_output, account.held_tokens - account.held_output
        needed = fits.tokens - (fits.output_tokens or 0)
        return Short(line, True, "input_tokens", limits.input_tokens, settled, held, needed)
    return Short(line, True, "invocations", limits.invocations or 0, account.settled_calls, account.held_calls, 1)


def _payable(need: Need, line: Line, account: Account) -> int:
    """How many output tokens the rest of the budget pays for."""
    return _output_payable(
        need,
        line,
        account.settled_nanos + account.held_nanos,
        account.settled_tokens + account.held_tokens,
        account.settled_output + account.held_output,
        1,
    )


def _fair(need: Need, line: Line, account: Account) -> int:
    """The same of what nobody has spent yet, if it is shared equally by all who hold of it, wait for it, or ask now."""
    callers = account.holds + account.waiting + 1
    return _output_payable(need, line, account.settled_nanos, account.settled_tokens, account.settled_output, callers)


def _output_payable(need: Need, line: Line, used_nanos: int, used_tokens: int, used_output: int, callers: int) -> int:
    payable, limits = PLENTY, line.limits
    if limits.tokens is not None:
        payable = (limits.tokens - used_tokens) // callers - need.input_tokens
    if limits.output_tokens is not None:
        payable = min(payable, (limits.output_tokens - used_output) // callers)
    if limits.nanos is not None and need.price.output:
        share = (limits.nanos - used_nanos) // callers * TOKENS_PER_RATE - need.input_charged * need.price.input
        payable = min(payable, share // need.price.output)
    return payable
