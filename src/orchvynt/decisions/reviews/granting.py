"""What an approval gives of a budget that had no room: one of the amounts that the policy lists."""

from orchvynt.model.facts import Choice, Wanted
from orchvynt.model.faults import Fault
from orchvynt.model.money import nanos_of_text, usd_text


def check_grant(review: str, choice: Choice, amount: str | None, wanted: Wanted | None) -> int | Fault:
    """What a vote grants, in the unit of what is wanted: one of the amounts that the policy lists, or the only one. 0 where nothing is
    granted. `amount` is as the reviewer wrote it, None where none was."""
    if wanted is None or choice == "reject":
        if amount is None:
            return 0
        why = "a rejection grants nothing" if wanted is not None else f"review {review} asks about an answer, not for more of a budget"
        return Fault("invalid_request", f"An amount cannot be granted here: {why}.", "Leave the amount out.", param="grant")
    listed = ", ".join(amount_text(one, wanted) for one in wanted.grants)
    unit = "USD" if wanted.unit == "usd" else "tokens"
    help = f"Give one of these, in {unit}: {listed}."
    if amount is None:
        if len(wanted.grants) == 1:
            return wanted.grants[0]
        return Fault("invalid_request", f"Review {review} may grant one of several amounts, and none was named.", help, param="grant")
    asked = nanos_of_text(amount) if wanted.unit == "usd" else _tokens(amount)
    if asked is not None and asked in wanted.grants:
        return asked
    return Fault("invalid_request", f"{amount[:40]} {unit} is not an amount that budget {wanted.budget} lists.", help, param="grant")


def amount_text(amount: int, wanted: Wanted) -> str:
    """An amount in the unit of what is wanted: dollars, or tokens."""
    return usd_text(amount) if wanted.unit == "usd" else str(amount)


def _tokens(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
