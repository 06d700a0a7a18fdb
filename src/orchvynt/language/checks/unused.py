"""Warns of what stands in the policy and does nothing."""

from collections.abc import Iterator

from orchvynt.language.checks.names import Names, is_pattern
from orchvynt.language.document.budgets import BreachEntry
from orchvynt.language.report import Report
from orchvynt.language.source import Source


def check_unused(source: Source, names: Names, report: Report) -> None:
    """A model no rule, tier, key or default names; a provider without models; a chain no invocation uses; a group without gates; a
    destination without news."""
    if report.failed:
        return  # what is broken may be what uses it
    used = {names.model(name) for name in _models_named(source)}
    for name, model in source.models.items():
        if source.routing is not None and name not in used and not is_pattern(name):
            said = f"nothing uses the model `{name}`: no rule, no tier and no default"
            report.warning(model.key, said, "Only agents that ask for it by name get it.", model.path)
    providers = {model.section.provider for model in source.models.values()}
    for name, provider in source.providers.items():
        if name not in providers:
            report.warning(provider.key, f"the provider `{name}` serves no model", "Remove it, or add a model.", provider.path)
    serving = {"default", *(use.section.chain for use in source.chain_uses)}
    for name, chain in source.chains.items():
        if name not in serving:
            said = f"no invocation uses the chain `{name}`"
            report.warning(chain.key, said, "Name it under `fallback.use`, call it `default`, or remove it.", chain.path)
    groups = set(_groups_named(source))
    for name, group in source.groups.items():
        if name not in groups:
            report.warning(group.key, f"no gate asks the group `{name}`", "Remove it, or name it under `reviewers`.", group.path)
    told = set(_destinations_named(source))
    for name, destination in source.notify.items():
        if name not in told:
            said = f"nothing is told to the destination `{name}`"
            report.warning(
                destination.key, said, "Name it in the `notify` of an alert, a gate, a group or a budget, or remove it.", destination.path
            )


def _models_named(source: Source) -> Iterator[str]:
    if source.routing is not None and source.routing.section.default is not None:
        yield source.routing.section.default
    for rule in source.rules:
        section = rule.section
        yield from [section.use] if section.use is not None else []
        yield from section.choose.from_ if section.choose is not None else []
        yield from section.split or ()
    for chain in source.chains.values():
        yield from chain.section.tiers
    for key in source.keys:
        yield from key.section.allow_models or ()
    for budget in source.budgets:
        breach = budget.section.on_breach
        if isinstance(breach, BreachEntry) and breach.downgrade is not None:
            yield breach.downgrade


def _groups_named(source: Source) -> Iterator[str]:
    for gate in source.gates:
        yield gate.section.reviewers
        yield from [step.to for step in gate.section.escalation if step.to is not None]
    for budget in source.budgets:
        breach = budget.section.on_breach
        if isinstance(breach, BreachEntry) and breach.review is not None:
            yield breach.review.reviewers


def _destinations_named(source: Source) -> Iterator[str]:
    for alert in source.alerts:
        yield from alert.section.notify
    for budget in source.budgets:
        yield from budget.section.notify
    for gate in source.gates:
        yield from gate.section.notify
    for group in source.groups.values():
        yield from group.section.notify
