"""Keeps secrets out of excerpts and messages: literals that were found in the file, and whatever looks like a credential.

Masking keeps the length of a text, so that what underlines it still fits.
"""

import re
from typing import Final

SECRET_NAME: Final = re.compile(r"(?i)(key|token|secret|passw|credential|authorization|dsn|smtp)$")
"""Names of fields whose values are secrets, `api_key` and its misspellings' usual relatives."""

REFERENCE: Final = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:/[^}]*)\}")

_NAMED_VALUE = re.compile(
    r"""(?ix) (?:key|token|secret|passw\w*|credential|authorization|dsn|smtp) ["']? \s* [:=] \s*
    (?P<value> "(?!\$\{)[^"]*"? | '(?!\$\{)[^']*'? | (?!\$\{)[^\s,}\]\#"'{\[&*|>0-9-][^\s,}\]]* )"""
)
_PREFIXED = re.compile(
    r"\b(?:sk|pk|rk|ov|xai|gsk|ghp|gho|glpat|xox[abeprs]|hf|nvapi|r8)[-_][A-Za-z0-9_\-]{6,}|\b(?:AKIA|AIza)[A-Za-z0-9_\-]{8,}"
)
_USERINFO = re.compile(r"(?<=://)[^/\s@\"']*:[^/\s@\"']*(?=@)")
HARMLESS_WORD: Final = re.compile(r"[a-z-]{1,20}")
"""What may be shown wherever it stands: no secret is so short and so plain."""

_LITERAL_CHARS_MIN: Final = 4


def names_a_key(field: str, value: str) -> bool:
    """Whether a value is the name of a caller's key, as in `key: doc-team`: a short word in a field that is called just that."""
    return field == "key" and bool(HARMLESS_WORD.fullmatch(value))


def masked(text: str, literals: frozenset[str]) -> str:
    """A sentence of ours with every secret that it may quote replaced by stars of the same length."""
    for literal in literals:
        if len(literal) >= _LITERAL_CHARS_MIN:
            text = text.replace(literal, "*" * len(literal))
    for pattern in (_PREFIXED, _USERINFO):
        text = pattern.sub(lambda match: "*" * len(match[0]), text)
    return text


def masked_line(line: str, literals: frozenset[str]) -> str:
    """A line of the file: there also whatever follows a name such as `api_key:` counts as a secret."""
    return _NAMED_VALUE.sub(_stars_for_value, masked(line, literals))


def _stars_for_value(match: re.Match[str]) -> str:
    value, before = match["value"].strip("\"'"), match.string[: match.start()]
    if match[0].startswith("key") and not before[-1:].isidentifier() and HARMLESS_WORD.fullmatch(value):
        return match[0]
    start = match.start("value") - match.start()
    return match[0][:start] + "*" * len(match["value"])
