"""Signs webhooks as Standard Webhooks 1.0 says: HMAC-SHA256 over `id.timestamp.body`; and says what a receiver's answer means.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from orchvynt.dialects.outcomes import retry_after_ns

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what stands before a secret


class UnusableSecretError(Exception):
    """The secret cannot sign. The message never quotes it."""


def signed_headers(secret: str, message: str, timestamp_s: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """The three headers. A secret that begins with `whsec_` is base64 behind that; any other is taken as it is. `timestamp_s` is the
    instant of this very sending, in seconds UTC. Raises UnusableSecretError."""
    signed = b"%b.%d.%b" % (message.encode(), timestamp_s, body)
    signature = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    return ("webhook-id", message), ("webhook-timestamp", str(timestamp_s)), ("webhook-signature", f"v1,{signature}")


class Verdict(msgspec.Struct, frozen=True):
    """`why` is empty if the message was taken. `wait_ns`: the receiver asks for so much patience, at most an hour; `final`: it wants no
    message any more."""

    why: str = ""
    wait_ns: int = 0
    final: bool = False


def read_status(status: int, headers: Mapping[str, str], now: int) -> Verdict:
    """A redirect is no delivery: messages go to the address that the policy names, and nowhere else. `now` is ns UTC."""
    if 200 <= status < 300:
        return Verdict()
    if status == 410:
        return Verdict("it answered 410: it wants no message any more", final=True)
    return Verdict(f"it answered {status}", retry_after_ns(headers.get("retry-after", ""), now))


def _key(secret: str) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableSecretError("it begins with whsec_, and what follows is no base64") from error
    if not key:
        raise UnusableSecretError("nothing follows whsec_")
    return key
