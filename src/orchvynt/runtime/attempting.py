"""Performs `Send`, `CancelAttempt` and `Flow`: one exchange with one provider, and the events that it gives."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.fallback.sights import How
from orchvynt.decisions.routing.names import resolve
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.decisions.unusual.baselines import Baselines, Finding
from orchvynt.dialects import registry
from orchvynt.dialects.continuing import continuing
from orchvynt.dialects.rescuing import RescuingRelay
from orchvynt.dialects.shapes import Answer, CallerDialect, Failure, ProviderDialect, Relay, UnsupportedError
from orchvynt.lifecycle.commands import Send
from orchvynt.lifecycle.events import AnswerArrived, AnyEvent, AttemptFailed, StreamEnded, StreamStarted
from orchvynt.lifecycle.parking import kept_for_reviewers
from orchvynt.lifecycle.settling import plausible_usage
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.chat import Reply
from orchvynt.model.usage import Usage
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.upstream import Address, Upstream
from orchvynt.runtime.exchange import Exchange
from orchvynt.runtime.life import Life
from orchvynt.runtime.renewing import Renewing

ATTEMPT_TIMERS: Final = ("first_token", "answer", "stall")
# How long a provider may take to close a stream after its terminal marker, so that the connection can be used again.
LINGER_NS: Final = 2_000_000_000
# Made once for each that a policy names.
_address: Final = lru_cache(1024)(Address)


class Attempting:
    """The watcher of all exchanges."""

    def __init__(
        self,
        upstream: Upstream,
        secrets: Secrets,
        clock: Clock,
        ids: Ids,
        health: Health,
        sizes: OutputSizes,
        statistics: Statistics,
        feed: Callable[[Life, AnyEvent], bool],
        failed: Callable[[Life, Exception], None],
        reports: InputReports,
    ) -> None:
        self.upstream = upstream
        self.secrets = secrets
        self.clock = clock
        self.ids = ids
        self.health = health
        self.sizes = sizes
        self.statistics = statistics
        self._feed = feed
        self._failed = failed
        self._reports = reports
        self.renewing = Renewing(secrets, health)
        self._baselines = Baselines()
        self._lingering: list[tuple[int, Exchange]] = []

    def send(self, life: Life, command: Send) -> None:
        name, prefix = command.model, command.prefix
        model = life.snapshot.models.get(name) or resolve(life.snapshot, name)
        assert model is not None
        provider, upstream_model = model.provider, model.upstream_model
        invocation = life.state.invocation
        # An endpoint that takes a caller's bodies as they are takes no conversation to go on with.
        dialect = registry.provider_for(provider.wire, invocation.dialect) if prefix is None else registry.provider(provider.wire)
        caller = registry.caller(invocation.dialect)
        ask = invocation.ask
        relay = self._relay(life, command, dialect, caller) if command.stream else None
        exchange = Exchange(life, dialect, relay, self, self.clock, command.keep)
        life.exchange = exchange
        limit = command.output_tokens_max
        per_choice = limit // ask.choices if limit is not None else None
        try:
            if prefix is not None and prefix.text:
                request = dialect.write_request(continuing(caller.chat(ask), prefix), upstream_model, per_choice)
            elif dialect.caller_twin == caller.name:
                request = dialect.pass_request(ask, upstream_model, per_choice)
            else:
                request = dialect.write_request(caller.chat(ask), upstream_model, per_choice)
            if command.logprobs == "hidden" and dialect.gives_logprobs(upstream_model):
                request = msgspec.structs.replace(request, body=dialect.asking_for_logprobs(request.body))
            exchange.dropped = request.dropped
            ref = provider.api_key
            exchange.secret = self.secrets.resolve(ref) if ref is not None else ""
        except UnsupportedError as error:
            self._fail_unsent(exchange, Failure("policy", 0, f"{error} ({error.param})"))
            return
        except SecretMissingError as missing:
            self._fail_unsent(exchange, Failure("auth", 0, str(missing)))
            return
        # OpenAI documents X-Client-Request-Id for exactly this: the id by which an arrival is found in our record.
        headers = (("x-client-request-id", command.attempt),)
        shared = (*request.headers, dialect.credential(exchange.secret)) if exchange.secret else request.headers
        address = _address(provider.host, provider.port, provider.tls)
        now = exchange.sent_mono
        if command.stream:
            life.set_timer("first_token", now + command.first_token_ns)
        else:
            life.set_timer("answer", now + command.answer_ns)
        exchange.call = self.upstream.send(
            address, provider.path_prefix + request.path, headers, request.body, command.connect_ns, exchange, shared, command.fresh
        )

    def _relay(self, life: Life, command: Send, dialect: ProviderDialect, caller: CallerDialect) -> Relay:
        """A new relay; for an answer that broke off, one that goes on where the relay before it stopped."""
        invocation, broken = life.state.invocation, life.exchange
        created_s = invocation.at // 1_000_000_000
        digest = command.flow and life.conversation is not None
        if command.prefix is not None:
            assert isinstance(broken, Exchange)
            assert broken.relay is not None
            return registry.rescuing(dialect, caller, broken.relay.handover(), command.prefix, digest=digest, created_s=created_s)
        collect = command.keep or not command.flow
        return registry.relay(
            dialect, caller, invocation.ask, collect=collect, digest=digest, created_s=created_s, logprobs=command.logprobs
        )

    def _fail_unsent(self, exchange: Exchange, failure: Failure) -> None:
        exchange.over = True
        self.failed(exchange, failure, may_have_run=False, connected=False)

    def cancel(self, life: Life) -> None:
        life.free_probe()
        if life.exchange is not None:
            life.stop_timers(ATTEMPT_TIMERS)
            life.exchange.cancel()

    # What follows is heard from the exchange.

    def spent(self, exchange: Exchange) -> None:
        route = exchange.life.route
        if route is not None:
            self.health.spent(route, self.clock.monotonic() + exchange.quota_ns)

    def started(self, exchange: Exchange) -> None:
        life = exchange.life
        now = self.clock.monotonic()
        life.stop_timer("first_token")
        life.set_timer("stall", now + life.snapshot.timeouts.stall_ns)
        if life.probe is not None and self.health.began(life.probe.route, now, life.probe):
            life.probe = None
        if life.state.streams:
            seen, relay = exchange.seen, exchange.relay
            cut_chars = relay.seam.cut_chars if isinstance(relay, RescuingRelay) else 0
            self._feed(life, StreamStarted(self.clock.now(), now, seen.response_id if seen else "", exchange.dropped, cut_chars))

    def alive(self, exchange: Exchange) -> None:
        life = exchange.life
        life.stop_timer("first_token")
        life.set_timer("stall", self.clock.monotonic() + life.snapshot.timeouts.stall_ns)

    def broken(self, exchange: Exchange, error: Exception) -> None:
        self._ended(exchange, self.clock.monotonic())
        self._failed(exchange.life, error)

    def wrote(self, exchange: Exchange, data: bytes) -> None:
        for caller in exchange.life.callers:
            caller.line.write(data)

    def answered(self, exchange: Exchange, answer: Answer) -> None:
        life = exchange.life
        now = self.clock.monotonic()
        self._ended(exchange, now)
        plausible = self._went_well(exchange, answer.usage, now)
        finding = self._compared(life, exchange.dialect.to_reply(answer)) if life.state.compares else None
        told = (answer, exchange.provider_request_id, exchange.dropped, exchange.quota_ns, finding, plausible)
        self._feed(life, AnswerArrived(self.clock.now(), now, *told))

    def stream_ended(self, exchange: Exchange) -> None:
        life, seen = exchange.life, exchange.seen
        assert seen is not None
        if life.state.streams and life.state.phase == "attempting":
            # An answer without any content (its limit went into thinking) is whole all the same.
            self.started(exchange)
            if life.state.verdict is not None:
                # That it begins could not be written: the life is over, and its attempt settled.
                return
        now = self.clock.monotonic()
        self._ended(exchange, now)
        self._lingering.append((now + LINGER_NS, exchange))
        plausible = self._went_well(exchange, seen.usage, now)
        reply, body = exchange.whole(kept_for_reviewers(life.state))
        self._feed(
            life,
            StreamEnded(
                self.clock.now(),
                now,
                seen,
                reply,
                body,
                exchange.delivered_bytes,
                exchange.provider_request_id,
                exchange.dropped,
                exchange.quota_ns,
                self._compared(life, reply) if life.state.compares and reply is not None else None,
                plausible,
            ),
        )

    def _compared(self, life: Life, reply: Reply) -> Finding:
        return self._baselines.look(candidate_of(life.state).model, reply.text)

    def failed(self, exchange: Exchange, failure: Failure, may_have_run: bool, connected: bool) -> None:
        life = exchange.life
        now = self.clock.monotonic()
        self._ended(exchange, now)
        candidate, route = candidate_of(life.state), life.route
        assert route is not None
        how = How(failure.outcome, connected, failure.retry_after_ns, exchange.stale)
        barred_ns = self.health.failed(route, how, now, life.probe)
        life.probe = None
        self.statistics.failed(candidate.provider, candidate.model, failure.outcome, now - exchange.sent_mono, now)
        provider = life.snapshot.providers[candidate.provider]
        if failure.outcome == "auth":
            self.renewing.refused(provider, exchange.secret)
        self._feed(
            life,
            AttemptFailed(
                self.clock.now(),
                now,
                failure,
                may_have_run,
                connected,
                self.ids.chance(),
                exchange.seen,
                exchange.delivered_bytes,
                exchange.provider_request_id,
                exchange.stale,
                exchange.said(),
                barred_ns,
                self.health.may_retry(route, life.snapshot.retry.budget, now),
                exchange.quota_ns,
            ),
        )

    def _went_well(self, exchange: Exchange, usage: Usage | None, now: int) -> bool | None:
        """Takes note of the answer. Gives whether its usage can be true, None where that was not asked."""
        life = exchange.life
        state, route = life.state, life.route
        assert route is not None
        self.health.answered(route, now, life.probe)
        life.probe = None
        if life.parent is not None:
            # What a judge says is as short as it may be: it tells nothing of the model's answers.
            return None
        candidate, placed = candidate_of(state), state.placed
        name = candidate.model
        # The time of a caller that reads slowly is not the provider's.
        duration_ns = 0 if exchange.was_paused else now - exchange.sent_mono
        if usage is None or placed is None or not plausible_usage(life.snapshot, placed, usage):
            self.statistics.answered(candidate.provider, name, duration_ns, None, now)
            return False if usage is not None and placed is not None else None
        self.statistics.answered(candidate.provider, name, duration_ns, usage, now)
        if usage.output_tokens:
            # The size of one answer, of as many as were asked for.
            self.sizes.add(name, -(-usage.output_tokens // state.invocation.ask.choices))
        bound = placed.input_tokens_bound
        if usage.input_tokens > bound:
            self._reports.exceeded(name, life.snapshot.version, placed.input_counted_by, bound, usage.input_tokens)
        return True

    def _ended(self, exchange: Exchange, now: int) -> None:
        life = exchange.life
        (life.parent or life).upstream_ns += now - exchange.sent_mono
        if exchange.relay is not None:
            life.stop_timers(ATTEMPT_TIMERS)
        else:
            life.stop_timer("answer")

    def sweep(self, now: int) -> None:
        """Closes what providers left open after their terminal marker."""
        while self._lingering and self._lingering[0][0] <= now:
            self._lingering.pop(0)[1].cancel()
