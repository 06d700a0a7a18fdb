"""What runs and what it is connected to: status, health, providers, models, budgets."""

from orchvynt.language.snapshot import Model
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.runtime.control import BudgetLine, ProviderLine
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.operator_shapes import BudgetView, Health, Listing, ModelView, ProviderView, StatusView


async def health(desk: Desk, _asking: Asking) -> Health:
    return Health(status="draining" if desk.control.status().draining else "ok")


async def status(desk: Desk, _asking: Asking) -> StatusView:
    now = desk.control.status()
    return StatusView(
        version=now.version,
        policy_version=now.policy_version,
        policy_digest=now.policy_digest,
        drift=now.drift,
        started_at=instant_text(now.started_at),
        invocations_open=now.invocations_open,
        streams_open=now.streams_open,
        reviews_open=now.reviews_open,
        holds_waiting=now.holds_waiting,
        journal_bytes=now.journal_bytes,
        store=now.store,
        draining=now.draining,
    )


async def providers(desk: Desk, asking: Asking) -> Listing[ProviderView]:
    now = desk.clock.now()
    return page(
        desk.control.providers(), lambda line: f"{line.model}/{line.provider}", lambda line: _route(line, now), asking.limit, asking.after
    )


async def models(desk: Desk, asking: Asking) -> Listing[ModelView]:
    """The policy's names with the prices in force; patterns are listed as they are written."""
    snapshot = desk.control.snapshot
    known = [(name, model, False) for name, model in snapshot.models.items()]
    known += [(pattern, model, True) for pattern, model in snapshot.patterns]
    aliases: dict[str, list[str]] = {}
    for alias, name in snapshot.aliases.items():
        aliases.setdefault(name, []).append(alias)
    return page(
        known,
        lambda entry: f"{entry[0]}{'/pattern' if entry[2] else ''}",
        lambda entry: _model(entry[0], entry[1], entry[2], tuple(aliases.get(entry[0], ()))),
        asking.limit,
        asking.after,
    )


async def budgets(desk: Desk, asking: Asking) -> Listing[BudgetView]:
    return page(desk.control.budgets(), _budget_key, _budget, asking.limit, asking.after)


async def budget(desk: Desk, asking: Asking) -> BudgetView | Fault:
    name, subject = asking.path["name"], asking.path["subject"]
    lines = [line for line in desk.control.budgets() if line.name == name]
    for line in lines:
        if line.subject == subject:
            return _budget(line)
    known = "The policy has no budget of this name." if not lines else "This budget has not met this subject in its current window."
    return Fault("not_found", known, "`orchvynt budgets` lists all that have been used.", param="subject" if lines else "name")


def _budget_key(line: BudgetLine) -> str:
    return f"{line.name}/{line.subject}"


def _budget(line: BudgetLine) -> BudgetView:
    return BudgetView(
        name=line.name,
        scope=line.scope,
        subject=line.subject,
        window=line.window,
        resets_at=instant_text(line.resets_at),
        limit_nanos=line.limit_nanos,
        settled_nanos=line.settled_nanos,
        held_nanos=line.held_nanos,
        remaining_nanos=_remaining(line.limit_nanos, line.settled_nanos, line.held_nanos),
        limit_tokens=line.limit_tokens,
        settled_tokens=line.settled_tokens,
        held_tokens=line.held_tokens,
        remaining_tokens=_remaining(line.limit_tokens, line.settled_tokens, line.held_tokens),
        waiting=line.waiting,
    )


def _remaining(limit: int | None, settled: int, held: int) -> int | None:
    return None if limit is None else limit - settled - held


def _route(line: ProviderLine, now: int) -> ProviderView:
    resting = line.resting_until > now
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
    )


def _model(name: str, model: Model, pattern: bool, aliases: tuple[str, ...]) -> ModelView:
    price = model.price
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
    )
