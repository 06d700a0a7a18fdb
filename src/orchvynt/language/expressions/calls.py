"""The functions that expressions may call, on parts that are already checked."""

import difflib
from typing import Final

import re2

from orchvynt.detectors.kinds import ANSWER_KINDS, KINDS
from orchvynt.detectors.presidio import ENTITIES, PREFIX
from orchvynt.language.detecting import detected_names
from orchvynt.language.expressions import closures
from orchvynt.language.expressions.findings import Code, Findings
from orchvynt.language.expressions.syntax import Call, Expr
from orchvynt.language.kinds import Type, may_be
from orchvynt.language.variables import FOREIGN_FUNCTIONS, STAGE_WORDS

TEXT_METHODS: Final = ("startsWith", "endsWith", "contains", "matches")
FUNCTIONS: Final = ("size", "has", "exists", "all", *TEXT_METHODS, "detects")
_REGEX_BYTES_MAX: Final = 1 << 20


def called(found: Findings, node: Call, target: Code | None, arguments: tuple[Code, ...]) -> Code:
    """One call; `target` is what stands before the dot."""
    parts = (*(() if target is None else (target,)), *arguments)
    if node.function == "size" and len(parts) == 1:
        return _size(found, node, parts[0])
    if node.function in TEXT_METHODS and len(parts) == 2 and (target is not None or node.function == "matches"):
        return _text_method(found, node, *parts)
    if node.function == "detects" and target is None:
        return _detects(found, node, arguments)
    if node.function in FOREIGN_FUNCTIONS:
        return found.problem(node, f"not supported yet: `{node.function}` (a function of CEL)", f"Functions: {', '.join(FUNCTIONS)}.")
    if node.function in FUNCTIONS:
        return found.problem(node, f"`{node.function}` is not called like this", "Write size(x) or text.contains('x').")
    near = difflib.get_close_matches(node.function, FUNCTIONS, n=1, cutoff=0.6)
    help = f"Did you mean `{near[0]}`?" if near else f"Functions: {', '.join(FUNCTIONS)}."
    return found.problem(node, f"unknown function `{node.function}`", help)


def _size(found: Findings, node: Call, of: Code) -> Code:
    if not any(may_be(of.type, kind) for kind in ("string", "list", "map")):
        return found.problem(node, f"`size` needs a string, a list or a map, not {of.type.value}")
    return Code(Type.NUMBER, closures.size(of.run))


def _text_method(found: Findings, node: Call, target: Code, argument: Code) -> Code:
    for part in (target, argument):
        if not may_be(part.type, "string"):
            help = "Write 'x' in flags." if part.type is Type.STRINGS and node.function == "contains" else ""
            return found.problem(node, f"`{node.function}` needs strings, not {part.type.value}", help)
    if node.function == "matches":
        return _matches(found, node, target, argument)
    found.needs_meter = found.needs_meter or node.function == "contains"
    return Code(Type.BOOL, closures.text_method(node.function, target.run, argument.run))


def _matches(found: Findings, node: Call, target: Code, pattern: Code) -> Code:
    where = node.arguments[-1]
    if pattern.text is None:
        return found.problem(where, "the pattern of `matches` must be a literal string", "It is compiled when the policy is loaded.")
    found.needs_meter = True
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _REGEX_BYTES_MAX
    try:
        return Code(Type.BOOL, closures.matches(target.run, re2.compile(pattern.text, options)))
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        help = "Patterns are RE2's: no look-around, no back references (https://github.com/google/re2/wiki/Syntax)."
        return found.problem(where, f"the pattern cannot be read: {said}", help)


def _detects(found: Findings, node: Call, kinds: tuple[Code, ...]) -> Code:
    """`detects("iban", "credit_card")`: kinds are literals, checked by name; none stands for all personal data."""
    if "input.text" not in found.table:
        return found.problem(node, "unknown function `detects`", f"There is no text to look into: this is {STAGE_WORDS[found.stage]}.")
    in_answer = "output.text" in found.table
    for argument, code in zip(node.arguments, kinds, strict=True):
        if code.text is None:
            found.problem(argument, "the kinds of `detects` must be literal strings", f"Kinds: {', '.join(KINDS)}.")
        elif code.text.startswith(PREFIX):
            _presidio(found, argument, code.text, in_answer)
        elif code.text not in KINDS:
            _unknown_kind(found, argument, code.text)
        elif code.text in ANSWER_KINDS and not in_answer:
            found.problem(argument, f"`{code.text}` looks at an answer, and here there is none", "Gates of stage output have one.")
    names = detected_names(tuple(code.text for code in kinds if code.text is not None), in_answer)
    found.names.update(names)
    return Code(Type.BOOL, closures.detects(names))


def _presidio(found: Findings, argument: Expr, kind: str, in_answer: bool) -> None:
    """It takes its time, and only an answer that is there can wait for it."""
    entity = kind.removeprefix(PREFIX)
    if entity not in ENTITIES:
        near = difflib.get_close_matches(entity.upper(), ENTITIES, n=3, cutoff=0.5)
        help = f"Did you mean {' or '.join(f'`{PREFIX}{one}`' for one in near)}?" if near else "Write presidio:PERSON, as Presidio does."
        found.problem(argument, f"Presidio knows no `{entity}`", help)
    elif not in_answer:
        said = f"`{kind}` looks into answers only: {STAGE_WORDS[found.stage]} are decided at once, and Presidio takes its time"
        found.problem(argument, said, f"Ask in a gate of stage output or tool_call, or for a kind of ours: {', '.join(KINDS)}.")


def _unknown_kind(found: Findings, argument: Expr, kind: str) -> None:
    near = difflib.get_close_matches(kind, KINDS, n=3, cutoff=0.5)
    help = f"Did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else f"Kinds: {', '.join(KINDS)}."
    found.problem(argument, f"unknown kind `{kind}` of detector", help)
