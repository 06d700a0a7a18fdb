"""Presidio can find what gates ask it for: names and places need a language model, and terms without a gate do nothing."""

from orchvynt.detectors.presidio import BY_MODEL, PREFIX
from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.detecting import of_presidio
from orchvynt.language.report import Report
from orchvynt.language.source import Source


def check_presidio(source: Source, conditions: Conditions, report: Report) -> None:
    entry = source.operation.section.presidio if source.operation is not None else None
    asked = False
    for gate in source.gates:
        path = f"{gate.path}.when"
        condition = conditions.expression(path)
        kinds = of_presidio(condition.names) if condition is not None else ()
        asked = asked or bool(kinds) or (condition is None and gate.section.when is not None)
        nameless = [kind for kind in kinds if kind in BY_MODEL]
        if nameless and (entry is None or entry.model is None) and not source.is_broken("presidio"):
            said = f"`{PREFIX}{nameless[0]}` is found by a language model, and the policy names none"
            help = "Install one of spaCy's and add `presidio: {model: en_core_web_sm}`."
            report.error(gate.at("when"), said, help, path)
    if entry is not None and source.operation is not None and not asked:
        help = 'Ask it in a gate, `detects("presidio:PERSON")`, or remove the section.'
        report.warning(source.operation.at("presidio"), "no gate asks Presidio for anything", help, "presidio")
