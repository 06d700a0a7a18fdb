"""Makes the snapshot's keys, constraints and tests out of checked sections."""

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.names import Names
from orchvynt.language.document.keys import FixedEntry
from orchvynt.language.document.scalars import json_value
from orchvynt.language.snapshot import Constraint, Fixed, Key, PolicyTest
from orchvynt.language.source import Source
from orchvynt.language.yaml_marks import plain


def build_constraints(source: Source, conditions: Conditions) -> tuple[Constraint, ...]:
    return tuple(Constraint(conditions.expression(f"{item.path}.when"), frozenset(item.section.regions)) for item in source.constraints)


def build_keys(source: Source, names: Names) -> dict[str, Key]:
    """Aliases are resolved; of what only a pattern knows the name itself stays."""
    made = {}
    for item in source.keys:
        key = item.section
        allowed = None if key.allow_models is None else frozenset(names.model(name) or name for name in key.allow_models)
        may_set = None if key.may_set is None else frozenset(key.may_set)
        sends = key.webhook is not None and key.webhook.answer
        made[key.name] = Key(key.name, key.owner or "", _fixed(key.fixed), may_set, tuple(key.require), allowed, sends, key.priority)
    return made


def _fixed(fixed: FixedEntry) -> Fixed:
    said = fixed.model_dump()
    return Fixed(**{**said, "flags": tuple(fixed.flags)})


def build_tests(source: Source) -> tuple[PolicyTest, ...]:
    """As the file writes them: what is left out is for the runner to fill in."""
    made = []
    for item in source.tests:
        written = json_value(plain(item.node))
        assert isinstance(written, dict)
        made.append(
            PolicyTest(item.section.name, item.key.line, written.get("given", {}), written.get("providers", {}), written.get("expect", {}))
        )
    return tuple(made)
