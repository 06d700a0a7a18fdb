"""Idempotency keys: what one stands for, which answers it keeps, and what is said of one that cannot be honoured.

It hashes and compares; who holds which answer it does not know.
"""

import hashlib
from typing import Final

from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Idempotency

HEADER: Final = "idempotency-key"
KEY_CHARS_MAX: Final = 255
KEPT_NS: Final = 24 * 3_600 * 1_000_000_000
"""How long an answer is kept, from the moment at which it was whole."""
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""A larger answer reaches whoever waits for it and is not kept."""

# A retry of these must be able to come out otherwise, and none of them is an answer that a provider was paid for: a budget's window
# ends (402), a policy is changed or a halt is lifted (403), a review is decided (409), a limit passes (429). What a review refused
# (403) stays with its parked invocation.
_RELEASING: Final = frozenset({402, 403, 408, 409, 429})


def idempotency(key: str, caller: str, endpoint: str, body: bytes) -> Idempotency:
    """`body` is compared byte by byte, as a join of a parked invocation compares it. Claims are not: a retry's trace id is a new one."""
    return Idempotency(scope_of(key, caller, endpoint), hashlib.sha256(body).hexdigest())


def scope_of(key: str, caller: str, endpoint: str) -> str:
    """What a key stands for, whatever the body."""
    return hashlib.sha256("\n".join((caller, endpoint, key)).encode()).hexdigest()


def check_key(key: str, times: int) -> Fault | None:
    """Whether a key can be honoured; `times` is how often its field stands in the header."""
    if times > 1:
        return _unusable("is there more than once", "Send it once.")
    if not 0 < len(key) <= KEY_CHARS_MAX or not key.isprintable():
        return _unusable("is no usable key", f"Send 1 to {KEY_CHARS_MAX} printable characters, such as a random UUID.")
    return None


def is_kept(status: int) -> bool:
    """Whether an answer with this status is given again; else the next request under the key is a new invocation."""
    return status == 200 or (400 <= status < 500 and status not in _RELEASING)


def mismatch(inv: str) -> Fault:
    """422: the key belongs to another request. `inv` is the invocation of that."""
    return Fault(
        "idempotency_mismatch",
        f"This idempotency key was used with another body, for {inv}.",
        "Use a new idempotency key for a new request; a retry repeats key and body.",
        param=HEADER,
    )


def not_replayable(inv: str) -> Fault:
    """409: the answer under way has outgrown what is kept, so whoever comes now has missed its beginning."""
    return Fault(
        "conflict",
        f"The answer of {inv} under this idempotency key is under way and is larger than what is kept for a retry.",
        "Wait until it has ended, or send the request with a new idempotency key.",
        param=HEADER,
        detail={"bytes_max": ANSWER_BYTES_MAX},
    )


def elsewhere(inv: str) -> Fault:
    """503: another process gives this answer, and had not come to its end when the caller had waited as long as it may."""
    return Fault(
        "overloaded",
        f"The answer of {inv} under this idempotency key is under way at another process, and has not come to its end.",
        "Send the same request again; it gets that answer.",
        retry_after_seconds=1,
    )


def _unusable(what: str, help_text: str) -> Fault:
    return Fault("invalid_request", f"{HEADER} {what}.", help_text, param=HEADER)
