"""What each outcome of an attempt says: whether the same model may help, who must rest, and whose breaker counts it.

The words are those of the policy reference, "Triggers"; `dialects.outcomes` makes them of what providers send.
"""

from typing import Final

# A retry on the same model may help: the fault is likely to be gone in a moment.
PASSING: Final = frozenset({"server_error", "malformed", "connection", "cut"})
# The model said when, or that it is too busy: another tier first, the same model only if there is no other.
BUSY: Final = frozenset({"rate_limit", "overloaded"})
# The request itself is at fault, or was judged: no other attempt may change that.
FINAL: Final = frozenset({"bad_request", "content_filter"})
# It said nothing for too long: asked last, until it has answered.
SILENT: Final = frozenset({"timeout", "stall"})
# It broke off after content had come: only a whole answer shows that it is well again.
BROKE_OFF: Final = frozenset({"cut", "stall"})
# These rest every model behind the same credential.
CREDENTIAL: Final = frozenset({"auth", "quota"})
# The model did its part, or was never asked: no breaker counts these.
_BLAMELESS: Final = FINAL | CREDENTIAL | {"context_length", "policy"}


def blames_model(outcome: str, connected: bool, retry_after_ns: int) -> bool:
    """Whether the model's breaker counts it as an error. A rate limit that says when it ends is no failure: the rest is exact. Without a
    connection `overloaded` means that all of ours to this address are in use."""
    if outcome in _BLAMELESS:
        return False
    return not (outcome == "rate_limit" and retry_after_ns) and (connected or outcome != "overloaded")


def blames_address(outcome: str, connected: bool) -> bool:
    """Whether nothing at the address took the connection in time."""
    return not connected and outcome in ("connection", "timeout")
