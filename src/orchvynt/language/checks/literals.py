"""What expressions compare a model, a provider, a chain or the end of an answer with is one: a word that is none makes a comparison that
never holds."""

from collections.abc import Iterator, Sequence
from typing import Final, get_args

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.names import Names
from orchvynt.language.checks.places import span_within
from orchvynt.language.document.scalars import shown
from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions.parser import parse
from orchvynt.language.report import Report
from orchvynt.language.walking import Formula
from orchvynt.language.wording import nearest
from orchvynt.model.chat import Finish

_NAMES: Final = ("model", "provider", "chain")
_FINISHES: Final = tuple(get_args(Finish))
_SHOWN_MAX: Final = 10


def check_literals(found: Sequence[Formula], conditions: Conditions, names: Names, report: Report) -> None:
    for formula in found:
        compiled = conditions.get(formula.path)
        if compiled is None or compiled.expression.names.isdisjoint((*_NAMES, "output.finish")):
            continue
        for name, literal in _compared(parse(formula.text), frozenset()):
            wrong = _wrong(name, literal.value, names) if isinstance(literal.value, str) else None
            if wrong is not None:
                report.error(span_within(formula.scalar, report.lines, literal.start, literal.end), *wrong, formula.path)


def _wrong(name: str, word: str, names: Names) -> tuple[str, str] | None:
    """What is wrong with comparing the variable with the word, and the advice; None where nothing is."""
    if name == "output.finish":
        known: tuple[str, ...] = _FINISHES
        what = "way for an answer to end"
    elif name == "model":
        meant = names.model(word)
        if meant == word:
            return None
        if meant is not None:
            return f"`model` is never {shown(word)}, which is an alias", f"Write `{meant}`: conditions see a model's own name."
        known, what = tuple(dict.fromkeys(names.models.values())), "model"
    else:
        known, what = names.others[name], name
    if word in known or (not word and name != "model"):
        return None
    near = nearest(word, known)
    return f"there is no {what} {shown(word)}", f"Did you mean `{near}`?" if near else f"There are {', '.join(known[:_SHOWN_MAX])}."


def _compared(node: ast.Node, bound: frozenset[str]) -> Iterator[tuple[str, ast.Literal]]:
    """Each literal that one of the variables is compared with; `bound` are names that a quantifier around it gives something else."""
    if isinstance(node, ast.Binary) and node.operator in ("==", "!=", "in"):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            name = _variable(one, bound)
            for literal in other.items if isinstance(other, ast.ListOf) else (other,):
                if name and isinstance(literal, ast.Literal):
                    yield name, literal
    bound = bound | {node.name} if isinstance(node, ast.Quantified) else bound
    for part in [getattr(node, field) for field in node.__struct_fields__]:
        for below in part if isinstance(part, tuple) else (part,):
            if isinstance(below, ast.Node):
                yield from _compared(below, bound)


def _variable(node: ast.Node, bound: frozenset[str]) -> str:
    match node:
        case ast.Name(name=name) if name in _NAMES and name not in bound:
            return name
        case ast.Member(target=ast.Name(name="output"), field="finish"):
            return "output.finish"
        case _:
            return ""
