"""The first rule that matches. A rule that fails while it runs does not match, and the record says so."""

from collections.abc import Mapping
from typing import Final

from orchvynt.decisions.routing.planned import Tried
from orchvynt.language.rule_index import candidates, index_rules
from orchvynt.language.snapshot import EvaluationError, Snapshot

FAILURES_MAX: Final = 20


def first_match(snapshot: Snapshot, values: Mapping[str, object]) -> Tried:
    """What a scan of all rules in their order would find; rules that the index rules out are not evaluated."""
    rules = snapshot.rules
    if not rules:
        return Tried(None, (), 0)
    index = snapshot.rule_index
    if index.rules is not rules:
        # A snapshot that was not made by the compiler: it works, and pays for it each time.
        index = index_rules(rules)
    failures: list[tuple[str, str]] = []
    for number in candidates(index, values):
        rule = rules[number]
        try:
            if rule.when is None or rule.when.evaluate(values) is True:
                return Tried(rule, tuple(failures[:FAILURES_MAX]), number)
        except EvaluationError as error:
            failures.append((rule.name, str(error)))
    return Tried(None, tuple(failures[:FAILURES_MAX]), len(rules))
