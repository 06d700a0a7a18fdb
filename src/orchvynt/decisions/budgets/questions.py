"""What a process asks the store of one account, and what it makes of the answer. The order of the two is what keeps budgets hard."""

import msgspec

from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.leasing import Asked, Given
from orchvynt.decisions.budgets.portions import NOTHING, Portion, at_least, lower
from orchvynt.language.compiled_budgets import UNLIMITED, Limits


class Wanted(msgspec.Struct):
    """What is to be asked for one account next, put together from all who want something of it; the fields are those of `Asked`.
    `limits` None: as it was asked before. `past` where they are the ceiling of a model that the budget admits past its own."""

    limits: Limits | None = None
    past: bool = False
    idle_ns: int = 0
    need: Portion = NOTHING
    waits: bool = False
    keep: Portion | None = None
    closes: bool = False
    share: int = 0


def question(key: AccountKey, wanted: Wanted, ledger: LeasedLedger, peers: int) -> Asked:
    """To be sent at once: nothing is held on the account between this and the answer that the question does not know of."""
    account = ledger.leased.get(key)
    need = wanted.need
    if account is None:
        # There may be a lease all the same, of a question whose answer was lost.
        keep = wanted.keep if need == NOTHING else None
        return Asked(key, wanted.limits or UNLIMITED, NOTHING, need, keep, wanted.waits, peers, wanted.idle_ns)
    # A close whose answer was lost comes first: the lease may be gone in the store.
    closes = account.closing or (wanted.closes and need == NOTHING and not account.holds)
    keep = NOTHING if closes else wanted.keep if need == NOTHING else None
    if keep is not None:
        # INVARIANT: what goes back is not held on any more before the store hears of it.
        account.give_back(keep)
        account.closing = closes
        need = NOTHING
    used, limits = at_least(account.used, NOTHING), wanted.limits or account.limits
    lowers = not wanted.past and lower(limits, account.limits)
    return Asked(key, limits, used, need, keep, wanted.waits, peers, wanted.idle_ns, closes, wanted.share, lowers)


def hear(wanted: Wanted, given: Given, ledger: LeasedLedger, at: int) -> None:
    """The answer to what was wanted came, at the monotonic instant `at`."""
    if ledger.now(given.key) != given.key or given.refused in ("renamed", "not_now"):
        # Asked again, under the name and in the window that it has by now.
        return
    account = ledger.leased.get(given.key)
    if account is not None:
        account.closing = False
    if given.closed:
        ledger.end(given.key)
        return
    if given.refused == "anew":
        ledger.grants.forget_subject(given.key[0], given.key[1])
    new = [grant for grant in given.grants if ledger.grants.find(grant.grant) is None]
    for grant in new:
        ledger.grants.add(grant)
    account = ledger.learn(given, None if wanted.past else wanted.limits, at)
    # With more than it was asked with it is not known yet whether that is enough.
    account.short = wanted.need if given.refused == "short" and not new else NOTHING
