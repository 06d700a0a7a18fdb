"""What a caller may say about itself, as header fields: checked here, so that a mistake is an error and not a lost budget."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

PREFIX: Final = "x-orchvynt-"
NAME_CHARS_MAX: Final = 256
FLAGS_MAX: Final = 64
CONTEXT_BYTES_MAX: Final = 16_384


def claim_headers(
    names: Mapping[str, str | None], flags: Iterable[str] = (), context: Mapping[str, Any] | None = None, min_quality: float | None = None
) -> dict[str, str]:
    """Header fields for what is given. Raises ValueError (what is wrong, and where) or TypeError. All values are printable ASCII."""
    fields = {PREFIX + name: _name(name, value) for name, value in names.items() if value is not None and value != ""}
    if isinstance(flags, str):
        raise TypeError("flags is a list of texts, not one text")
    if listed := [_flag(flag) for flag in flags]:
        if len(listed) > FLAGS_MAX:
            raise ValueError(f"flags has {len(listed)} entries; at most {FLAGS_MAX} are allowed")
        fields[f"{PREFIX}flags"] = ",".join(listed)
    if context:
        fields[f"{PREFIX}context"] = _context(context)
    if min_quality is not None:
        if not 0 <= min_quality <= 1:
            raise ValueError(f"min_quality is a number from 0 to 1, not {min_quality}")
        fields[f"{PREFIX}min-quality"] = format(min_quality, "g")
    return fields


def _name(where: str, value: str) -> str:
    """One header value: printable ASCII without surrounding blanks. A header cannot carry more, and cutting would rename."""
    if not isinstance(value, str):
        raise TypeError(f"{where} is a text, not {type(value).__name__}")
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{where} may hold printable ASCII only, and {value!r} holds more; use a plain name")
    if value != value.strip():
        raise ValueError(f"{where} must not begin or end with a blank: {value!r}")
    if len(value) > NAME_CHARS_MAX:
        raise ValueError(f"{where} has {len(value)} characters; at most {NAME_CHARS_MAX} are allowed")
    return value


def _flag(value: str) -> str:
    flag = _name("flags", value)
    if not flag or "," in flag:
        raise ValueError(f"a flag is not empty and holds no comma: {value!r}")
    return flag


def _context(context: Mapping[str, Any]) -> str:
    text = json.dumps(dict(context), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    if len(text) > CONTEXT_BYTES_MAX:
        raise ValueError(f"context takes {len(text)} bytes as JSON; at most {CONTEXT_BYTES_MAX} are allowed")
    # JSON escapes control characters but not DEL, which no header may hold.
    return text.replace("\x7f", "\\u007f")
