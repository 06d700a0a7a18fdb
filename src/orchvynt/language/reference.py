"""Writes the reference of the policy language, from the same sections, variables and triggers that the compiler uses."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from orchvynt.language.document.limits import BudgetEntry, EscalationEntry, GateEntry, GroupEntry, LimitEntry, WaitEntry
from orchvynt.language.document.policy import JournalEntry, PolicyDocument
from orchvynt.language.document.providers import ModelEntry, PriceEntry, ProviderEntry
from orchvynt.language.document.routing import (
    TRIGGERS,
    BackoffEntry,
    ChainEntry,
    FallbackEntry,
    RetryEntry,
    RoutingEntry,
    RuleEntry,
    TimeoutsEntry,
)
from orchvynt.language.document.section import Section
from orchvynt.language.expressions import values
from orchvynt.language.schema import json_schema
from orchvynt.language.variables import LATER_FUNCTIONS, LATER_VARIABLES, OUTPUT_NAMES, TABLES

_SECTIONS: Final[tuple[tuple[str, type[Section]], ...]] = (
    ("The document", PolicyDocument),
    ("providers.NAME", ProviderEntry),
    ("models.NAME", ModelEntry),
    ("models.NAME.price", PriceEntry),
    ("routing", RoutingEntry),
    ("routing.rules[]", RuleEntry),
    ("fallback", FallbackEntry),
    ("fallback.retry", RetryEntry),
    ("fallback.retry.backoff", BackoffEntry),
    ("fallback.timeouts", TimeoutsEntry),
    ("fallback.chains.default", ChainEntry),
    ("budgets[]", BudgetEntry),
    ("budgets[].limit", LimitEntry),
    ("gates[]", GateEntry),
    ("gates[].wait", WaitEntry),
    ("gates[].escalation[]", EscalationEntry),
    ("groups.NAME", GroupEntry),
    ("journal", JournalEntry),
)

_EXPRESSIONS: Final = f"""\
Conditions are expressions in [CEL](https://github.com/google/cel-spec), parsed, type-checked and compiled when the policy is loaded.

- Literals: strings in either quotes with CEL's escapes, raw strings `r'…'`, numbers, `true`, `false`, `null`, lists.
- Operators: `&& || ! == != < <= > >= in + - * / %`, `c ? a : b`, and brackets.
- Functions: `size(x)`, `x.size()`, `text.startsWith(s)`, `.endsWith(s)`, `.contains(s)`, `.matches(r'…')` with a literal pattern in
  [RE2's syntax](https://github.com/google/re2/wiki/Syntax) (linear in the text), `has(context.x)`, `list.exists(i, …)`, `list.all(i, …)`.
- Numbers are doubles, and integer literals are read as doubles. Dividing by zero is an error; `%` has the sign of its left side.
- An absent `context.x` is null, and so is anything below it. `has(context.x)` asks whether it is there and not null.
- A value of the context has no declared type. Two values of different types are not equal, and any ordering that is not between two
  numbers or two strings is false. As a boolean it must be compared: `context.beta == true`.
- Every other mismatch is an error while the expression runs. An error on one side of `&&` or `||` counts only if no other side decides;
  `exists` and `all` do the same. A routing rule that fails does not match; gates and budgets close.
- At most 4,096 characters, 256 parts, 32 levels, four quantifiers; one evaluation costs at most {values.COST_MAX:,} units
  (a KiB of searched text, or an item of a list; a KiB searched by a pattern counts ten).
"""


def reference_markdown() -> str:
    """The page `docs/reference/policy.md`."""
    definitions = json_schema()["$defs"]
    parts = [
        "# The policy document\n\nGenerated from the code that reads policies; a test fails when it is old. "
        "An unknown name is an error, and so is one of the language that this build does not support yet.\n",
    ]
    for title, section in _SECTIONS:
        properties = json_schema()["properties"] if section is PolicyDocument else definitions[section.__name__]["properties"]
        parts.append(_section(title, section, properties, definitions))
    parts.append("## Triggers\n\n" + _table(("word", "what it is"), [(f"`{word}`", meaning) for word, meaning in TRIGGERS.items()]))
    parts.append("## Expressions\n\n" + _EXPRESSIONS)
    parts.append("## Variables\n\n" + _variables())
    return "\n".join(parts)


def _section(title: str, section: type[Section], properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    shown = title if section is PolicyDocument else f"`{title}`"
    rows = []
    for name, field in section.model_fields.items():
        schema = properties[name]
        default = "required" if field.is_required() else _default(schema.get("default"))
        rows.append((f"`{name}`", _kind(schema, definitions), default, field.description or ""))
    text = f"## {shown}\n\n{section.__doc__}\n\n" + _table(("name", "value", "default", "meaning"), rows)
    if section.later:
        text += "\nNot supported yet: " + ", ".join(f"`{name}`" for name in section.later) + ".\n"
    return text


def _kind(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return "map"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one, definitions) for one in schema["anyOf"]))
    pattern = str(schema.get("pattern", ""))
    if "(ms|s|m|h|d)" in pattern:
        return "duration or `auto`" if "auto" in pattern else "duration"
    if "env:" in pattern:
        return "reference"
    if schema.get("type") == "array":
        inside = _kind(schema["items"], definitions)
        return f"list of {inside}s" if inside in ("map", "text", "name") else "list"
    if schema.get("type") == "object":
        return "map of names"
    words = {"string": "name" if pattern else "text", "integer": "whole number", "number": "number", "boolean": "`true`, `false`"}
    return words.get(str(schema.get("type")), "value")


def _default(value: object) -> str:
    if value is None or value == "":
        return "none"
    if value in ({}, []):
        return "empty"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _variables() -> str:
    request = [
        (f"`{name}`", variable.type.value, variable.description) for name, variable in TABLES["output"].items() if name not in OUTPUT_NAMES
    ]
    answer = [
        (f"`{name}`", variable.type.value, variable.description) for name, variable in TABLES["output"].items() if name in OUTPUT_NAMES
    ]
    later = ", ".join(f"`{name}`" for name in [*LATER_VARIABLES, *LATER_FUNCTIONS])
    return (
        "Stage request (rules, budgets) and stage output (gates):\n\n"
        + _table(("name", "type", "meaning"), request)
        + "\nStage output only:\n\n"
        + _table(("name", "type", "meaning"), answer)
        + f"\nNot supported yet: {later}.\n"
    )
