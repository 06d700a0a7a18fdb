"""Compiles every `when`, and checks what conditions mean together: rules that cannot be reached, and what callers may omit."""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.language.checks.places import span_within
from orchvynt.language.document.limits import BudgetEntry, GateEntry
from orchvynt.language.document.routing import RuleEntry
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.syntax import ExpressionError
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Expression
from orchvynt.language.source import Source
from orchvynt.language.variables import TABLES, Stage
from orchvynt.language.yaml_marks import Mapping, Scalar

_OMITTABLE: Final = frozenset(name for name, variable in TABLES["output"].items() if variable.omittable)


class Conditions(msgspec.Struct):
    """The compiled conditions, in the order of the document; None where there is no `when`, or where it is wrong."""

    rules: list[Expression | None]
    budgets: list[Expression | None]
    gates: list[Expression | None]


def check_conditions(source: Source, report: Report) -> Conditions:
    for path, node in source.broken:
        _check_broken(path, node, report)
    rules = [_compile(rule, "request", report) for rule in source.rules]
    _reachable(source, rules, report)
    budgets = [_guarded(budget, "budget", "request", report) for budget in source.budgets]
    gates = [_guarded(gate, "gate", "output", report) for gate in source.gates]
    return Conditions([one.expression if one is not None else None for one in rules], budgets, gates)


def _check_broken(path: str, node: Mapping, report: Report) -> None:
    """The condition of a section in which something else is wrong: its problems are told in the same pass."""
    entry = node.entries.get("when")
    stage: Stage = "output" if path.startswith("gates[") else "request"
    if entry is None or not path.startswith(("gates[", "budgets[", "routing.rules[")) or not isinstance(entry.value, Scalar):
        return
    if isinstance(entry.value.value, str) and isinstance(compiled := compile_expression(entry.value.value, stage), list):
        _tell(compiled, entry.value, f"{path}.when", report)


def _tell(problems: list[ExpressionError], scalar: Scalar, path: str, report: Report) -> None:
    for problem in problems:
        report.error(span_within(scalar, report.lines, problem.start, problem.end), str(problem), problem.help, path)


def _compile(item: Item[RuleEntry] | Item[BudgetEntry] | Item[GateEntry], stage: Stage, report: Report) -> Compiled | None:
    text = item.section.when
    if text is None:
        return None
    compiled = compile_expression(text, stage)
    path = f"{item.path}.when"
    if isinstance(compiled, list):
        scalar = item.node.entries["when"].value
        assert isinstance(scalar, Scalar)
        _tell(compiled, scalar, path, report)
        return None
    for name in sorted(compiled.expression.names & {"key.name", "key.owner"}):
        report.warning(item.at("when"), f'`{name}` is "" for every caller: this build has no `keys`', path=path)
    return compiled


def _guarded(item: Item[BudgetEntry] | Item[GateEntry], kind: str, stage: Stage, report: Report) -> Expression | None:
    """A gate or a hard budget: one that callers can escape by saying nothing deserves a warning."""
    compiled = _compile(item, stage, report)
    if compiled is None:
        return None
    span, path, name = item.at("when"), f"{item.path}.when", item.section.name
    if compiled.constant is not None:
        said = "always true" if compiled.constant else "never true"
        help = "Leave `when` out to match everything." if compiled.constant else f"Remove the {kind}."
        report.error(span, f"the condition of {kind} `{name}` is {said}", help, path)
    names = compiled.expression.names
    if names and names <= _OMITTABLE:
        read = sorted((names - {"context"}) | (compiled.keys or (names & {"context"})))
        said = f"{kind} `{name}` depends only on what callers may omit: {', '.join(read)}"
        report.warning(span, said, "A caller that leaves it out, or says something else, is judged accordingly.", path)
    return compiled.expression


def _reachable(source: Source, compiled: Sequence[Compiled | None], report: Report) -> None:
    """A rule after one that matches everything, or after one with the same condition, is never reached."""
    catching_all = ""
    same: dict[str, str] = {}
    for rule, condition in zip(source.rules, compiled, strict=True):
        name = rule.section.name
        if catching_all:
            report.error(rule.at("name"), f"rule `{name}` is never reached: `{catching_all}` before it matches everything", path=rule.path)
            continue
        if rule.section.when is None or (condition is not None and condition.constant is True):
            catching_all = name
            continue
        if condition is None:
            continue
        text = " ".join(rule.section.when.split())
        if condition.constant is False:
            report.error(rule.at("when"), f"the condition of rule `{name}` is never true", "Remove the rule.", f"{rule.path}.when")
        elif text in same:
            said = f"rule `{name}` is never reached: `{same[text]}` before it has the same condition"
            report.error(rule.at("when"), said, "Remove one of them.", f"{rule.path}.when")
        same.setdefault(text, name)
