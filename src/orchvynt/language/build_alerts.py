"""Makes the snapshot's alerts out of checked sections."""

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.snapshot import Alert
from orchvynt.language.source import Source


def build_alerts(source: Source, conditions: Conditions) -> tuple[Alert, ...]:
    made = []
    for item in source.alerts:
        when = conditions.expression(f"{item.path}.when")
        assert when is not None, "an alert has a condition"
        made.append(Alert(when, item.section.window, item.section.repeat, tuple(item.section.notify)))
    return tuple(made)
