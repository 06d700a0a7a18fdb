"""When a process asks the store before it holds, waits or refuses: it knows nothing of an account yet, its lease there is too small, or
what it knows is so old that others may have given something back.

What is refused or lowered rests on an answer of the last second; what fits rests on the lease alone.
"""

from collections.abc import Sequence
from typing import Final

from orchvynt.decisions.budgets.accounts import Line
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger, is_leased
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.decisions.budgets.portions import NOTHING, Portion, bounds, portion
from orchvynt.decisions.budgets.windows import SECOND_NS

FRESH_NS: Final = SECOND_NS


def takes(result: Fits | Short, calls: int) -> Portion:
    """What the hold takes of each unit, or would take at the least."""
    if isinstance(result, Short):
        return result.takes
    return portion(result.nanos, result.tokens, result.output_tokens or 0, calls)


def to_ask(lines: Sequence[Line], result: Fits | Short, needed: Portion, ledger: LeasedLedger, mono: int) -> list[Line]:
    """The lines to ask for before the result holds, those that stand in the way first; empty if it holds. Where one is not known at all,
    all are asked for at once."""
    leased = [line for line in lines if is_leased(line)]
    unknown = [line for line in leased if not _is_known(line, ledger)]
    if unknown:
        return unknown + [
            line for line in leased if _is_known(line, ledger) and (ledger.lacks(line, needed) or _is_old(line, ledger, mono))
        ]
    if isinstance(result, Short):
        return [line for line in leased if line.key == result.line.key and not waits_for_lease(line, ledger, mono)]
    lowers = [line for line in leased if line.budget == result.limited_by and _is_old(line, ledger, mono)]
    return lowers + [line for line in leased if line not in lowers and ledger.lacks(line, needed)]


def waits_for_lease(line: Line, ledger: LeasedLedger, mono: int) -> bool:
    """Whether the store has said just now that it has no more, with all that people granted: whoever needs it waits or is refused, and the
    store is asked again by and by."""
    account = ledger.leased.get(ledger.key(line))
    return account is not None and account.short != NOTHING and mono - account.known_at < FRESH_NS


def is_asked_in_vain(line: Line, needed: Portion, ledger: LeasedLedger, mono: int) -> bool:
    """Whether the store has said just now that it has no more for a need that is no larger. A smaller one, as that of a call that is
    lowered to what is left, may be granted: of those that are refused each is smaller than the one before, so this comes to an end."""
    if not waits_for_lease(line, ledger, mono):
        return False
    short, limits = ledger.leased[ledger.key(line)].short, bounds(line.limits)
    return any(limits[unit] is not None and need >= refused > 0 for unit, (need, refused) in enumerate(zip(needed, short, strict=True)))


def _is_known(line: Line, ledger: LeasedLedger) -> bool:
    return ledger.key(line) in ledger.leased


def _is_old(line: Line, ledger: LeasedLedger, mono: int) -> bool:
    return mono - ledger.leased[ledger.key(line)].known_at >= FRESH_NS
