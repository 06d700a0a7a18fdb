"""What runs and what it is connected to: status, health, providers, models."""

from collections.abc import Sequence

from orchvynt.decisions.routing.statistics import UNMEASURED
from orchvynt.language.snapshot import Model, Snapshot
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.control import AlertLine, ProviderLine, Replica
from orchvynt.runtime.counting import NONE
from orchvynt.runtime.merging import Condition
from orchvynt.runtime.metrics import HOLDS_WAITING, JOURNAL_BYTES, OPEN, STREAMS_OPEN, Metric
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.model_shapes import AlertView, ModelView, ProviderView
from orchvynt.surfaces.operator_shapes import Health, Listing, ProcessView, StatusView
from orchvynt.surfaces.policy_shapes import ReplicaView


async def health(desk: Desk, _asking: Asking) -> Health:
    now = desk.control.status()
    return Health(status="draining" if now.draining else "store_away" if now.outage else "ok")


async def status(desk: Desk, _asking: Asking) -> StatusView:
    now = desk.control.status()
    processes = await _processes(desk.store)
    condition, numbers = Condition(now.shed, now.shed_total, now.outage), dict[Metric, int]()
    # While the store is away it is not known here whether there are others: they are asked.
    if len(processes) != 1:
        found = await desk.measure()
        condition, numbers = found.condition, {one.metric: one.numbers.get(NONE, 0) for one in found.sampled}
    return StatusView(
        version=now.version,
        policy_version=now.policy.version,
        policy_digest=now.policy.digest,
        policy_since=instant_text(now.policy.applied_at),
        policy_by=now.policy.author,
        policy_message=now.policy.message,
        policy_commit=now.policy.commit,
        policy_until=instant_text(now.policy.until),
        drift=now.drift,
        watch=now.watch,
        replicas=replicas(await desk.control.replicas()),
        started_at=instant_text(now.started_at),
        invocations_open=numbers.get(OPEN, now.invocations_open),
        streams_open=numbers.get(STREAMS_OPEN, now.streams_open),
        reviews_open=now.reviews_open,
        holds_waiting=numbers.get(HOLDS_WAITING, now.holds_waiting),
        journal_bytes=numbers.get(JOURNAL_BYTES, now.journal_bytes),
        store=now.store,
        draining=now.draining,
        build=now.build,
        outage=condition.outage,
        alerts=tuple(_alert(line) for line in now.alerts),
        shedding_since=instant_text(condition.shed.since),
        shedding_why=condition.shed.why,
        shed=condition.shed.refused,
        shed_total=condition.shed_total,
        processes=processes,
    )


async def _processes(store: Store) -> tuple[ProcessView, ...]:
    """Those that have not come to their end; none while the store cannot tell."""
    try:
        rows = await store.processes()
    except StoreUnavailableError:
        return ()
    return tuple(
        ProcessView(
            row.process, row.host, row.pid, row.journal, row.version, "out_of_reach" if row.out_of_reach else row.state,
            instant_text(row.began_at), instant_text(row.seen_at),
        )
        for row in rows if row.state != "gone"
    )  # fmt: skip


async def alerts(desk: Desk, asking: Asking) -> Listing[AlertView]:
    return page(desk.control.alerts(), _alert_key, _alert, asking.limit, asking.after)


def replicas(known: Sequence[Replica]) -> tuple[ReplicaView, ...]:
    """Who serves which version."""
    return tuple([ReplicaView(one.name, one.version, one.digest, instant_text(one.since), one.trouble) for one in known])


async def providers(desk: Desk, asking: Asking) -> Listing[ProviderView]:
    now, snapshot = desk.clock.now(), desk.control.snapshot
    return page(
        desk.control.providers(),
        lambda line: f"{line.model}/{line.provider}",
        lambda line: _route(line, snapshot, now),
        asking.limit,
        asking.after,
    )


async def models(desk: Desk, asking: Asking) -> Listing[ModelView]:
    """The policy's names with the prices in force and what was measured; patterns are listed as they are written."""
    snapshot = desk.control.snapshot
    known = [(name, model, False) for name, model in snapshot.models.items()]
    known += [(pattern, model, True) for pattern, model in snapshot.patterns]
    lines = {line.model: line for line in desk.control.providers()}
    aliases: dict[str, list[str]] = {}
    for alias, name in snapshot.aliases.items():
        aliases.setdefault(name, []).append(alias)
    return page(
        known,
        lambda entry: f"{entry[0]}{'/pattern' if entry[2] else ''}",
        lambda entry: _model(entry[0], entry[1], entry[2], tuple(aliases.get(entry[0], ())), lines.get(entry[0])),
        asking.limit,
        asking.after,
    )


def _alert(line: AlertLine) -> AlertView:
    return AlertView(
        alert=line.alert,
        when=line.when,
        state=line.phase,
        window_ms=line.window_ns / 1_000_000,
        chain=line.chain,
        provider=line.provider,
        activation_rate=line.activation_rate,
        calls=line.calls,
        since=instant_text(line.since),
        invocation=line.invocation,
        notify=line.notify,
        budget=line.budget,
        subject=line.subject,
        threshold=line.threshold,
        spent=line.spent,
    )


def _alert_key(line: AlertLine) -> str:
    return f"{line.alert}/{line.chain}/{line.provider}{line.subject}"


def _route(line: ProviderLine, snapshot: Snapshot, now: int) -> ProviderView:
    resting = line.resting_until > now
    model, measured = snapshot.models.get(line.model), line.measured
    price = model.price if model is not None else None
    return ProviderView(
        model=line.model,
        provider=line.provider,
        upstream_model=line.upstream_model,
        address=line.address,
        state="resting" if resting else "ready",
        resting_until=instant_text(line.resting_until) if resting else "",
        why=line.why if resting else "",
        attempts=line.attempts,
        failures=line.failures,
        samples=measured.samples,
        p50_ms=measured.p50_ms,
        p95_ms=measured.p95_ms,
        p99_ms=measured.p99_ms,
        error_rate=measured.error_rate,
        cost_per_call_nanos=line.nanos_per_call,
        quality=line.quality,
        scores=line.scores,
        input_nanos_per_million=price.input if price else None,
        output_nanos_per_million=price.output if price else None,
        price_source=price.source if price else "",
        breaker=line.breaker.state,
        breaker_error_rate=line.breaker.error_rate,
        breaker_until=instant_text(line.breaker.until) if line.breaker.until else "",
        address_breaker=line.address_breaker.state,
        address_breaker_until=instant_text(line.address_breaker.until) if line.address_breaker.until else "",
    )


def _model(name: str, model: Model, pattern: bool, aliases: tuple[str, ...], line: ProviderLine | None) -> ModelView:
    price, can = model.price, model.capabilities
    measured = line.measured if line is not None else UNMEASURED
    return ModelView(
        model=name,
        provider=model.provider.name,
        upstream_model=model.upstream_model,
        aliases=aliases,
        pattern=pattern,
        quality=model.quality,
        region=model.region,
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        input_nanos_per_million=price.input if price else None,
        output_nanos_per_million=price.output if price else None,
        price_source=price.source if price else "",
        cached_input_nanos_per_million=price.cached_input if price else None,
        tools=can.tools,
        images=can.images,
        json_schema=can.json_schema,
        continues=model.continues,
        quality_in_force=line.quality if line is not None else model.quality,
        quality_measured=line.quality_measured if line is not None else None,
        scores=line.scores if line is not None else 0,
        samples=measured.samples,
        p50_ms=measured.p50_ms,
        p95_ms=measured.p95_ms,
        p99_ms=measured.p99_ms,
        error_rate=measured.error_rate,
        cost_per_call_nanos=line.nanos_per_call if line is not None else None,
    )
