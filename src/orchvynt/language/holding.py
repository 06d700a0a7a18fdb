"""Which gates hold which streams, in words: what of a gate's condition is known before the send, and so lets a stream flow untouched."""

from typing import Final

from orchvynt.language.compiled_gates import ALL, Gate
from orchvynt.language.document.amounts import share_text
from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions.parser import parse
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.variables import OUTPUT_NAMES

_OF_ANSWERS: Final = frozenset(name.partition(".")[0] for name in OUTPUT_NAMES)
_OF_OFFERS: Final = ("tool", "name")
_OPEN_MAX: Final = 16


def stream_lines(snapshot: Snapshot) -> tuple[str, ...]:
    """A line for each gate, in the policy's order."""
    return tuple([f"gate {gate.name} {stream_words(gate)}" for gate in snapshot.gates])


def stream_words(gate: Gate) -> str:
    """`holds every stream`, `holds streams where CONDITION`, `never holds a stream: WHY`."""
    if not gate.enforced:
        return "never holds a stream: it only observes"
    if gate.after_delivery:
        return "never holds a stream: it reviews what was delivered"
    where = _where(gate)
    verb = "refuses" if gate.refuse_streams else "holds"
    tools = " that offer a tool" if gate.stage == "tool_call" else ""
    if gate.sample < ALL:
        which = f"{share_text(gate.sample)} of the streams{tools}"
    else:
        which = f"streams{tools}" if tools or where else "every stream"
    before = " before they are sent" if gate.stage == "input" else ""
    return f"{verb} {which}{f' where `{where}`' if where else ''}{before}"


def _where(gate: Gate) -> str:
    """The condition on the request without which the gate cannot match; empty where any request may come to match."""
    if gate.when is None:
        return ""
    text = gate.when.text
    needed = text if gate.stage == "input" else _needed(parse(text), text) or ""
    return " ".join(needed.split())


def _needed(node: ast.Expr, text: str) -> str | None:
    """What a request must fulfil so that the expression is not known to be false; None for nothing."""
    match node:
        case ast.Logical(operator="&&"):
            parts = [found for operand in node.operands if (found := _needed(operand, text)) is not None]
            return " && ".join(parts) if parts else None
        case ast.Logical():
            either = [_needed(operand, text) for operand in node.operands]
            return None if None in either else f"({' || '.join(map(str, either))})"
        case ast.Conditional():
            return None if _reads_answer(node) else f"({_slice(node, text)})"
        case _:
            return None if _reads_answer(node) else _slice(node, text)


def _slice(node: ast.Expr, text: str) -> str:
    """The text of a node. It ends before the parentheses that close within it, which have no node of their own."""
    said = text[node.start : node.end]
    for _ in range(_OPEN_MAX):
        try:
            parse(said)
        except ast.ExpressionError:
            said += ")"
        else:
            return said
    return text


def _reads_answer(node: ast.Node) -> bool:
    match node:
        case ast.Member(target=ast.Name(name=name), field=field) if (name, field) == _OF_OFFERS:
            return False
        case ast.Name(name=name):
            return name in _OF_ANSWERS
        case ast.Call(function="detects", target=None):
            return True
        case _:
            return any(_reads_answer(below) for below in _below(node))


def _below(node: ast.Node) -> list[ast.Node]:
    parts = [getattr(node, field) for field in node.__struct_fields__]
    return [below for part in parts for below in (part if isinstance(part, tuple) else (part,)) if isinstance(below, ast.Node)]
