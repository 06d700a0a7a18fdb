"""What people granted of budgets, and where an operator grants more."""

import re
from typing import Final

from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.facts import BudgetGranted
from orchvynt.model.faults import Fault
from orchvynt.model.money import nanos_of_text, plain_text, usd_text
from orchvynt.runtime.control import Grant
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.notes import note
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.grant_shapes import GrantBody, GrantView
from orchvynt.surfaces.operator_shapes import Listing

TOKENS_MAX: Final = 1_000_000_000_000
ID: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


async def listed(desk: Desk, asking: Asking) -> Listing[GrantView]:
    """The newest first; those that have ended too."""
    await desk.store.caught_up()
    budget = asking.query.get("budget", "")
    given = [one for one in await desk.store.grants() if not budget or one.budget == budget]
    return page(given, _key, lambda one: _view(desk, one), asking.limit, asking.after, newest_first=True)


def _key(given: BudgetGranted) -> str:
    return f"{sortable(given.at)}.{given.grant}"


async def grant(desk: Desk, asking: Asking) -> GrantView | Fault:
    """More of one budget for one subject, in the window that is in force, in the same moment."""
    body = asking.body
    assert isinstance(body, GrantBody)
    amount = _amount(body)
    if isinstance(amount, Fault):
        return amount
    if body.id and (ID.fullmatch(body.id) is None or body.id.startswith("rev_")):
        said = "A grant's own id is 1 to 100 letters, digits and `._-`, and no review's."
        return Fault("invalid_request", said, "Take a UUID, or leave `id` out.", param="id")
    what = f"{usd_text(amount[0])} USD" if amount[0] else f"{amount[1]} tokens"
    subject = f"{body.budget}/{body.subject}"[:300]
    # INVARIANT: the entry comes before the effect, so nothing is granted that the audit does not know.
    await note(desk, asking.who, f"budget.grant {what}", body.reason, subject)
    done = await desk.control.grant(Grant(body.budget, body.subject, *amount, body.reason, asking.who, body.id))
    if isinstance(done, Fault):
        await note(desk, asking.who, "budget.grant refused", done.message, subject)
        return done
    if not done.new:
        await note(desk, asking.who, "budget.grant repeated", f"{done.given.grant} was there already; nothing more is granted", subject)
    return _view(desk, done.given, repeated=not done.new)


def _amount(body: GrantBody) -> tuple[int, int] | Fault:
    """Nano-dollars and tokens; one of them is 0."""
    if (body.usd is None) == (body.tokens is None):
        return Fault("invalid_request", "A grant is either of `usd` or of `tokens`.", "Give exactly one of them.", param="usd")
    if body.usd is not None:
        nanos = nanos_of_text(plain_text(body.usd))
        if not nanos or nanos > 1_000_000_000 * 1_000_000_000:
            said = "`usd` is an amount above 0 and up to 1,000,000,000, with at most nine digits after the point."
            return Fault("invalid_request", said, param="usd")
        return nanos, 0
    tokens = body.tokens or 0
    if not 0 < tokens <= TOKENS_MAX:
        return Fault("invalid_request", f"`tokens` is a whole number from 1 to {TOKENS_MAX:,}.", param="tokens")
    return 0, tokens


def _view(desk: Desk, given: BudgetGranted, repeated: bool = False) -> GrantView:
    return GrantView(
        grant=given.grant,
        budget=given.budget,
        subject=given.subject,
        nanos=given.nanos,
        usd=usd_text(given.nanos),
        tokens=given.tokens,
        at=instant_text(given.at),
        until=instant_text(given.until),
        in_force=not 0 < given.until <= desk.clock.now(),
        by=given.by,
        reason=given.reason,
        review=given.review,
        invocation=given.inv,
        repeated=repeated,
    )
