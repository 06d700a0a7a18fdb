"""Addresses: of e-mail (RFC 5321), and of machines (RFC 791, RFC 4291)."""

import ipaddress
import re
from typing import Final

from orchvynt.detectors.effort import Effort
from orchvynt.detectors.numbers import Run

_LOCAL_CHARS_MAX: Final = 64
_LOCAL_MARKS: Final = frozenset(".!#$%&'*+/=?^_`{|}~-")
_LOCAL_EDGES: Final = ".'`*/="
_DOMAIN: Final = re.compile(r"(?:[^\W_](?:[\w\-]{0,61}+)\.){1,8}+([^\W\d_][\w\-]{1,62}+)")
_NO_DOMAINS: Final = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "css",
        "scss",
        "js",
        "mjs",
        "ts",
        "tsx",
        "json",
        "html",
        "py",
        "map",
        "ico",
        "woff",
        "woff2",
    ]
)
"""Names of files that look like addresses: `logo@2x.png`, `react@18.umd.js`."""

_HEX: Final = frozenset("0123456789abcdefABCDEF:")
_COLONED_CHARS_MAX: Final = 45
_UNITS: Final = 2
_COLONED_UNITS: Final = 10
_OCTET_MAX: Final = 255


def emails(text: str, effort: Effort) -> int:
    """How many addresses of e-mail."""
    found, place = 0, text.find("@")
    while place >= 0:
        effort.spend(_UNITS)
        end = _domain_end(text, place + 1) if _has_local_part(text, place) else 0
        found += end > 0
        place = text.find("@", max(end, place + 1))
    return found


def _has_local_part(text: str, place: int) -> bool:
    start = place
    least = max(place - _LOCAL_CHARS_MAX, 0)
    while start > least and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_MARKS):
        start -= 1
    local = text[start:place].strip(_LOCAL_EDGES)
    if place > 1 and text[place - 1] == '"':
        return True
    # `git@github.com:…` is how programs reach a repository, and names nobody.
    return bool(local) and text[place - 1] != "." and local != "git"


def _domain_end(text: str, start: int) -> int:
    """Where the domain ends; 0 where none begins."""
    match = _DOMAIN.match(text, start, start + 255)
    if match is None:
        return 0
    last = match[1]
    if last.lower() in _NO_DOMAINS or last.endswith("-") or "_" in last:
        return 0
    return match.end()


def ip_addresses(text: str, runs: list[Run], effort: Effort) -> int:
    """How many addresses of IPv4 and IPv6."""
    return sum(_dotted(run) for run in runs) + _coloned(text, effort)


def _dotted(run: Run) -> int:
    found, group, count = 0, 0, len(run.at)
    while group + 3 < count:
        after = group + 4
        if run.gaps[group : after - 1] == [".", ".", "."] and _is_dotted(run, group, after):
            found += 1
            group = after
        else:
            group += 1
    return found


def _is_dotted(run: Run, group: int, after: int) -> bool:
    if group and run.gaps[group - 1] == ".":
        return False
    if after < len(run.at) and run.gaps[after - 1] == ".":
        return False
    first, last = run.starts[group], run.starts[after]
    if last - first > 12 or not run.stands_alone(group, after):
        return False
    parts = [run.digits[run.starts[number] : run.starts[number + 1]] for number in range(group, after)]
    if any(len(part) > 3 or int(part) > _OCTET_MAX or (part[0] == "0" and len(part) > 1) for part in parts):
        return False
    # `v1.2.3.4`, `Chrome/120.0.0.0` and `version 1.2.3.4` are versions.
    text, at = run.text, run.at[group]
    if text[at - 1 : at].isalpha() or (at > 1 and text[at - 1] == "/" and text[at - 2].isalnum()):
        return False
    return not text[max(at - 9, 0) : at].lower().rstrip(" :=").endswith(("version", "ver", "ver."))


def _coloned(text: str, effort: Effort) -> int:
    found, place = 0, text.find(":")
    while place >= 0:
        following = text[place + 1 : place + 2]
        if following not in _HEX or not following:
            place = text.find(":", place + 1)
            continue
        effort.spend(_COLONED_UNITS)
        start, end = place, place + 1
        while start > 0 and place - start < 5 and text[start - 1] in _HEX:
            start -= 1
        while end < len(text) and end - start < _COLONED_CHARS_MAX and (text[end] in _HEX or text[end] == "."):
            end += 1
        found += _is_coloned(text, start, end)
        place = text.find(":", end)
    return found


def _is_coloned(text: str, start: int, end: int) -> bool:
    said = text[start:end].rstrip(".")
    end = start + len(said)
    if said.endswith(":") and not said.endswith("::"):
        said, end = said[:-1], end - 1
    if said.count(":") < 2 or not any(char.isdigit() for char in said) or _touches(text, start - 1) or _touches(text, end):
        return False
    try:
        ipaddress.IPv6Address(said)
    except ValueError:
        return False
    return True


def _touches(text: str, place: int) -> bool:
    return 0 <= place < len(text) and (text[place].isalnum() or text[place] == "_")
