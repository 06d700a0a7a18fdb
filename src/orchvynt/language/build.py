"""Makes the snapshot's values out of checked sections: defaults filled in, names resolved, amounts in nano-dollars."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.catalog.models import UNKNOWN, known
from orchvynt.language.addresses import DEFAULT_ADDRESSES, Address, AddressError, parse_address
from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.names import Models, is_pattern
from orchvynt.language.document.providers import ModelEntry, PriceEntry, ProviderEntry
from orchvynt.language.document.routing import RetryEntry, RoutingHead, TimeoutsEntry
from orchvynt.language.document.scalars import secret_ref
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import (
    Budget,
    Chain,
    Escalation,
    Gate,
    Group,
    Model,
    Provider,
    Retry,
    Rule,
    Snapshot,
    Timeouts,
    Wire,
)
from orchvynt.language.source import Source
from orchvynt.model.money import FREE, Price, nanos_from_usd, rate_from_usd

_WIRES: Final[Mapping[str, Wire]] = MappingProxyType(
    {"openai": "openai_chat", "openai-compatible": "openai_chat", "anthropic": "anthropic_messages", "ollama": "ollama_chat"}
)


def address_of(entry: ProviderEntry) -> str:
    """The base_url, or the default of the kind; empty where there is none."""
    return entry.base_url or DEFAULT_ADDRESSES.get(entry.kind, "")


def build_provider(name: str, item: Item[ProviderEntry], report: Report) -> Provider | None:
    """Reports an address that cannot be used."""
    entry = item.section
    path = f"{item.path}.base_url"
    if not address_of(entry):
        report.error(item.key, f"a provider of kind {entry.kind} needs `base_url`", "Write its address, OpenAI's way: with /v1.", path)
        return None
    try:
        address = parse_address(address_of(entry))
    except AddressError as error:
        report.error(item.at("base_url"), str(error), error.help, path)
        return None
    _warn_of_address(entry, address, item, report)
    key = secret_ref(entry.api_key) if entry.api_key is not None else None
    return Provider(name, entry.kind, _WIRES[entry.kind], address.host, address.port, address.tls, address.path_prefix, key)


def _warn_of_address(entry: ProviderEntry, address: Address, item: Item[ProviderEntry], report: Report) -> None:
    path = f"{item.path}.base_url"
    ending = {"anthropic": "/v1", "ollama": "/api"}.get(entry.kind, "")
    if ending and address.path_prefix.endswith(ending):
        report.warning(item.at("base_url"), f"the address ends with {ending}, which is added to it anyway", f"Remove {ending}.", path)
    if entry.api_key is not None and not address.tls and not address.is_loopback:
        report.warning(item.at("base_url"), "the credential goes over the network in clear text", "Use https://.", path)


def build_model(name: str, entry: ModelEntry, provider: Provider, address: str) -> Model:
    """What the policy leaves out is taken from the catalog; a pattern is looked up when a name matches it."""
    upstream = entry.model or name
    found = UNKNOWN
    if not is_pattern(name) and (provider.kind != "openai-compatible" or entry.price is None):
        found = known(provider.kind, address, upstream)
    quality = dict(entry.quality or {})
    return Model(
        name,
        provider,
        upstream,
        build_price(entry.price) if entry.price is not None else found.price,
        quality.pop("default", None),
        quality,
        entry.context_window or found.context_window,
        entry.max_output_tokens or found.max_output_tokens,
        entry.region,
    )


def build_price(entry: PriceEntry) -> Price:
    cached = entry.input if entry.cached_input is None else entry.cached_input
    price = Price(rate_from_usd(entry.input), rate_from_usd(entry.output), rate_from_usd(cached), "policy")
    return FREE if price.is_free else price


def build_retry(entry: RetryEntry) -> Retry:
    return Retry(entry.max_retries, entry.backoff.base, entry.backoff.max, entry.respect_retry_after)


def build_timeouts(entry: TimeoutsEntry) -> Timeouts:
    return Timeouts(entry.connect, entry.first_token, entry.stall, entry.answer, entry.invocation)


def build_snapshot(
    source: Source,
    text: str,
    digest: str,
    names: Models,
    models: Mapping[str, Model],
    providers: dict[str, Provider],
    conditions: Conditions,
) -> Snapshot:
    """The whole snapshot, of a source in which nothing is wrong."""
    routing = source.routing.section if source.routing is not None else RoutingHead()
    return Snapshot(
        version=0,
        digest=digest,
        source=text,
        providers=providers,
        models={name: model for name, model in models.items() if not is_pattern(name)},
        aliases={alias: name for alias, name in names.by_name.items() if alias != name},
        patterns=tuple((name, model) for name, model in models.items() if is_pattern(name)),
        rules=tuple(
            Rule(rule.section.name, when, names.by_name[rule.section.use])
            for rule, when in zip(source.rules, conditions.rules, strict=True)
        ),
        default=names.by_name[routing.default] if routing.default is not None else "",
        unknown_model=routing.unknown_model,
        retry=build_retry(source.retry),
        timeouts=build_timeouts(source.timeouts),
        chain=_chain(source, names),
        budgets=_budgets(source, conditions),
        gates=_gates(source, conditions),
        groups={name: Group(name, tuple(item.section.members), item.section.oidc) for name, item in source.groups.items()},
        sync=source.journal.sync,
    )


def _chain(source: Source, names: Models) -> Chain | None:
    if source.chain is None:
        return None
    chain = source.chain.section
    return Chain("default", tuple(names.by_name[tier] for tier in chain.tiers), frozenset(chain.triggers))


def _budgets(source: Source, conditions: Conditions) -> tuple[Budget, ...]:
    return tuple(
        Budget(
            item.section.name,
            item.section.scope,
            when,
            item.section.window or "lifetime",
            nanos_from_usd(item.section.limit.usd) if item.section.limit.usd is not None else None,
            item.section.limit.tokens,
            item.section.wait_for_holds,
            item.section.min_output_tokens,
        )
        for item, when in zip(source.budgets, conditions.budgets, strict=True)
    )


def _gates(source: Source, conditions: Conditions) -> tuple[Gate, ...]:
    made = []
    for item, when in zip(source.gates, conditions.gates, strict=True):
        gate = item.section
        step = gate.escalation[0] if gate.escalation else None
        escalation = Escalation(step.after, step.to or "") if step is not None else None
        refuses = gate.stream == "refuse"
        made.append(Gate(gate.name, gate.stage, when, gate.reviewers, gate.require_reason, gate.wait.up_to, escalation, refuses))
    return tuple(made)
