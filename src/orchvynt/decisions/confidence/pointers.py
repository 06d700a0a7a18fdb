"""Looks a value up in JSON by a pointer (RFC 6901, https://www.rfc-editor.org/rfc/rfc6901). Never raises."""

import re
from typing import Final

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
ABSENT: Final = object()
"""What is found where there is nothing."""


def look_up(value: object, pointer: str) -> object:
    """The value at the pointer, which begins with `/`; ABSENT where nothing is there."""
    for escaped in pointer.split("/")[1:]:
        step = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value
