"""How large a hold must be, whether it fits, and what stands in the way. Integers only.

The rules are those of the policy reference, "Output limits" and "No false refusal": where a hard budget needs a bound and the
caller gave none, the output limit is lowered to what the budgets can pay and to a fair share among the callers.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.decisions.budgets.ledger import Account, Ledger, Line
from orchvynt.decisions.budgets.needs import Fits, Need, Short, Unit
from orchvynt.language.compiled_budgets import Limits
from orchvynt.model.money import TOKENS_PER_RATE, Price, cost_nanos

OUTPUT_TOKENS_UNKNOWN: Final = 4_096
OUTPUT_TOKENS_MOST: Final = 16_384
PLENTY: Final = 1 << 62


def size(need: Need, lines: Sequence[Line], ledger: Ledger) -> Fits | Short:
    """The hold for one attempt on all of `lines`, or the first budget in their order that refuses it: one without room for good comes
    before those that only wait for holds in flight."""
    # Each account is looked up once here, not once a rule: of five budgets that saves 3 µs (bench/budgets.py).
    price, calls, asked = need.price, need.calls, need.output_asked
    stand: list[tuple[Line, Account]] = []
    lowering: list[tuple[Line, Account]] = []
    for line in lines:
        if not binds(line, price, calls):
            continue
        one = (line, ledger.account(line))
        stand.append(one)
        # A limit of the caller's own is only lowered by budgets that clamp.
        if (asked is None or line.terms.breach.kind == "clamp") and bounds_output(line, price):
            lowering.append(one)
    output, limited_by = asked, ""
    if lowering:
        output, limited_by = _lowered(need, lowering) if asked is None else _clamped(need, asked, lowering)
    most = output or 0
    nanos, awaited = cost_nanos(price, need.input_tokens + need.surcharge_tokens, most), None
    for line, account in stand:
        if short := _short(need, most, nanos, line, account):
            if not short.waits:
                # Waiting for holds on one budget is in vain while another has no room for good.
                return short if not line.terms.rolls_ns else _rolling(short, ledger)
            awaited = awaited or short
    if awaited is not None:
        return awaited if not awaited.line.terms.rolls_ns else _rolling(awaited, ledger)
    return Fits(output, nanos, need.input_tokens + most, limited_by)


def _lowered(need: Need, stand: Sequence[tuple[Line, Account]]) -> tuple[int, str]:
    """The model's own limit, lowered to what every budget can pay and to the fair share among its callers; and which budget lowered it.
    Never below the smallest output, whether it fits or not."""
    smallest = min(max([line.terms.min_output_tokens for line, _ in stand]) * need.choices, need.output_model_max)
    output, limited_by = need.output_model_max, ""
    nanos, tokens = cost_nanos(need.price, need.input_charged, output), need.input_tokens + output
    for line, account in stand:
        if _abounds(line.limits, account, nanos, tokens, output):
            continue
        payable, fair = _payable(need, line.limits, account)
        floor = need.output_typical if payable >= need.output_typical else smallest
        allowed = min(payable, max(fair, floor))
        if allowed < output:
            output, limited_by = allowed, line.terms.name
    return max(output, smallest), limited_by


def _clamped(need: Need, asked: int, stand: Sequence[tuple[Line, Account]]) -> tuple[int, str]:
    """What the caller asked for, lowered to what the budgets that clamp can pay. Never below the smallest output, as above."""
    smallest = min(max(max([line.terms.min_output_tokens for line, _ in stand]) * need.choices, need.output_least), asked)
    output, limited_by = asked, ""
    for line, account in stand:
        payable = max(_payable(need, line.limits, account)[0], smallest)
        if payable < output:
            output, limited_by = payable, line.terms.name
    return output, limited_by


def binds(line: Line, price: Price, calls: int = 1) -> bool:
    """Whether the line bounds anything at this price: money does not bound a free model, nor a count what is counted already."""
    if bounds_output(line, price):
        return True
    limits = line.limits
    return limits.input_tokens is not None or (calls > 0 and limits.invocations is not None)


def bounds_output(line: Line, price: Price) -> bool:
    """Whether the line needs a bound of the output at this price."""
    limits = line.limits
    return limits.tokens is not None or limits.output_tokens is not None or (limits.nanos is not None and not price.is_free)


def _short(need: Need, output: int, nanos: int, line: Line, account: Account) -> Short | None:
    """The first limit that is passed: the count of invocations, then tokens, then money. One that is passed for good comes first."""
    limits = line.limits
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


def _abounds(limits: Limits, account: Account, nanos: int, tokens: int, output: int) -> bool:
    """Whether as much as this is there for each of the callers, beside all that is held: then the budget lowers nothing. Most budgets are
    far from their limit most of the time, and this takes a third of the time of `_payable`."""
    callers = account.holds + account.waiting + 1
    return (
        ((limit := limits.nanos) is None or account.settled_nanos + account.held_nanos + callers * nanos <= limit)
        and ((limit := limits.tokens) is None or account.settled_tokens + account.held_tokens + callers * tokens <= limit)
        and ((limit := limits.output_tokens) is None or account.settled_output + account.held_output + callers * output <= limit)
    )


def _payable(need: Need, limits: Limits, account: Account) -> tuple[int, int]:
    """How many output tokens the rest of the budget pays for; and how many of what nobody has spent yet, if it is shared equally by all
    who hold of it, wait for it, or ask now."""
    payable, fair, callers = PLENTY, PLENTY, account.holds + account.waiting + 1
    if (limit := limits.tokens) is not None:
        unspent = limit - account.settled_tokens
        payable = unspent - account.held_tokens - need.input_tokens
        fair = unspent // callers - need.input_tokens
    if (limit := limits.output_tokens) is not None:
        unspent = limit - account.settled_output
        payable = min(payable, unspent - account.held_output)
        fair = min(fair, unspent // callers)
    if (limit := limits.nanos) is not None and (rate := need.price.output):
        unspent, input_price = limit - account.settled_nanos, need.input_charged * need.price.input
        payable = min(payable, ((unspent - account.held_nanos) * TOKENS_PER_RATE - input_price) // rate)
        fair = min(fair, (unspent // callers * TOKENS_PER_RATE - input_price) // rate)
    return payable, fair
