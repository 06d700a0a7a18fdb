"""Budgets as operators see them: how they stand, how fast they are spent, and where that leads."""

from typing import Final, Literal

from orchvynt.decisions.budgets.standing import MILLION, Burn, Forecast, Measure, tightest
from orchvynt.lifecycle.explain.phrases import instant_text, milliseconds
from orchvynt.model.faults import Fault
from orchvynt.runtime.control import BudgetLine
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.budget_shapes import BurnView, ForecastView, MeasureView
from orchvynt.surfaces.operator_shapes import BudgetView, Listing

LOW_PPM: Final = 800_000
USED_PPM_MAX: Final = 10**18


async def budgets(desk: Desk, asking: Asking) -> Listing[BudgetView] | Fault:
    """By name, or the tightest first; of one budget or one subject, where the query says so."""
    name, subject = asking.query.get("budget", ""), asking.query.get("subject", "")
    known = await desk.control.standing()
    if name and name not in {budget.name for budget in desk.control.snapshot.budgets} | {line.name for line in known}:
        return _unknown_name()
    lines = [line for line in known if (not name or line.name == name) and ("subject" not in asking.query or line.subject == subject)]
    key = _by_use if asking.query.get("sort") == "tightest" else _by_name
    return page(lines, key, budget_view, asking.limit, asking.after)


async def budget(desk: Desk, asking: Asking) -> BudgetView | Fault:
    name, subject = asking.path["name"], asking.path["subject"]
    lines = [line for line in await desk.control.standing() if line.name == name]
    for line in lines:
        if line.subject == subject:
            return budget_view(line)
    if not lines:
        return _unknown_name()
    return Fault(
        "not_found",
        "This budget has not met this subject in its current window.",
        "`orchvynt budgets` lists all that have been used.",
        param="subject",
    )


def _unknown_name() -> Fault:
    return Fault("not_found", "The policy has no budget of this name.", "`orchvynt budgets` lists all that have been used.", param="name")


def _by_name(line: BudgetLine) -> str:
    return f"{line.name}/{line.subject}"


def _by_use(line: BudgetLine) -> str:
    found = tightest(line.measures)
    return f"{sortable(USED_PPM_MAX - min(found.used_ppm if found else 0, USED_PPM_MAX))}/{_by_name(line)}"


def budget_view(line: BudgetLine) -> BudgetView:
    found = tightest(line.measures)
    return BudgetView(
        name=line.name,
        scope=line.scope,
        subject=line.subject,
        window=line.window,
        resets_at=instant_text(line.resets_at),
        limit_nanos=line.limit_nanos,
        settled_nanos=line.settled_nanos,
        held_nanos=line.held_nanos,
        remaining_nanos=_remaining(line.limit_nanos, line.granted_nanos, line.settled_nanos, line.held_nanos),
        limit_tokens=line.limit_tokens,
        settled_tokens=line.settled_tokens,
        held_tokens=line.held_tokens,
        remaining_tokens=_remaining(line.limit_tokens, line.granted_tokens, line.settled_tokens, line.held_tokens),
        waiting=line.waiting,
        granted_nanos=line.granted_nanos,
        granted_tokens=line.granted_tokens,
        leased_nanos=line.leased_nanos,
        leased_tokens=line.leased_tokens,
        rolls_ms=milliseconds(line.rolls_ns),
        on_breach=line.breach,
        breach_model=line.breach_model,
        state=_state(found),
        measures=tuple(_measure(one) for one in line.measures),
        burn=_burn(line.burn),
        forecast=_forecast(line.forecast),
    )


def _state(found: Measure | None) -> Literal["ok", "low", "full", "over"]:
    used = found.used_ppm if found is not None else 0
    return "over" if used > MILLION else "full" if used == MILLION else "low" if used >= LOW_PPM else "ok"


def _measure(one: Measure) -> MeasureView:
    return MeasureView(one.unit, one.limit, one.settled, one.held, one.remaining, one.used_ppm / MILLION, one.leased)


def _burn(one: Burn) -> BurnView:
    if not one.basis:
        return BurnView()
    return BurnView(
        one.basis,
        milliseconds(one.over_ns),
        one.per_hour("usd"),
        one.per_hour("tokens"),
        one.per_hour("input_tokens"),
        one.per_hour("output_tokens"),
        one.per_hour("invocations"),
    )


def _forecast(one: Forecast) -> ForecastView:
    return ForecastView(one.unit, instant_text(one.full_at), one.used_at_end_ppm / MILLION)


def _remaining(limit: int | None, granted: int, settled: int, held: int) -> int | None:
    return None if limit is None else limit + granted - settled - held
