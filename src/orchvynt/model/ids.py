"""Ids that name one another: an attempt's and a review's lead to their invocation without a look-up."""

from typing import Final

INVOCATION: Final = "inv_"
ATTEMPT: Final = "att_"
REVIEW: Final = "rev_"


def attempt_id(invocation: str, number: int) -> str:
    """`inv_X` and 2 → `att_X.2`."""
    return f"{ATTEMPT}{invocation.removeprefix(INVOCATION)}.{number}"


def review_id(invocation: str, number: int) -> str:
    """`inv_X` and 1 → `rev_X.1`."""
    return f"{REVIEW}{invocation.removeprefix(INVOCATION)}.{number}"


def invocation_of(reference: str) -> str:
    """The invocation that an attempt's or a review's id leads to; any other reference as it is."""
    if reference.startswith((ATTEMPT, REVIEW)):
        return INVOCATION + reference[len(ATTEMPT) :].partition(".")[0]
    return reference
