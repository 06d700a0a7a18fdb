"""Warns of what stands in the policy and does nothing."""

from orchvynt.language.checks.names import Models, is_pattern
from orchvynt.language.report import Report
from orchvynt.language.source import Source


def check_unused(source: Source, models: Models, report: Report) -> None:
    """A model no rule, tier or default names; a provider without models; a group without gates."""
    if report.failed:
        return  # what is broken may be what uses it
    named = {rule.section.use for rule in source.rules}
    default = source.routing.section.default if source.routing is not None else None
    named |= {default} if default is not None else set()
    named |= set(source.chain.section.tiers) if source.chain is not None else set()
    used = {models.resolve(name) for name in named}
    for name, model in source.models.items():
        if source.routing is not None and name not in used and not is_pattern(name):
            said = f"nothing uses the model `{name}`: no rule, no tier and no default"
            report.warning(model.key, said, "Only agents that ask for it by name get it.", model.path)
    providers = {model.section.provider for model in source.models.values()}
    for name, provider in source.providers.items():
        if name not in providers:
            report.warning(provider.key, f"the provider `{name}` serves no model", path=provider.path)
    groups = {gate.section.reviewers for gate in source.gates} | {step.to for gate in source.gates for step in gate.section.escalation}
    for name, group in source.groups.items():
        if name not in groups:
            report.warning(group.key, f"no gate asks the group `{name}`", path=group.path)
