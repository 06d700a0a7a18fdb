"""Watches one life step by step and holds it to what is promised of every life. It knows commands and facts, not how they come about."""

from collections.abc import Callable
from typing import Final

from orchvynt.language.snapshot import Gate, Snapshot
from orchvynt.lifecycle import commands as c
from orchvynt.lifecycle import events
from orchvynt.lifecycle.state import State, decode
from orchvynt.model import facts as f

Told = Callable[[f.AnyFact], bool]
Asked = tuple[str, str]
"""A gate by its stage and its name."""


def _is(*kinds: type[f.Fact]) -> Told:
    return lambda fact: isinstance(fact, kinds)


# What must be on record, in the same list and before it, for a command to have an effect.
ANNOUNCED: Final[dict[type[c.Command], Told]] = {
    c.Send: _is(f.AttemptSent),
    c.CancelAttempt: _is(f.AttemptSettled),
    c.LeaveQueue: _is(f.InvocationFinished),
    c.WakeAfter: _is(f.RetryScheduled),
    c.Flow: lambda fact: (isinstance(fact, f.AnswerDelivered) and fact.streaming) or isinstance(fact, f.StreamRescued),
    # A life whose gates still look at what was given ends later.
    c.Deliver: _is(f.InvocationFinished, f.AnswerDelivered),
    c.EndStream: lambda fact: isinstance(fact, f.StreamEnded) and fact.whole,
    c.BreakStream: lambda fact: isinstance(fact, f.StreamEnded) and not fact.whole,
    c.Refuse: _is(f.InvocationRefused, f.CallerWaits),
    c.Park: _is(f.ReviewOpened),
    c.GoOn: _is(f.BudgetGranted, f.ReviewDecided),
    c.JudgeAgain: lambda fact: isinstance(fact, f.ReviewDecided) and fact.decision == "approve",
    c.ReviewLater: lambda fact: isinstance(fact, f.ReviewOpened) and fact.after_delivery,
    c.OpenHeldStream: _is(f.CallerWaits),
    c.Close: _is(f.InvocationFinished),
}


class Audit:
    """`waiting` is how many callers wait for an answer: everybody who waits is told once, whatever it is."""

    def __init__(self, policy: Snapshot) -> None:
        self.gates: dict[Asked, Gate] = {(gate.stage, gate.name): gate for gate in policy.gates}
        self.waiting = 1
        self.flowing = False
        self.hold: f.HoldPlaced | None = None
        self.attempts: set[str] = set()
        self.nanos = 0
        self.closing: set[Asked] = set()
        self.approved: set[Asked] = set()
        self.reviews: dict[str, str] = {}
        self.gate_of: dict[str, Asked] = {}
        self.wanted: dict[str, f.Wanted] = {}
        self.reviewed_later: list[f.ReviewOpened] = []
        self.unsent: set[str] = set()
        self.owed = ""
        self.granted: set[str] = set()
        self.finished: f.InvocationFinished | None = None
        self.closed = False
        self.in_words = False

    def under(self, policy: Snapshot) -> None:
        """From now on the gates of this policy have their say, too."""
        todays: dict[Asked, Gate] = {(gate.stage, gate.name): gate for gate in policy.gates if gate.stage == "input"}
        self.gates = todays | {one: gate for one, gate in self.gates.items() if one not in todays}

    def see(self, event: events.AnyEvent, commands: list[c.AnyCommand], state: State) -> None:
        assert not self.finished or commands == [], f"{type(event).__name__} after the end gives {commands}"
        if isinstance(event, events.CallerGone):
            self.waiting = 0
        elif isinstance(event, events.CallerJoined):
            self.waiting += 1
        noted: list[f.AnyFact] = []
        for command in commands:
            assert not self.closed, f"{command} after Close"
            if isinstance(command, c.Record):
                assert command.facts
                for fact in command.facts:
                    assert fact.inv == state.invocation.id
                    self._fact(fact)
                noted += command.facts
                continue
            if isinstance(command, c.ForJudge):
                command = command.command
                if isinstance(command, c.LeaveQueue):
                    continue  # the question is dropped, and the invocation goes on
            announced = ANNOUNCED.get(type(command))
            assert announced is None or any(announced(fact) for fact in noted), f"{command} is not announced by {noted}"
            self._effect(command, noted, state)
        assert bool(self.finished) == self.closed == (state.phase == "done")
        assert (state.judging or state).placed == self.hold, "the state knows of a hold that is not open, or forgot one"

    def _effect(self, command: c.AnyCommand, noted: list[f.AnyFact], state: State) -> None:
        match command:
            case c.Send():
                assert self.hold is not None
                assert (command.attempt, command.model) == (self.hold.attempt, self.hold.model)
                assert command.output_tokens_max == self.hold.output_tokens_max
                assert not command.flow or not self._kept_back(state)
            case c.Flow():
                rescued = any(isinstance(fact, f.StreamRescued) for fact in noted)
                assert rescued == self.flowing, "a stream begins once, and is gone on with only after it began"
                assert not self._kept_back(state)
                self.flowing = True
            case c.Deliver():
                assert not self.flowing
                assert not self._kept_back(state)
                told = any(isinstance(fact, f.AnswerDelivered) for fact in noted)
                assert told == bool(self.waiting), "an answer is delivered, on record, exactly if somebody waits"
                self.waiting = 0
            case c.EndStream() | c.BreakStream():
                assert self.flowing, "only what flows can end so"
                self.waiting = 0
            case c.Refuse():
                assert not self.flowing, "a refusal after part of an answer"
                self.waiting = 0
            case c.Close():
                self.closed = True

    def _kept_back(self, state: State) -> bool:
        """Whether a gate still has a say, by the state and by the record."""
        return bool(state.gates_open or state.gates_matched or self.closing - self.approved)

    def _fact(self, fact: f.AnyFact) -> None:
        assert self.finished is None, f"{fact} after InvocationFinished"
        match fact:
            case f.HoldPlaced():
                assert self.hold is None, "two holds at a time"
                assert fact.attempt not in self.attempts
                self.attempts.add(fact.attempt)
                self.hold = fact
            case f.AttemptSettled():
                self._settled(fact)
            case f.HoldVoided():
                assert self.hold is not None
                assert self.hold.attempt == fact.attempt
                self.hold = None
            case f.GateJudged() if fact.verdict != "passed":
                self._closes(fact)
            case f.ReviewOpened() if fact.after_delivery:
                assert self.gates[fact.stage, fact.gate].after_delivery
                assert not fact.join_key, "nobody comes back for what was delivered"
                assert decode(fact.state).phase == "delivered"
                self.reviewed_later.append(fact)
            case f.ReviewOpened():
                assert "" not in self.reviews.values(), "two reviews at a time"
                assert fact.review not in self.reviews
                if fact.wanted is not None:
                    assert not self.attempts, "parked before the send, and something was sent"
                    assert decode(fact.state).invocation.ask.body, "what has still to be sent is stored"
                    self.wanted[fact.review] = fact.wanted
                else:
                    following = [one for one in self.gates if one in self.closing - self.approved]
                    assert (fact.stage, fact.gate) == following[0], "gates are asked in the policy's order"
                if fact.stage == "input":
                    assert not self.attempts, "parked before the send, and something was sent"
                    assert decode(fact.state).invocation.ask.body, "what has still to be sent is stored"
                    self.unsent.add(fact.review)
                self.owed = ""
                self.reviews[fact.review], self.gate_of[fact.review] = "", (fact.stage, fact.gate)
                assert decode(fact.state).review == fact.review
            case f.ReviewDecided():
                assert self.reviews[fact.review] == "", "decided twice"
                self.reviews[fact.review] = fact.decision
                decode(fact.state)
                if fact.decision == "reject" and fact.review not in self.wanted and self.gates[self.gate_of[fact.review]].rejects_in_words:
                    # The reviewer's words are the answer, and nothing of the model's goes out.
                    self.closing.clear()
                    self.in_words = True
                if fact.decision == "approve" and fact.review in self.wanted:
                    assert fact.granted
                    self.owed = fact.review
                elif fact.decision == "approve":
                    self.approved.add(self.gate_of[fact.review])
                    if fact.review in self.unsent and not self.closing - self.approved:
                        self.owed = fact.review
            case f.BudgetGranted():
                assert self.owed == fact.review, "granted without its approval"
                assert fact.review not in self.granted, "granted twice"
                self.granted.add(fact.review)
            case f.ReviewConcluded():
                assert fact.review == self.owed, "only what is owed is kept, and once"
                assert decode(fact.state).phase == "done"
                self.owed = ""
            case f.InvocationFinished():
                assert self.hold is None, "finished with an open hold"
                assert not self.owed, "what an approval let go on ended, and nobody could come back for it"
                assert self.granted == {review for review in self.wanted if self.reviews[review] == "approve"}
                assert "" not in self.reviews.values(), "finished with an open review"
                assert fact.nanos == self.nanos
                self.finished = fact

    def _closes(self, fact: f.GateJudged) -> None:
        gate = self.gates[fact.stage, fact.gate]
        assert bool(fact.would) == (not gate.enforced), "a gate that observes says what it would have done, and no other"
        if gate.enforced and not gate.after_delivery:
            self.closing.add((fact.stage, fact.gate))
            # Judged again, it was not covered by what was approved before.
            self.approved.discard((fact.stage, fact.gate))

    def _settled(self, fact: f.AttemptSettled) -> None:
        placed, self.hold = self.hold, None
        assert placed is not None, "settled without a hold, or twice"
        assert placed.attempt == fact.attempt
        assert [(part.budget, part.subject, part.window) for part in fact.reserved] == [
            (part.budget, part.subject, part.window) for part in placed.reserved
        ]
        assert all((part.nanos, part.tokens) == (fact.nanos, fact.usage.total_tokens) for part in fact.reserved)
        if fact.usage.estimated:
            assert fact.usage.input_tokens >= placed.input_tokens_bound, "a bound below what may have been consumed"
            assert fact.usage.output_tokens >= (placed.output_tokens_max or 0)
        self.nanos += fact.nanos

    def check_over(self) -> None:
        assert self.finished is not None
        assert self.waiting == 0, "somebody still waits"
        refused = "reject" in self.reviews.values() or "expire" in self.reviews.values()
        assert not refused or self.finished.outcome == ("answered" if self.in_words else "refused")
