"""Keys, tokens and passwords: by the formats that their issuers publish, and by a word such as `password` before something random.

All formats are one pattern of RE2, which takes time linear in the text; what may also be a name or a placeholder is looked at closer.
"""

import math
import re
from collections import Counter
from typing import Final

import re2

from orchvynt.detectors.effort import Effort
from orchvynt.detectors.secret_formats import FORMATS, LOOSE

_MEMORY_MAX: Final = 1 << 26


def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.max_mem = _MEMORY_MAX
    return re2.compile(pattern.encode(), options)


_ANY: Final = _compiled("|".join(f"(?:{pattern})" for pattern in FORMATS.values()))
_LOOSE: Final = _compiled("|".join(f"(?:{pattern})" for pattern in LOOSE.values()))
_NAMED: Final = _compiled(
    r"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|contrase[nñ]a|senha|mot de passe|secret|token|api[_\-. ]?key|"
    r"access[_\-. ]?key|auth[_\-. ]?key|account[_\-. ]?key|private[_\-. ]?key|encryption[_\-. ]?key|"
    r"signing[_\-. ]?key|client[_\-. ]?secret|"
    r"credentials?|bearer|basic)"
    r"[a-z0-9_\-.]{0,24}[\"'`]?(?:\]|\)|,)?\s{0,3}(?::=|=>|[:=]|\bis\b|\s)\s{0,3}[\"'`]{0,3}([^\s\"'`<>,;(){}\[\]]{8,256})"
)
_URL: Final = _compiled(r"[a-zA-Z][a-zA-Z0-9+.\-]{1,20}://[^\s:/@\"'<>]{0,128}:([^\s/@\"'<>]{3,256})@[a-zA-Z0-9\[]")
_PLACEHOLDER: Final = re.compile(
    r"(?i)^[x*.•#_\-]{3,}|\$\{|\{\{|%\(|<|your|example|placeholder|changeme|change_me|redacted|dummy|sample|process\.env|os\.environ|getenv|"
    r"^(?:true|false|null|none|undefined|required|optional|string|password|secret|token)$"
)
_TEMPLATE: Final = re.compile(r"\$\{|\{\{|%\(|<|^[x*.•]+$")
_UNITS: Final = 6
_RANDOM_ENTROPY: Final = 4.2
_ENTROPY_MIN: Final = 3.0
"""Bits a character: words and names have less for their length, keys of 16 and more characters have more."""


def secrets(text: str, effort: Effort) -> int:
    """How many secrets."""
    data = text.encode(errors="replace")
    effort.spend(len(data) // 128)
    found = 0
    for _ in _ANY.finditer(data):
        effort.spend(_UNITS)
        found += 1
    for match in _LOOSE.finditer(data):
        effort.spend(_UNITS)
        said = match[0].decode(errors="replace")
        found += _is_random(said.rpartition("-")[2] if "-" in said else said) and _is_no_placeholder(said)
    # What a format has told, the word before it would tell once more.
    return found or _named(data, effort)


def _named(data: bytes, effort: Effort) -> int:
    found = 0
    for match in _NAMED.finditer(data):
        effort.spend(_UNITS + len(match[1]) // 4)
        said = match[1].decode(errors="replace").rstrip(".,;:!?")
        found += _is_no_placeholder(said) and _is_password(said)
    for match in _URL.finditer(data):
        effort.spend(_UNITS)
        found += _TEMPLATE.search(match[1].decode(errors="replace")) is None
    return found


def _is_no_placeholder(said: str) -> bool:
    """What is random enough is no word with `example` in it: the issuers' own examples are written so."""
    if _TEMPLATE.search(said) is None and _is_random(said) and entropy(said) >= _RANDOM_ENTROPY:
        return True
    return _PLACEHOLDER.search(said) is None and len(set(said)) > 2


def _is_random(said: str) -> bool:
    return any(char.isdigit() for char in said) and any(char.isalpha() for char in said) and entropy(said) >= _ENTROPY_MIN


def _is_password(said: str) -> bool:
    """Of three kinds of characters at least, or random by its length; no path, call or address."""
    if len(said) < 8 or "://" in said or said.startswith(("/", "./")):
        return False
    kinds = sum((any(map(str.islower, said)), any(map(str.isupper, said)), any(map(str.isdigit, said)), not said.isalnum()))
    has_digit = any(map(str.isdigit, said))
    return has_digit and (kinds >= 3 or (kinds == 2 and entropy(said) >= _ENTROPY_MIN))


def entropy(said: str) -> float:
    """Shannon's, in bits a character."""
    return -sum(count / len(said) * math.log2(count / len(said)) for count in Counter(said).values())
