"""Says what kind of value stands where another is wanted, as the file writes it, and what to write instead."""

import difflib
import re
from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from orchvynt.language.document.scalars import shown
from orchvynt.language.yaml_marks import Node, Scalar, YamlFloat, plain, plain_value

NEEDED: Final = MappingProxyType(
    {
        "string_type": "text",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a map",
        "model_type": "a map",
        "model_attributes_type": "a map",
    }
)
"""What is wanted, by pydantic's word for what is wrong."""

BOUNDED: Final = MappingProxyType(
    {
        "too_long": "has {actual_length} items, and the most are {max_length}",
        "too_short": "has {actual_length} items, and the fewest are {min_length}",
    }
)
"""What is wrong with the size of a value, by the same words."""

AMBIGUOUS: Final = MappingProxyType({"yes": "true", "on": "true", "no": "false", "off": "false"})
"""Words that are text here, as in YAML 1.2, and booleans to readers of YAML 1.1."""

_NEAR_MAX: Final = 150
_OTHER_BASES = re.compile(r"[-+]?(0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|[0-9][0-9_]*_[0-9_]*)")
_INFINITE = re.compile(r"[-+]?\.?(inf|nan)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_WITH_UNIT = re.compile(r"([0-9]+)\s*(ms|s|m|h|d|k|K|M|%)")


def as_written(node: Node | None) -> str:
    """A value as a message may quote it: what the file says, not what YAML made of it."""
    if isinstance(node, Scalar):
        quoted = node.quote and not isinstance(plain_value(node.text), str)
        return "nothing" if node.value is None else shown(f'"{node.text}"' if quoted else node.text)
    return shown(plain(node)) if node is not None else "nothing"


def nearest(name: str, known: Collection[str], cutoff: float = 0.5) -> str:
    """The known name that is most like it; empty where none is. Of very many, those that begin alike and are about as long."""
    if len(known) > _NEAR_MAX:
        known = [one for one in known if one[:1] == name[:1] and abs(len(one) - len(name)) <= 2][:_NEAR_MAX]
    return next(iter(difflib.get_close_matches(name[:200], known, n=1, cutoff=cutoff)), "")


def advice(needed: str, found: Node | None) -> str:
    """What to write; empty where the field's own description says it better."""
    if not isinstance(found, Scalar) or found.value is None:
        return ""
    text, is_text = found.text, isinstance(found.value, str)
    if needed == "text" and not is_text:
        return f'Put it in quotes: "{text}".' if len(text) <= 40 else "Put it in quotes."
    if needed == "a list" and is_text:
        return f"Write [{text}]." if len(text) <= 40 else "Put it in brackets."
    if needed == "true or false":
        return f"Write {AMBIGUOUS[text.lower()]}." if text.lower() in AMBIGUOUS else "Write true or false."
    if "number" not in needed:
        return ""
    if found.quote and _NUMBER.fullmatch(text):
        return "Remove the quotes."
    if _OTHER_BASES.fullmatch(text):
        return "Write it in decimal digits alone."
    if _INFINITE.fullmatch(text):
        return "Write a finite number, or leave the name out."
    if unit := _WITH_UNIT.fullmatch(text):
        return f"Write {unit[1]}: this is a number without a unit."
    if isinstance(found.value, YamlFloat) and needed == "a whole number" and found.value.is_integer() and abs(found.value) < 1e15:
        return f"Write {int(found.value)}."
    return ""
