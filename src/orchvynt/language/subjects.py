"""Whose spend or calls are counted together: the subject of a scope, or of an expression (`by`), as text.

Budgets and rate limits ask here, so that both mean the same subject by the same words. It knows no limit.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from orchvynt.language.compiled import EvaluationError, Expression
from orchvynt.language.compiled_budgets import Scope
from orchvynt.model.invocation import Invocation

NOBODY: Final = "(none)"
EVERYBODY: Final = "*"
SUBJECT_CHARS_MAX: Final = 256
"""As long as a claim may be; a longer value of `by` is told by its beginning and its hash."""

_SHOWN_CHARS: Final = 100
_HASH_DIGITS: Final = 32
_WHOLE_MAX: Final = 1 << 53
"""Beyond it a double no longer tells one whole number from the next."""
_INT_BITS_MAX: Final = 256


class NoScalarError(EvaluationError):
    """The value of `by` is a list or a map, which only a caller can have put there: it tells nobody from anybody."""


def subject(scope: Scope | None, by: Expression | None, invocation: Invocation, values: Mapping[str, object]) -> str:
    """The subject of `scope`, or the value of `by` where there is no scope; exactly one of them is there.

    What the caller leaves out is the shared subject `(none)`: leaving it out escapes nothing. Raises EvaluationError where `by` fails,
    NoScalarError where its value is neither text, number nor truth.
    """
    if scope is None:
        assert by is not None
        return subject_text(by.evaluate(values), by.text)
    claims = invocation.claims
    match scope:
        case "global":
            return EVERYBODY
        case "invocation":
            return invocation.id
        case "key":
            # Its name, where the policy has one: a new secret must not begin a new budget.
            return invocation.key or invocation.key_id
        case "workflow":
            return claims.workflow or NOBODY
        case "agent":
            return claims.agent or NOBODY
        case "run":
            return claims.run or NOBODY
        case "session":
            return claims.session or NOBODY


def subject_text(value: object, by: str = "by") -> str:
    """A value as the text that is counted by: `7` and `7.0` are one subject, and so is a text that says `7`.

    What is long, or holds characters that do not print, becomes its escaped beginning and its hash: bounded, safe in every output, and
    another value is still another subject. Raises NoScalarError; `by` is what it then names.
    """
    if value is None or value == "":
        return NOBODY
    if isinstance(value, str):
        return value if len(value) <= SUBJECT_CHARS_MAX and value.isprintable() else _told_by_hash(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _INT_BITS_MAX else _told_by_hash(hex(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= _WHOLE_MAX else repr(value)
    kind = "a list" if isinstance(value, (list, tuple)) else "a map"
    raise NoScalarError(f"the value of `{by.strip()[:_SHOWN_CHARS]}` is {kind}, and a subject is a text, a number, true or false")


def _told_by_hash(text: str) -> str:
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    shown = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text[:_SHOWN_CHARS])
    return f"{shown}…{digest}"
