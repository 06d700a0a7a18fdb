"""Makes the snapshot's routing rules out of checked sections."""

from typing import Literal, cast

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.names import Names
from orchvynt.language.document.routing import RuleEntry
from orchvynt.language.reading import Item
from orchvynt.language.snapshot import Choose, Expression, Rule, Split
from orchvynt.language.source import Source


def build_rules(source: Source, names: Names, conditions: Conditions) -> tuple[Rule, ...]:
    return tuple(_rule(item, names, conditions) for item in source.rules)


def _rule(item: Item[RuleEntry], names: Names, conditions: Conditions) -> Rule:
    rule = item.section
    compiled = conditions.get(f"{item.path}.when")
    return Rule(
        name=rule.name,
        when=compiled.expression if compiled is not None else None,
        use=names.models[rule.use] if rule.use is not None else "",
        choose=_choose(item, names, conditions) if rule.choose is not None else None,
        split=_split(item, names, conditions) if rule.split is not None else None,
        equalities=compiled.equalities if compiled is not None else (),
    )


def _choose(item: Item[RuleEntry], names: Names, conditions: Conditions) -> Choose:
    choose, path = item.section.choose, f"{item.path}.choose"
    assert choose is not None
    preference = conditions.expression(f"{path}.prefer") or choose.prefer
    return Choose(
        tuple(names.models[name] for name in choose.from_),
        conditions.expression(f"{path}.where"),
        preference if isinstance(preference, Expression) else _word(preference),
    )


def _word(preference: str) -> Literal["cost", "latency", "quality"]:
    """Any other text is an expression, and was compiled."""
    return cast(Literal["cost", "latency", "quality"], preference)


def _split(item: Item[RuleEntry], names: Names, conditions: Conditions) -> Split:
    shares = item.section.split
    assert shares is not None
    made = tuple((names.models[name], share) for name, share in shares.items())
    return Split(made, conditions.expression(f"{item.path}.sticky"))
