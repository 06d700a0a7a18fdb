"""Takes the log probabilities out of an answer whose caller did not ask for them: all other bytes stay the provider's own.

Knows no dialect: each says where they stand, and whether its API writes null in their place or leaves the name out.
"""

from typing import Final

NAME: Final = b'"logprobs"'
_SPACE: Final = b" \t\r\n"


def nulled(data: bytes, raw: bytes) -> bytes:
    """`"logprobs": RAW` becomes `"logprobs": null`, wherever it stands: an equal value under the same name is the same thing twice."""
    parts: list[bytes] = []
    done = at = 0
    while (found := data.find(raw, at)) >= 0:
        at = found + len(raw)
        if _name_before(data, found) >= 0:
            parts += [data[done:found], b"null"]
            done = at
    return b"".join([*parts, data[done:]]) if done else data


def removed(data: bytes, raw: bytes) -> bytes:
    """`"logprobs": RAW` goes, with the comma that parted it from its neighbours."""
    at = 0
    while (found := data.find(raw, at)) >= 0:
        start, end = _name_before(data, found), found + len(raw)
        at = end
        if start < 0:
            continue
        before = data[:start].rstrip(_SPACE)
        if before.endswith(b","):
            data = before[:-1] + data[end:]
            at = len(before) - 1
        else:
            after = data[end:].lstrip(_SPACE)
            data, at = data[:start] + after.removeprefix(b",").lstrip(_SPACE), start
    return data


def _name_before(data: bytes, at: int) -> int:
    """Where the name of the value at `at` begins; -1 if that is another, or if the value has none. Inside a text every quote is escaped,
    so that the words of an answer are never taken for it."""
    head = data[max(0, at - 256) : at].rstrip(_SPACE)
    if not head.endswith(b":"):
        return -1
    head = head[:-1].rstrip(_SPACE)
    if not head.endswith(NAME):
        return -1
    return max(0, at - 256) + len(head) - len(NAME)
