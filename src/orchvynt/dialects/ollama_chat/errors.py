"""Errors as callers of Ollama's API read them: `error` is the text, what else is known stands beside it.

Source: docs.ollama.com/api/errors. The official SDK takes `error` for text, and raises on a line of a stream that holds it.
"""

from typing import Any, Final

import msgspec

from orchvynt.model.faults import ERRORS_PAGE, Fault

_FIXED: Final = ("error", "code", "help", "param", "doc_url", "invocation_id", "retry_after_seconds")

_encode = msgspec.json.Encoder().encode


def error_body(fault: Fault, invocation: str) -> bytes:
    """The fault's details stand under their own names, and never cover its fixed fields."""
    told: dict[str, Any] = {
        "error": fault.text,
        "code": fault.code,
        "help": fault.help,
        "param": fault.param,
        "doc_url": f"{ERRORS_PAGE}#{fault.code}",
        "invocation_id": invocation,
        "retry_after_seconds": fault.retry_after_seconds,
    }
    said = {name: value for name, value in told.items() if value is not None and value != ""}
    return _encode(said | {name: value for name, value in fault.detail.items() if name not in _FIXED})


def error_line(fault: Fault, invocation: str) -> bytes:
    """The same inside a stream, as a line of its own."""
    return error_body(fault, invocation) + b"\n"
