"""Turns what a JSON decoder has against a body into a Fault that says what, where and what to do. Knows no dialect."""

import re
from typing import Final

import msgspec

from orchvynt.model.faults import Fault

_BYTE: Final = re.compile(r"^JSON is malformed: (.*) \(byte (\d+)\)$", re.S)
_PATH: Final = re.compile(r"^(.*) - at `\$\.?(.*)`$", re.S)
_MISSING: Final = re.compile(r"^Object missing required field `(.*)`$", re.S)
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*)`$", re.S)
_JSON_NAMES: Final = (
    ("`str`", "a string"),
    ("`int`", "an integer"),
    ("`array`", "an array"),
    ("`object`", "an object"),
    ("`bool`", "a boolean"),
)
_MESSAGE_CHARS_MAX: Final = 300

BODY_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Everything that decoding hostile bytes can raise."""


_ADVICE = "Correct the request body; docs/reference/wire.md has its shape."


def invalid(message: str, param: str | None, advice: str = "") -> Fault:
    """The fault for a value that cannot be used."""
    return Fault(code="invalid_request", message=message[:_MESSAGE_CHARS_MAX], help=advice or _ADVICE, param=param)


def body_fault(error: Exception, body: bytes) -> Fault:
    """The fault for a body that a decoder refused; `error` is one of BODY_ERRORS."""
    if isinstance(error, RecursionError):
        return invalid("The body is nested too deeply.", None, "Send fewer levels of arrays and objects.")
    if isinstance(error, UnicodeDecodeError):
        return invalid(f"The body is not valid UTF-8 at byte {error.start}.", None, "Encode the JSON body as UTF-8.")
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return _malformed(text, body)
    placed = _PATH.match(text)
    what, path = (placed[1], placed[2]) if placed else (text, "")
    missing = _MISSING.match(what)
    if missing:
        where = f"{path}.{missing[1]}" if path else missing[1]
        return invalid(f"`{where}` is required.", where)
    unknown = _UNKNOWN.match(what)
    if unknown:
        where = f"{path}.{unknown[1]}" if path else unknown[1]
        return invalid(f"`{where}` is not a field of this endpoint.", where, "Remove it, or check its spelling.")
    if not path:
        return invalid(f"The body must be a JSON object. {_plain(what)}.", None)
    return invalid(f"`{path}`: {_plain(what)}.", path)


def is_json(data: bytes) -> bool:
    """Whether these bytes are one JSON value."""
    try:
        data.decode()
        msgspec.json.decode(data)
    except BODY_ERRORS:
        return False
    return True


def utf8_fault(body: bytes) -> Fault | None:
    """A decoder that skips a field does not look at its bytes, so the encoding is checked over the whole body."""
    if body.isascii():
        return None
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return body_fault(error, body)
    return None


def _malformed(text: str, body: bytes) -> Fault:
    if not body.strip():
        return invalid("The body is empty.", None, "Send a JSON object.")
    found = _BYTE.match(text)
    what, at = (found[1], int(found[2])) if found else ("it ends too early, or within an escape", len(body))
    line = body.count(b"\n", 0, at) + 1
    column = at - body.rfind(b"\n", 0, at)
    return invalid(f"The body is not valid JSON: {what}, at line {line}, column {column} (byte {at}).", None, "Send a JSON object.")


def _plain(what: str) -> str:
    for name, words in _JSON_NAMES:
        what = what.replace(name, words)
    return what.replace("Expected ", "expected ")
