"""How sure an answer is, as a number from 0 to 1, read of the answer itself: of its log probabilities, or of a number in its JSON.

Whatever cannot be read is unknown, with why; nothing here raises.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.decisions.confidence.pointers import ABSENT, look_up
from orchvynt.model.chat import TokenLogprob

READING_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)


class Sureness(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`value` is 0 to 1; None: unknown, and `why` says why. `attempt` is the one in which a judge was asked, empty without one.
    `textless`: the answer has no text that could be more or less sure, such as one that only calls tools."""

    value: float | None
    why: str = ""
    attempt: str = ""
    textless: bool = False


LEAST: Final = -1e6
NO_TEXT: Final = Sureness(None, "the answer has no text", textless=True)


def of_logprobs(logprobs: Sequence[TokenLogprob]) -> Sureness:
    """The geometric mean of the tokens' probabilities, exp(mean of the log probabilities): the likelihood of the answer, of which its
    length does not take anything away (the inverse of its perplexity; Malinin and Gales 2021, https://arxiv.org/abs/2002.07650,
    equation 9)."""
    if not logprobs:
        return Sureness(None, "there are no log probabilities")
    if any(math.isnan(one.logprob) or one.logprob == math.inf for one in logprobs):
        return Sureness(None, "a log probability is no number")
    if any(one.logprob == -math.inf for one in logprobs):
        return Sureness(0.0)
    # A provider may round a certain token to a little above 0; beyond a million a token is as good as impossible.
    total = math.fsum(min(0.0, max(LEAST, one.logprob)) for one in logprobs)
    return Sureness(math.exp(total / len(logprobs)))


def of_json(text: str, pointer: str) -> Sureness:
    """The number at an RFC 6901 pointer in an answer that is one JSON value."""
    try:
        value = look_up(msgspec.json.decode(text), pointer)
    except READING_ERRORS:
        return Sureness(None, "the answer is no JSON")
    if value is ABSENT:
        return Sureness(None, f"the answer has nothing at {pointer}")
    return as_share(value, f"what stands at {pointer}")


def as_share(value: object, what: str) -> Sureness:
    """A number from 0 to 1 as it is; anything else is unknown."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Sureness(None, f"{what} is no number")
    if not 0 <= value <= 1:
        return Sureness(None, f"{what} is not between 0 and 1")
    return Sureness(float(value))
