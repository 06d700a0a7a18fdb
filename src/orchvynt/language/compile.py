"""From a policy's text to its snapshot, with everything that is wrong with it, in one pass and without a network."""

import msgspec

from orchvynt.language.build import address_of, build_model, build_provider, build_snapshot
from orchvynt.language.build_callbacks import build_callbacks
from orchvynt.language.build_notify import build_destination
from orchvynt.language.checks.amounts import check_amounts
from orchvynt.language.checks.chains import check_chains
from orchvynt.language.checks.conditions import check_conditions
from orchvynt.language.checks.downgrades import check_downgrades
from orchvynt.language.checks.gates import check_gates
from orchvynt.language.checks.grants import check_grants
from orchvynt.language.checks.keys import check_keys
from orchvynt.language.checks.limits import check_limits
from orchvynt.language.checks.literals import check_literals
from orchvynt.language.checks.names import check_names
from orchvynt.language.checks.omittable import check_omittable
from orchvynt.language.checks.presidio import check_presidio
from orchvynt.language.checks.references import check_references
from orchvynt.language.checks.rules import check_rules
from orchvynt.language.checks.targets import check_routing, check_targets
from orchvynt.language.checks.tests import check_tests
from orchvynt.language.checks.unused import check_unused
from orchvynt.language.digest import digest_of
from orchvynt.language.problems import Problem
from orchvynt.language.reading import Reader
from orchvynt.language.report import Report
from orchvynt.language.snapshot import SecretRef, Snapshot
from orchvynt.language.source import Source, read
from orchvynt.language.walking import walk
from orchvynt.language.yaml_marks import parse


class Loaded(msgspec.Struct, frozen=True):
    """`snapshot` is None exactly if a problem is an error; its version is 0 until the store has numbered it."""

    snapshot: Snapshot | None
    problems: tuple[Problem, ...]


def load(text: str, file: str) -> Loaded:
    """Compiles a policy. `file` is what problems call it. Never raises, whatever the text."""
    report = Report(file, text)
    node = parse(text, report)
    source = read(node, Reader(report)) if node is not None else None
    snapshot = _compile(source, text, report) if source is not None else None
    return Loaded(None if report.failed else snapshot, report.problems())


def secret_refs(snapshot: Snapshot) -> tuple[SecretRef, ...]:
    """Every reference to a secret in the policy, once, in order of source and name."""
    found = {provider.api_key for provider in snapshot.providers.values() if provider.api_key is not None}
    found |= set(snapshot.evidence.keys) if snapshot.evidence is not None else set()
    found |= {destination.secret for destination in snapshot.destinations.values()}
    slacks = [destination.slack for destination in snapshot.destinations.values() if destination.slack is not None]
    found |= {slack.signing_secret for slack in slacks if slack.signing_secret is not None}
    return tuple(sorted(found, key=lambda ref: (ref.source, ref.name)))


def secret_names(snapshot: Snapshot) -> tuple[str, ...]:
    """The same as the file writes them: `${env:NAME}` or `${file:PATH}`."""
    return tuple(f"${{{ref.source}:{ref.name}}}" for ref in secret_refs(snapshot))


def _compile(source: Source, text: str, report: Report) -> Snapshot | None:
    names = check_names(source, report)
    found = walk(source.node, report)
    check_references(found.references, names, report)
    conditions = check_conditions(found.formulas, source, report)
    check_literals(found.formulas, conditions, names, report)
    made = {name: build_provider(name, item, report) for name, item in source.providers.items()}
    providers = {name: provider for name, provider in made.items() if provider is not None}
    addresses = {name: address_of(item.section) for name, item in source.providers.items()}
    models = {
        name: build_model(name, item.section, providers[item.section.provider], addresses[item.section.provider])
        for name, item in source.models.items()
        if item.section.provider in providers
    }
    reached = {name: build_destination(name, item, report) for name, item in source.notify.items()}
    destinations = {name: destination for name, destination in reached.items() if destination is not None}
    destinations.update(build_callbacks(source, report))
    check_routing(source, report)
    check_rules(source, conditions, report)
    check_targets(source, names, models, conditions, report)
    check_chains(source, names, report)
    check_amounts(source, names, models, addresses, report)
    check_downgrades(source, names, models, report)
    check_gates(source, report)
    check_presidio(source, conditions, report)
    check_grants(source, report)
    check_keys(source, names, report)
    check_tests(source, report)
    check_limits(source, report)
    check_omittable(source, conditions, report)
    check_unused(source, names, report)
    if report.failed:
        return None
    return build_snapshot(source, text, digest_of(source), names, models, providers, destinations, conditions)
