"""Counts what was written: the one place that sees all facts of all invocations. It only adds; a few microseconds an invocation.

A counter counts what happened in this process since its start. No label value is ever what a caller said.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, get_args

from orchvynt.decisions.alerts.spending import Spending
from orchvynt.decisions.alerts.tallies import Mishap, Tallies, activated
from orchvynt.decisions.routing.names import fits
from orchvynt.language.snapshot import Snapshot
from orchvynt.model import facts
from orchvynt.model.facts import AnyFact
from orchvynt.model.faults import KINDS
from orchvynt.runtime import metrics as m
from orchvynt.runtime.life import Life
from orchvynt.runtime.metrics import Sampled
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.review_counts import ReviewCounts
from orchvynt.runtime.route_counts import Routes
from orchvynt.runtime.series import Histogram, Series

T = TypeVar("T", bound=Series | Histogram)

NONE: Final = ()
WORD: Final = re.compile("[a-z_]{1,32}")
TRIGGERS: Final = frozenset(get_args(facts.Trigger))
# The refusals for which a budget is the reason, by its limit or by its queue.
NO_ROOM: Final = frozenset({"budget_exceeded", "run_stopped", "overloaded"})
# What RetryScheduled says in a phrase.
PHRASES: Final = {
    "the kept-alive connection was closed": "stale_connection",
    "every tier rests": "rest",
    "it refuses to be asked for log probabilities": "logprobs",
}


# Why the first tier is not asked although its provider is well: the budget, or a price that nobody knows.
NOT_ILL: Final = frozenset({"budget", "price", "store_away"})
# Outcomes of attempts that are told to people, whatever the policy says.
MISHAPS: Final[dict[str, Mishap]] = {"auth": "credential_refused", "quota": "quota_exhausted"}


class Counting:
    """`count` takes the facts of one life after they were written; `sampled` gives all counts as they stand."""

    def __init__(self, parked: Parked, monotonic: Callable[[], int]) -> None:
        self.reviews = ReviewCounts(parked)
        self._kept: list[Series | Histogram] = []
        self._monotonic = monotonic
        self.tallies = Tallies()
        self.spending = Spending()
        self.invocations = self._keep(Series(m.INVOCATIONS))
        self.refused = self._keep(Series(m.REFUSED))
        self.streams = self._keep(Series(m.STREAMS))
        self.rescues = self._keep(Series(m.RESCUES))
        self.callers_left = self._keep(Series(m.CALLERS_LEFT))
        self.repeats = self._keep(Series(m.REPEATS))
        self.attempts = self._keep(Series(m.ATTEMPTS))
        self.retries = self._keep(Series(m.RETRIES))
        self.fallbacks = self._keep(Series(m.FALLBACKS))
        self.skipped = self._keep(Series(m.SKIPPED))
        self.tokens = self._keep(Series(m.TOKENS))
        self.cached = self._keep(Series(m.CACHED))
        self.cost = self._keep(Series(m.COST))
        self.receipts = self._keep(Series(m.RECEIPTS))
        self.overruns = self._keep(Series(m.OVERRUNS))
        self.budget_refusals = self._keep(Series(m.BUDGET_REFUSALS))
        self.rate_refusals = self._keep(Series(m.RATE_REFUSALS))
        self.holds_awaited = self._keep(Series(m.HOLDS_AWAITED))
        self.gates = self._keep(Series(m.GATES))
        self.confidence_unknown = self._keep(Series(m.CONFIDENCE_UNKNOWN))
        self.judges_asked = self._keep(Series(m.JUDGES_ASKED))
        self.journal_failures = self._keep(Series(m.JOURNAL_FAILURES))
        self.duration = self._keep(Histogram(m.DURATION))
        self.overhead = self._keep(Histogram(m.OVERHEAD))
        self.attempt_duration = self._keep(Histogram(m.ATTEMPT_DURATION))
        self.first_token = self._keep(Histogram(m.FIRST_TOKEN))
        # What may be alerted on begins at 0: a counter that first appears as 1 has not increased.
        self.journal_failures.add(NONE, 0)
        for code in KINDS:
            self.refused.add((code,), 0)
        for end in ("whole", "broken", "caller_left"):
            self.streams.add((end,), 0)
        self._ends: list[AnyFact] = []
        self._routes: Final = Routes(self.attempts, self.attempt_duration, self.tokens, self.cost, self.receipts)
        self._counters: Final = self._by_fact()

    def _by_fact(self) -> dict[type[AnyFact], Callable[[Life, Any], None]]:
        return {
            facts.Routed: self._routed,
            facts.CandidateSkipped: self._candidate_skipped,
            facts.HoldAwaited: self._hold_awaited,
            facts.BudgetThresholdPassed: lambda _, fact: self.spending.passed(fact),
            facts.AttemptSent: self._attempt_sent,
            facts.AttemptEnded: self._attempt_ended,
            facts.RetryScheduled: self._retry_scheduled,
            facts.FallbackActivated: self._fallback_activated,
            facts.AttemptSettled: self._attempt_settled,
            facts.HoldVoided: lambda _, fact: self._ends.append(fact),
            facts.GateJudged: self._gate_judged,
            facts.ConfidenceTaken: self._confidence_taken,
            facts.ReviewOpened: self._review_opened,
            facts.ReviewEscalated: lambda _, fact: self.reviews.escalated(fact),
            facts.ReviewDecided: self._review_decided,
            facts.AnswerDelivered: self._answer_delivered,
            facts.StreamEnded: self._stream_ended,
            facts.StreamRescued: self._stream_rescued,
            facts.InvocationRefused: self._invocation_refused,
            facts.CallerLeft: self._caller_left,
            facts.InvocationFinished: self._invocation_finished,
        }

    def count(self, life: Life, written: Sequence[AnyFact]) -> list[AnyFact]:
        """Gives those among them that end a hold: nobody else has to look at each fact."""
        counters = self._counters
        for fact in written:
            add = counters.get(type(fact))
            if add is not None:
                add(life, fact)
        ends, self._ends = self._ends, []
        return ends

    def passed(self, thresholds: Sequence[facts.BudgetThresholdPassed]) -> None:
        """Thresholds of budgets that were passed with a receipt, after it was written."""
        for fact in thresholds:
            self.spending.passed(fact)

    def not_written(self) -> None:
        """A write to the journal failed."""
        self.journal_failures.add(NONE)

    def abandoned(self, code: str) -> None:
        """An invocation was refused with a code that could not be put on record."""
        self.refused.add((code,))

    def repeated(self, how: str) -> None:
        """A request came again under its idempotency key."""
        self.repeats.add((how,))

    def sampled(self) -> list[Sampled]:
        """A copy of all counts, of one instant."""
        return [kept.sampled() for kept in self._kept] + self.reviews.sampled()

    def _keep(self, kept: T) -> T:
        """What is sampled."""
        self._kept.append(kept)
        return kept

    def _routed(self, life: Life, fact: facts.Routed) -> None:
        if fact.chain and fact.candidates:
            life.tally = self.tallies.routed(fact.chain, fact.candidates[0].provider)

    def _candidate_skipped(self, life: Life, fact: facts.CandidateSkipped) -> None:
        why = fact.why.partition(":")[0]
        self.skipped.add((policy_name(life.snapshot, fact.model), _word(why)))
        if fact.tier == 1:
            if why not in NOT_ILL:
                self._activated(life)
            life.tally = None

    def _hold_awaited(self, life: Life, fact: facts.HoldAwaited) -> None:
        life.waited = True
        self.holds_awaited.add((fact.budget,))

    def _attempt_sent(self, life: Life, fact: facts.AttemptSent) -> None:
        # What follows names the attempt only, and by then the life may look at its next tier.
        model = fact.model
        life.asked = (model if model in life.snapshot.models else policy_name(life.snapshot, model), fact.provider)
        if fact.purpose:
            self.judges_asked.add(life.asked)

    def _attempt_ended(self, life: Life, fact: facts.AttemptEnded) -> None:
        if fact.outcome == "answered":
            route = self._routes.of(life.asked)
            route.answered[0] += 1
            self.attempt_duration.put(route.durations, fact.duration_ns)
            return
        model, provider = life.asked
        self.attempts.add((model, provider, fact.outcome))
        if mishap := MISHAPS.get(fact.outcome):
            self.tallies.happened(mishap, provider, fact.inv)

    def _retry_scheduled(self, life: Life, fact: facts.RetryScheduled) -> None:
        life.waited = True
        why = fact.why if fact.why in TRIGGERS else PHRASES.get(fact.why, m.OTHER)
        self.retries.add((policy_name(life.snapshot, fact.model), why))

    def _fallback_activated(self, life: Life, fact: facts.FallbackActivated) -> None:
        snapshot = life.snapshot
        self._activated(life)
        self.fallbacks.add((fact.trigger, policy_name(snapshot, fact.from_model), policy_name(snapshot, fact.to_model)))

    def _activated(self, life: Life) -> None:
        if life.tally is not None:
            activated(life.tally, life.id)
            life.tally = None

    def _attempt_settled(self, life: Life, fact: facts.AttemptSettled) -> None:
        self._ends.append(fact)
        asked, usage = life.asked, fact.usage
        if usage.estimated:
            self._estimated(asked, fact)
        else:
            route = self._routes.of(asked)
            route.input_tokens[0] += usage.input_tokens
            route.output_tokens[0] += usage.output_tokens
            route.cost[0] += fact.nanos
            route.reported[0] += 1
        if usage.cached_input_tokens:
            self.cached.add(asked, usage.cached_input_tokens)
        if fact.overrun:
            self.overruns.add(asked)
            self.tallies.happened("provider_overrun", asked[1], fact.inv)

    def _estimated(self, asked: tuple[str, str], fact: facts.AttemptSettled) -> None:
        model, provider = asked
        self.tokens.add((model, provider, "input"), fact.usage.input_tokens)
        self.tokens.add((model, provider, "output"), fact.usage.output_tokens)
        self.cost.add(asked, fact.nanos)
        self.receipts.add((model, provider, "estimated"))

    def _gate_judged(self, life: Life, fact: facts.GateJudged) -> None:
        self.gates.add((fact.gate, fact.stage, fact.verdict))

    def _confidence_taken(self, life: Life, fact: facts.ConfidenceTaken) -> None:
        if fact.value is not None:
            return
        # A judge that was asked in vain is at fault itself, not the model whose answer it was to judge.
        provider = life.asked[1] if fact.attempt else fact.provider
        for gate in fact.gates:
            self.confidence_unknown.add((gate, provider))
        if not fact.textless:
            self.tallies.happened("confidence_missing", provider, fact.inv)

    def _review_opened(self, life: Life, fact: facts.ReviewOpened) -> None:
        if not fact.after_delivery:
            life.waited = life.reviewed = True
        self.reviews.opened(fact)

    def _review_decided(self, life: Life, fact: facts.ReviewDecided) -> None:
        life.waited = life.reviewed = True
        self.reviews.decided(fact)

    def _answer_delivered(self, life: Life, fact: facts.AnswerDelivered) -> None:
        if fact.streaming:
            self.first_token.observe(life.asked, self._monotonic() - life.state.sent_mono)

    def _stream_rescued(self, life: Life, fact: facts.StreamRescued) -> None:
        snapshot = life.snapshot
        self.rescues.add((fact.method, policy_name(snapshot, fact.from_model), policy_name(snapshot, fact.to_model)))

    def _stream_ended(self, life: Life, fact: facts.StreamEnded) -> None:
        self.streams.add(("whole" if fact.whole else "broken",))
        if fact.code:
            self.refused.add((fact.code,))

    def _invocation_refused(self, life: Life, fact: facts.InvocationRefused) -> None:
        self.refused.add((fact.code,))
        if fact.code in NO_ROOM and (budget := fact.detail.get("budget")):
            self.budget_refusals.add((str(budget),))
        if fact.code == "rate_limited" and (limit := fact.detail.get("rate_limit")):
            self.rate_refusals.add((str(limit),))

    def _caller_left(self, life: Life, fact: facts.CallerLeft) -> None:
        self.callers_left.add((fact.where,))
        if fact.where == "streaming":
            self.streams.add(("caller_left",))

    def _invocation_finished(self, life: Life, fact: facts.InvocationFinished) -> None:
        state = life.state
        model, outcome = fact.model, fact.outcome
        if model and model not in life.snapshot.models:
            model = policy_name(life.snapshot, model)
        self.invocations.cell((outcome, model, fact.provider, state.rule, state.invocation.dialect))[0] += 1
        if life.reviewed:
            return
        self.duration.observe((outcome,), fact.duration_ns)
        if outcome == "answered" and not life.waited:
            self.overhead.observe(NONE, self._monotonic() - life.arrived - life.upstream_ns)


def _word(text: str) -> str:
    """A text that is no word may hold a number, and numbers have no end."""
    return text if WORD.fullmatch(text) else m.OTHER


def policy_name(snapshot: Snapshot, model: str) -> str:
    """The policy's own name for a model: itself, or the pattern that knows it."""
    if model in snapshot.models:
        return model
    return next((pattern for pattern, _ in snapshot.patterns if fits(pattern, model)), m.OTHER)
