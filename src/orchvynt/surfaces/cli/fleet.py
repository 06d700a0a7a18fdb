"""Bodies of the commands about what runs: status, providers."""

from rich.text import Text

from orchvynt.model.money import usd_text
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import Terminal, state
from orchvynt.surfaces.model_shapes import AlertView, ProviderView


def status(session: Session) -> None:
    now = session.fetch("GET", "/status", s.StatusView)
    if now is None:
        return
    terminal = session.terminal
    terminal.pairs(
        [
            ("server", f"{session.client.server.url}  OrchVynt {now.version} ({now.build})"),
            ("state", Text("draining", "yellow") if now.draining else Text("serving", "green")),
            ("started", terminal.when(now.started_at)),
            ("policy", f"version {now.policy_version}  {now.policy_digest}"),
            ("since", f"{terminal.when(now.policy_since)} by {now.policy_by}: {now.policy_message}" if now.policy_since else ""),
            ("commit", now.policy_commit),
            ("watch", _watch(terminal.when(now.policy_until), now)),
            ("drift", Text(printable(now.drift), "yellow")) if now.drift else ("drift", "none"),
            *(("replica", f"{one.name} serves version {one.version} since {terminal.when(one.since)}") for one in now.replicas),
            *(("process", _process(one, terminal)) for one in now.processes if len(now.processes) > 1),
            ("open", f"{now.invocations_open} invocations, {now.streams_open} streams, {now.holds_waiting} waiting for a budget"),
            ("reviews", f"{now.reviews_open} open"),
            ("overload", _overload(terminal.when(now.shedding_since), now)),
            *(("alert", _alert(one)) for one in now.alerts),
            ("store", now.store),
            *([("outage", Text(printable(now.outage), "red"))] if now.outage else []),
            ("journal", f"{now.journal_bytes:,} bytes"),
        ]
    )


def _alert(one: AlertView) -> Text:
    if one.budget:
        said = f"{one.when} ({one.subject}): {one.spent}; orchvynt explain {one.invocation}"
    elif one.activation_rate is None and not one.provider:
        said = f"{one.when}: {one.spent}"
    elif one.activation_rate is None:
        said = f"{one.when}: {one.provider}, {one.calls} lately; orchvynt explain {one.invocation}"
    else:
        said = f"{one.when}: chain {one.chain} used in {one.activation_rate:.0%} of {one.calls} calls routed to {one.provider}"
    return Text(printable(f"{one.state}: {said}"), "red" if one.state == "firing" else "yellow")


def _overload(since: str, now: s.StatusView) -> str | Text:
    total = f"{now.shed_total:,} refused since the start" if now.shed_total else ""
    if not now.shedding_since:
        return total
    return Text(f"{now.shed:,} refused since {since} ({now.shedding_why}); {total}", "red")


def _process(one: s.ProcessView, terminal: Terminal) -> Text:
    said = f"{one.process} ({one.host}:{one.pid}) {one.state.replace('_', ' ')}"
    if one.state == "out_of_reach":
        said += f" since {terminal.when(one.seen_at)}; its journal: {one.journal}"
    return Text(printable(said), {"serving": "green", "draining": "yellow"}.get(one.state, "red"))


def _watch(until: str, now: s.StatusView) -> str | Text:
    words: dict[str, str | Text] = {
        "": "",
        "following": "the file is the truth",
        "broken": Text("the file cannot be used; the last good version stays", "yellow"),
        "paused": Text(f"paused: the file takes over again {until}", "yellow"),
    }
    return words[now.watch]


def providers(session: Session) -> None:
    page = session.fetch("GET", "/providers", s.Listing[ProviderView], query={"limit": "500"})
    if page is None:
        return
    terminal = session.terminal
    rows = [
        (
            row.model,
            row.provider,
            row.upstream_model,
            state(_standing(row)),
            _until(row, terminal),
            str(row.attempts),
            Text(str(row.failures), "red" if row.failures else "dim"),
            _figure(row.p50_ms, "{:,.0f} ms"),
            _figure(row.p95_ms, "{:,.0f} ms"),
            _figure(row.p99_ms, "{:,.0f} ms"),
            _figure(row.error_rate, "{:.1%}"),
            str(row.samples),
            _figure(row.quality, "{:.2f}") + (f" ({row.scores})" if row.scores else ""),
            _price(row),
            row.address,
        )
        for row in page.items
    ]
    numbers = ("ATTEMPTS", "FAILURES", "P50", "P95", "P99", "ERRORS", "SAMPLES", "QUALITY", "$/M IN/OUT")
    spare = ("ADDRESS", "SAMPLES", "UPSTREAM", "QUALITY", "$/M IN/OUT", "P50", "P99", "ATTEMPTS", "P95", "ERRORS", "FAILURES")
    terminal.table(("MODEL", "PROVIDER", "UPSTREAM", "STATE", "", *numbers, "ADDRESS"), rows, right=numbers, spare=spare)


def _standing(row: ProviderView) -> str:
    """One word: what its breaker is, unless that is closed; else whether it rests."""
    return next((one for one in (row.breaker, row.address_breaker) if one != "closed"), row.state)


def _until(row: ProviderView, terminal: Terminal) -> str:
    if row.state != "resting":
        return ""
    if row.why != "breaker":
        return f"again {terminal.when(row.resting_until)} ({row.why})"
    if row.address_breaker != "closed":
        return f"again {terminal.when(row.resting_until)} (breaker of its address)"
    errors = f", {row.breaker_error_rate:.0%} errors" if row.breaker_error_rate is not None else ""
    return f"again {terminal.when(row.resting_until)} (breaker{errors})"


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _price(row: ProviderView) -> str:
    """USD per million tokens, in and out."""
    if row.input_nanos_per_million is None or row.output_nanos_per_million is None:
        return "unknown"
    return f"{usd_text(row.input_nanos_per_million)}/{usd_text(row.output_nanos_per_million)}"
