"""What a model consumes past the limit of a budget that admits it there, and what of a budget is used: one account, all five units."""

from collections.abc import Iterator, Sequence

import msgspec

from orchvynt.decisions.budgets.ledger import Account, Ledger, Line
from orchvynt.decisions.budgets.sizing import Fits, Unit
from orchvynt.language.compiled_budgets import Limits


class Used(msgspec.Struct, frozen=True, gc=False):
    """One limit, and what stands on it."""

    unit: Unit
    limit: int
    settled: int
    held: int


def own_limits(line: Line) -> Limits:
    """The budget's limits as they are told to people: also of one that only advises, and past which this model is admitted."""
    return line.terms.limits if line.terms.breach.kind in ("alert", "downgrade") else line.limits


def used(limits: Limits, account: Account) -> Iterator[Used]:
    """Every limit that there is, with its amounts."""
    if limits.nanos is not None:
        yield Used("nanos", limits.nanos, account.settled_nanos, account.held_nanos)
    if limits.tokens is not None:
        yield Used("tokens", limits.tokens, account.settled_tokens, account.held_tokens)
    if limits.input_tokens is not None:
        settled, held = account.settled_tokens - account.settled_output, account.held_tokens - account.held_output
        yield Used("input_tokens", limits.input_tokens, settled, held)
    if limits.output_tokens is not None:
        yield Used("output_tokens", limits.output_tokens, account.settled_output, account.held_output)
    if limits.invocations is not None:
        yield Used("invocations", limits.invocations, account.settled_calls, account.held_calls)


def overflows(lines: Sequence[Line], fits: Fits, calls: int, ledger: Ledger) -> tuple[str, ...]:
    """The budgets whose limit this hold, which is about to be placed, passes: they admit its model there."""
    found = []
    for line in lines:
        if line.terms.breach.kind == "downgrade" and line.limits is not line.terms.limits:
            output = fits.output_tokens or 0
            needed = {"nanos": fits.nanos, "tokens": fits.tokens, "input_tokens": fits.tokens - output, "output_tokens": output}
            if any(
                one.settled + one.held + needed.get(one.unit, calls) > one.limit for one in used(line.terms.limits, ledger.account(line))
            ):
                found.append(line.budget)
    return tuple(found)
