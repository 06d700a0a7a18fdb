"""While the store is away nobody hears of a review: what people would have to decide is refused, as the policy's `outage.gates` says.

Whom people have let go on before waits for further ones all the same: that is in the journal, and nothing that was decided is lost.
"""

from typing import Final

from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.state import State
from orchvynt.model.faults import Fault

RETRY_AFTER_S: Final = 5


def cannot_be_asked(state: State, event: AnyEvent, whose: str) -> Fault | None:
    """The refusal where people would be asked for the first time, and the store is away; `whose` gate or budget it is, in words."""
    if not event.away or state.review:
        return None
    return Fault(
        "store_unavailable",
        f"People would have to decide ({whose}), and they cannot be asked while the store is away: {event.away}",
        "Send the same request again later; nothing was delivered.",
        detail={"asks": whose},
        retry_after_seconds=RETRY_AFTER_S,
    )


def journal_is_full(why: str, buffer: int) -> Fault:
    """`outage.journal.buffer` is reached."""
    return Fault(
        "store_unavailable",
        f"The store is away, and has not heard of {buffer} invocations, so no further one begins (`outage.journal.buffer`): {why}",
        "Send the same request again later; nothing was sent.",
        retry_after_seconds=RETRY_AFTER_S,
    )


def budgets_are_closed(why: str) -> Fault:
    """`outage.budgets.closed_after` is over."""
    return Fault(
        "store_unavailable",
        f"A budget applies, and budgets are closed while the store is away: {why}",
        "Send the same request again later; nothing was sent.",
        retry_after_seconds=RETRY_AFTER_S,
    )
