"""Compiles every expression of the document, and refuses those that give the same whatever happens."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.language.checks.places import span_within
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.syntax import ExpressionError
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Expression
from orchvynt.language.source import Source
from orchvynt.language.variables import Stage
from orchvynt.language.walking import Formula

_OWNERS: Final = (
    ("routing.rules[", "rule", "Remove the rule."),
    ("budgets[", "budget", "Remove the budget."),
    ("rate_limits[", "rate limit", "Remove the limit."),
    ("gates[", "gate", "Remove the gate."),
)


class Conditions(msgspec.Struct):
    """What the expressions became, by their place in the document; one that is wrong is not there."""

    by_path: Mapping[str, Compiled]

    def get(self, path: str) -> Compiled | None:
        return self.by_path.get(path)

    def expression(self, path: str) -> Expression | None:
        """None where the document has none there, which holds for everything."""
        compiled = self.by_path.get(path)
        return compiled.expression if compiled is not None else None


def check_conditions(found: Sequence[Formula], source: Source, report: Report) -> Conditions:
    named = {item.path: item.section.name for items in (source.rules, source.budgets, source.rate_limits, source.gates) for item in items}
    made: dict[str, Compiled] = {}
    done: dict[tuple[str, Stage, str], Compiled | list[ExpressionError]] = {}
    for formula in found:
        what = (formula.text, formula.stage, formula.wants)
        compiled = done.get(what)
        if compiled is None:
            compiled = done[what] = compile_expression(*what)
        if isinstance(compiled, list):
            for problem in compiled:
                span = span_within(formula.scalar, report.lines, problem.start, problem.end)
                report.error(span, str(problem), problem.help, formula.path)
            continue
        made[formula.path] = compiled
        if formula.wants != "scalar" and not source.keys and not source.is_broken("keys"):
            _without_keys(formula, compiled, report)
        if formula.wants == "boolean" and compiled.constant is not None:
            _always(formula, compiled.constant, named, report)
    _confidence(source, made, report)
    return Conditions(made)


def _without_keys(formula: Formula, compiled: Compiled, report: Report) -> None:
    for name in sorted(compiled.expression.names & {"key.name", "key.owner"}):
        said = f'`{name}` is "" for every caller: the policy has no `keys`'
        report.warning(formula.scalar.span, said, "Add `keys`, or ask for something else.", formula.path)


def _always(formula: Formula, constant: bool, named: Mapping[str, str], report: Report) -> None:
    owner, _, field = formula.path.rpartition(".")
    kind, removal = next(((word, help) for prefix, word, help in _OWNERS if owner.startswith(prefix)), ("", ""))
    whose = f"the condition of {kind} `{named[owner]}`" if field == "when" and kind and owner in named else f"`{field.split('[')[0]}`"
    said = f"{whose} is {'always' if constant else 'never'} true"
    span = formula.scalar.span
    if constant:
        report.error(span, said, f"Leave `{field.split('[')[0]}` out to match everything.", formula.path)
    else:
        report.error(span, said, removal or "Correct it, or remove what it belongs to.", formula.path)


def _confidence(source: Source, made: Mapping[str, Compiled], report: Report) -> None:
    """A gate that reads `confidence` says where it comes from; one that says so reads it."""
    for gate in source.gates:
        compiled = made.get(f"{gate.path}.when")
        if compiled is None and gate.section.when is not None:
            continue  # it is wrong, and said to be
        reads = compiled is not None and "confidence" in compiled.expression.names
        if reads and gate.section.confidence is None:
            said = f"gate `{gate.section.name}` reads `confidence`, and nothing says where it comes from"
            report.error(gate.at("when"), said, "Add `confidence: {from: logprobs, unknown: review}` to the gate.", f"{gate.path}.when")
        elif gate.section.confidence is not None and not reads:
            said = f"gate `{gate.section.name}` says where `confidence` comes from, and its condition does not read it"
            report.warning(gate.at("confidence"), said, "Remove it, or ask for `confidence < 0.75` in `when`.", f"{gate.path}.confidence")
