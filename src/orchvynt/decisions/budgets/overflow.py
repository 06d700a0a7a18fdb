"""What a model consumes past the limit of a budget that admits it there, and what of a budget is used: one account, all five units."""

from collections.abc import Sequence

from orchvynt.decisions.budgets.ledger import Account, Ledger, Line
from orchvynt.decisions.budgets.needs import Fits
from orchvynt.decisions.budgets.standing import Measure, Spend
from orchvynt.language.compiled_budgets import Limits


def own_limits(line: Line) -> Limits:
    """The budget's limits as they are told to people: also of one that only advises, and past which this model is admitted."""
    return line.terms.limits if line.past or line.terms.breach.kind == "alert" else line.limits


def used(limits: Limits, account: Account) -> tuple[Measure, ...]:
    """What stands on the account against each of these limits, in the order of `measures`. Every answer tells it, and most budgets have
    one limit: written out it takes a third of what two `Spend` and a look at all five units take."""
    found = []
    if limits.nanos is not None:
        found.append(Measure("usd", limits.nanos, account.settled_nanos, account.held_nanos))
    if limits.tokens is not None:
        found.append(Measure("tokens", limits.tokens, account.settled_tokens, account.held_tokens))
    if limits.input_tokens is not None:
        settled, held = account.settled_tokens - account.settled_output, account.held_tokens - account.held_output
        found.append(Measure("input_tokens", limits.input_tokens, settled, held))
    if limits.output_tokens is not None:
        found.append(Measure("output_tokens", limits.output_tokens, account.settled_output, account.held_output))
    if limits.invocations is not None:
        found.append(Measure("invocations", limits.invocations, account.settled_calls, account.held_calls))
    return tuple(found)


def overflows(lines: Sequence[Line], fits: Fits, calls: int, ledger: Ledger) -> tuple[str, ...]:
    """The budgets whose limit this hold, which is about to be placed, passes: they admit its model there."""
    found = []
    for line in lines:
        if line.past:
            needed = Spend(fits.nanos, fits.tokens, fits.output_tokens or 0, calls)
            if any(needed.in_unit(one.unit) > one.remaining for one in used(line.terms.limits, ledger.account(line))):
                found.append(line.budget)
    return tuple(found)
