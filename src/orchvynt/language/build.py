"""Makes the snapshot's values out of checked sections: defaults filled in, names resolved, amounts in nano-dollars."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.catalog.continues import continues
from orchvynt.catalog.models import UNKNOWN, known
from orchvynt.language.addresses import DEFAULT_ADDRESSES, Address, AddressError, parse_address
from orchvynt.language.build_alerts import build_alerts
from orchvynt.language.build_budgets import build_budgets, build_rate_limits
from orchvynt.language.build_callers import build_constraints, build_keys, build_tests
from orchvynt.language.build_gates import build_gates, build_groups, build_presidio, build_protected
from orchvynt.language.build_rules import build_rules
from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.names import Names, is_pattern
from orchvynt.language.document.fallback import BreakerEntry, FallbackHead, RetryEntry, TimeoutsEntry
from orchvynt.language.document.models import CapabilitiesEntry, ModelEntry, PriceEntry
from orchvynt.language.document.operation import JournalEntry, OutageEntry
from orchvynt.language.document.providers import ProviderEntry
from orchvynt.language.document.routing import RoutingHead
from orchvynt.language.document.scalars import MILLISECOND, secret_ref
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.rule_index import index_rules
from orchvynt.language.snapshot import (
    Breaking,
    Capabilities,
    Chain,
    ChainUse,
    Destination,
    Evidence,
    Expect,
    Model,
    Outage,
    Provider,
    Retry,
    Snapshot,
    Timeouts,
    Wire,
)
from orchvynt.language.source import Source
from orchvynt.model.money import FREE, Price, rate_from_usd

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
        name=name,
        provider=provider,
        upstream_model=upstream,
        price=build_price(entry.price) if entry.price is not None else found.price,
        quality=quality.pop("default", None),
        quality_by_workload=quality,
        context_window=entry.context_window or found.context_window,
        max_output_tokens=entry.max_output_tokens or found.max_output_tokens,
        region=entry.region,
        expect=Expect(*(_milliseconds(nanos) for nanos in (entry.expect.p50, entry.expect.p95, entry.expect.p99))),
        capabilities=_capabilities(entry.capabilities, found.capabilities),
        continues=entry.continues or (None if is_pattern(name) else continues(provider.kind, upstream)),
    )


def _milliseconds(nanos: int | None) -> float | None:
    return nanos / MILLISECOND if nanos is not None else None


def _capabilities(said: CapabilitiesEntry, found: Capabilities) -> Capabilities:
    """What the policy says wins over what is known."""
    return Capabilities(
        *(getattr(found, name) if (given := getattr(said, name)) is None else given for name in Capabilities.__struct_fields__)
    )


def build_price(entry: PriceEntry) -> Price:
    cached = entry.input if entry.cached_input is None else entry.cached_input
    price = Price(rate_from_usd(entry.input), rate_from_usd(entry.output), rate_from_usd(cached), "policy")
    return FREE if price.is_free else price


def build_retry(entry: RetryEntry) -> Retry:
    return Retry(entry.max_retries, entry.backoff.base, entry.backoff.max, entry.respect_retry_after, entry.budget)


def build_timeouts(entry: TimeoutsEntry) -> Timeouts:
    return Timeouts(entry.connect, entry.first_token, entry.stall, entry.answer, entry.invocation)


def build_breaking(entry: BreakerEntry) -> Breaking:
    return Breaking(entry.window, entry.min_calls, entry.error_rate, entry.open_for, entry.probes)


def build_evidence(entry: JournalEntry) -> Evidence | None:
    kept = entry.keep_evidence
    if kept is None:
        return None
    return Evidence(kept.for_, tuple(secret_ref(key) for key in (kept.key, *kept.older_keys)))


def build_outage(entry: OutageEntry) -> Outage:
    return Outage(entry.budgets.closed_after, entry.journal.buffer)


def build_snapshot(
    source: Source,
    text: str,
    digest: str,
    names: Names,
    models: Mapping[str, Model],
    providers: dict[str, Provider],
    destinations: dict[str, Destination],
    conditions: Conditions,
) -> Snapshot:
    """The whole snapshot, of a source in which nothing is wrong."""
    routing = source.routing.section if source.routing is not None else RoutingHead()
    fallback = source.fallback.section if source.fallback is not None else FallbackHead()
    assert source.head is not None
    assert source.operation is not None
    head, operation = source.head.section, source.operation.section
    rules = build_rules(source, names, conditions)
    return Snapshot(
        version=0,
        digest=digest,
        source=text,
        providers=providers,
        models={name: model for name, model in models.items() if not is_pattern(name)},
        aliases={alias: name for alias, name in names.models.items() if alias != name},
        patterns=tuple((name, model) for name, model in models.items() if is_pattern(name)),
        rules=rules,
        default=names.models[routing.default] if routing.default is not None else "",
        unknown_model=routing.unknown_model,
        retry=build_retry(fallback.retry),
        timeouts=build_timeouts(fallback.timeouts),
        chains=_chains(source, names),
        budgets=build_budgets(source, names, conditions, head.timezone),
        rate_limits=build_rate_limits(source, conditions),
        gates=build_gates(source, conditions, head.timezone),
        protected=build_protected(source),
        presidio=build_presidio(source, conditions),
        groups=build_groups(source),
        sync=operation.journal.sync,
        evidence=build_evidence(operation.journal),
        outage=build_outage(operation.outage),
        timezone=head.timezone,
        constraints=build_constraints(source, conditions),
        keys=build_keys(source, names),
        rule_index=index_rules(rules),
        tests=build_tests(source),
        metrics=operation.telemetry.metrics,
        alerts=build_alerts(source, conditions),
        destinations=destinations,
        breaking=build_breaking(fallback.breaker),
        chain_uses=tuple(ChainUse(conditions.expression(f"{item.path}.when"), item.section.chain) for item in source.chain_uses),
    )


def _chains(source: Source, names: Names) -> dict[str, Chain]:
    made = {}
    for name, item in source.chains.items():
        entry = item.section
        triggers = {*entry.triggers, "latency"} if entry.latency_p99 is not None else entry.triggers
        tiers = tuple(names.models[tier] for tier in entry.tiers)
        made[name] = Chain(name, tiers, frozenset(triggers), entry.latency_p99, entry.mid_stream)
    return made
