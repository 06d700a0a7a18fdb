"""Writes the reference of the policy language, from the same sections, variables and triggers that the compiler uses."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from orchvynt.detectors.effort import EFFORT_MAX
from orchvynt.detectors.kinds import KINDS, PERSONAL
from orchvynt.detectors.presidio import BY_MODEL, BY_PATTERN
from orchvynt.language.document.fallback import TRIGGERS
from orchvynt.language.document.policy import PolicyDocument
from orchvynt.language.document.section import Section, fields_of
from orchvynt.language.expressions import values
from orchvynt.language.schema import described, json_schema, sections
from orchvynt.language.variables import GROUPS, Variable

_EXPRESSIONS: Final = f"""\
Conditions are expressions in [CEL](https://github.com/google/cel-spec), parsed, type-checked and compiled when the policy is loaded.

- Literals: strings in either quotes with CEL's escapes, raw strings `r'…'`, numbers, `true`, `false`, `null`, lists.
- Operators: `&& || ! == != < <= > >= in + - * / %`, `c ? a : b`, and brackets.
- Functions: `size(x)`, `x.size()`, `text.startsWith(s)`, `.endsWith(s)`, `.contains(s)`, `.matches(r'…')` with a literal pattern in
  [RE2's syntax](https://github.com/google/re2/wiki/Syntax) (linear in the text), `has(context.x)`, `detects("iban", …)`;
  `list.exists(i, …)` and `list.all(i, …)`, of a map over its keys.
- Numbers are doubles, and integer literals are read as doubles. Dividing by zero is an error; `%` has the sign of its left side.
- An absent `context.x` is null, and so is anything below it. `has(context.x)` asks whether it is there and not null.
- A value of the context has no declared type. Two values of different types are not equal. An ordering with null is false, and any
  other that is not between two numbers or two strings is an error. As a boolean it must be compared: `context.beta == true`.
- Every other mismatch is an error while the expression runs. An error on one side of `&&` or `||` counts only if no other side decides;
  `exists` and `all` do the same. A routing rule that fails does not match; gates and budgets close.
- At most 4,096 characters, 256 parts, 32 levels, four quantifiers; one evaluation costs at most {values.COST_MAX:,} units
  (a KiB of searched text, or an item of a list; a KiB searched by a pattern counts ten).
"""

_DETECTORS: Final = f"""\
`detects("iban", "credit_card")` looks into the answer in gates of stage `output` and `tool_call`, with what it thought and what it calls
tools with, and into the messages of the request everywhere else. Without a kind it looks for personal data:
{", ".join(f"`{kind}`" for kind in PERSONAL)}.
Records keep how many of each kind were found, as `output.detected.iban`, and nothing of the text. One text may cost {EFFORT_MAX:,} units of
half a microsecond, which is some megabytes of prose or 100 KB of nothing but numbers; one that costs more is an error while the expression
runs. How much of what is there they find: [measured](detectors.md).

Gates of stage `output` and `tool_call` may ask the library [Presidio](https://microsoft.github.io/presidio/), an extra, for any of its own
kinds: `detects("presidio:PERSON")`. It looks in a process apart, for at most `presidio.within`; where it was not heard, the gate closes.
{", ".join(f"`{kind}`" for kind in sorted(BY_MODEL))} need a language model of spaCy, `presidio.model`. The others:
{", ".join(f"`{kind}`" for kind in sorted(BY_PATTERN))}.
"""


def reference_markdown() -> str:
    """The page `docs/reference/policy.md`."""
    schema = json_schema()
    definitions = schema["$defs"]
    parts = [
        "# The policy document\n\nGenerated from the code that reads policies; a test fails when it is old. "
        "An unknown name is an error. What is marked as not supported yet is checked like all else, and then refused with its name: "
        "a policy never holds anything that is not enforced.\n",
    ]
    for path, section in sections().items():
        properties = schema["properties"] if section is PolicyDocument else definitions[section.__name__]["properties"]
        parts.append(_section(path, section, properties, definitions))
    parts.append("## Triggers\n\n" + _table(("word", "what it is"), [(f"`{word}`", meaning) for word, meaning in TRIGGERS.items()]))
    parts.append("## Expressions\n\n" + _EXPRESSIONS)
    parts.append("## Variables\n\n" + _variables())
    return "\n".join(parts)


def _section(path: str, section: type[Section], properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    shown = f"`{path}`" if path else "The document"
    rows = []
    for name, field in fields_of(section).items():
        schema = properties[name]
        default = "required" if field.is_required() else _default(schema.get("default"))
        rows.append((f"`{name}`", _kind(schema, definitions), default, described(section, name)))
    return f"## {shown}\n\n{section.__doc__}\n\n" + _table(("name", "value", "default", "meaning"), rows)


def _kind(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return "map"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{str(word).lower() if isinstance(word, bool) else word}`" for word in schema["enum"])
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
    text = ""
    for title, group in GROUPS:
        text += f"### {title}\n\n" + _table(("name", "type", "meaning"), [_variable(one) for one in group]) + "\n"
    return text + _detectors()


def _detectors() -> str:
    rows = [(f"`{kind.name}`", kind.description, kind.check) for kind in KINDS.values()]
    return f"### What `detects(…)` can be asked for\n\n{_DETECTORS}\n" + _table(("kind", "what it finds", "by what"), rows)


def _variable(variable: Variable) -> tuple[str, str, str]:
    return f"`{variable.name}`", variable.type.value, variable.description
