"""The ledger beside a naive one that keeps every hold and counts again, over windows of all kinds, new names and restarts."""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from orchvynt.decisions.budgets.accounts import Line
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.needs import Fits, Need, Short
from orchvynt.decisions.budgets.sizing import size
from orchvynt.decisions.budgets.windows import account_window, placed_in, slice_length
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.facts import Reserved
from orchvynt.model.money import FREE

SECOND = 1_000_000_000
BEGAN = 1_790_000_000 * SECOND
IDLE = 90 * SECOND
ROLLS = 200 * SECOND
BUDGETS = (
    Budget("minutely", "global", None, "minute"),
    Budget("rolling", "workflow", None, "rolling", rolls_ns=ROLLS),
    Budget("life", "workflow", None, "lifetime", idle_ns=IDLE),
)


class Held(msgspec.Struct):
    """One hold of the naive ledger: when and for whom, how much, and what became of it. `anew` counts the lifetimes of its subject."""

    attempt: str
    at: int
    subjects: tuple[str, ...]
    tokens: int
    parts: tuple[Reserved, ...]
    anew: int
    settled: int | None = None
    over: bool = False
    ended_at: int = 0
    remembered: bool = True


class Naive(RuleBasedStateMachine):
    holds = Bundle("holds")

    @initialize(limits=st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)))
    def begin(self, limits: tuple[int, int, int]) -> None:
        self.ledger = Ledger()
        self.now = BEGAN
        self.budgets = [msgspec.structs.replace(one, limits=Limits(tokens=limit)) for one, limit in zip(BUDGETS, limits, strict=True)]
        self.held: list[Held] = []
        self.names: list[tuple[str, str]] = []
        self.touched: dict[str, int] = {}
        self.lives: dict[str, int] = {}

    def lines(self, subject: str) -> list[Line]:
        subjects = ("*", subject, subject)
        made = zip(self.budgets, subjects, strict=True)
        return [Line(one, one.name, who, *placed_in(one, self.now), one.limits, self.now) for one, who in made]

    def naive(self, number: int, subject: str) -> tuple[int, int]:
        """What is settled and held on a budget for a subject now: every hold is looked at."""
        budget, settled, held = self.budgets[number], 0, 0
        for one in self.held:
            if one.subjects[number] != subject or not self.counts(budget, one):
                continue
            settled += one.settled or 0
            held += 0 if one.over else one.tokens
        return settled, held

    def counts(self, budget: Budget, one: Held) -> bool:
        if budget.window == "lifetime":
            return one.anew == self.life_of(one.subjects[2])
        window, over_at = placed_in(budget, one.at)
        return over_at > self.now if budget.rolls_ns else window == account_window(budget, self.now)[0]

    def life_of(self, subject: str) -> int:
        """A lifetime is over when the subject was idle, with nothing held."""
        open_now = any(not one.over and one.subjects[2] == subject for one in self.held)
        if not open_now and 0 < self.touched.get(subject, 0) <= self.now - IDLE:
            self.lives[subject] = self.lives.get(subject, 0) + 1
            self.touched[subject] = 0
        return self.lives.get(subject, 0)

    @rule(target=holds, subject=st.sampled_from("ab"), tokens=st.integers(1, 30))
    def ask(self, subject: str, tokens: int) -> Any:
        lines = self.lines(subject)
        result = size(Need(tokens, 0, 16_384, 4_096, FREE), lines, self.ledger)
        room = [(line.limits.tokens or 0) - sum(self.naive(number, line.subject)) >= tokens for number, line in enumerate(lines)]
        assert isinstance(result, Fits) == all(room)
        if isinstance(result, Short):
            settled = [self.naive(number, line.subject)[0] for number, line in enumerate(lines)]
            for_good = [spent + tokens > (line.limits.tokens or 0) for spent, line in zip(settled, lines, strict=True)]
            decides = for_good.index(True) if any(for_good) else room.index(False)
            assert result.line.budget == self.budgets[decides].name, "the first without room for good, else the first in their order"
            assert result.waits != any(for_good)
            self.check_reset(result, tokens)
            return multiple()
        attempt = f"a{len(self.held)}"
        parts = self.ledger.place(attempt, lines, 0, tokens)
        assert isinstance(parts, tuple)
        assert self.ledger.place(attempt, lines, 0, tokens) == "same"
        assert self.ledger.place(attempt, lines, 0, tokens + 1) == "different"
        assert self.ledger.place(attempt, lines[:1], 0, tokens) == "different"
        held = Held(attempt, self.now, tuple(line.subject for line in lines), tokens, parts, self.life_of(subject))
        self.held.append(held)
        self.touched[subject] = self.now
        recent = sum(
            one.tokens if not one.over else one.settled or 0
            for one in self.held
            if one.subjects[1] == subject and one.at > self.now - ROLLS
        )
        overrun = sum(max(0, (one.settled or 0) - one.tokens) for one in self.held)
        assert recent <= (self.budgets[1].limits.tokens or 0) + overrun, "never more than the limit within any window of that length"
        return held

    def check_reset(self, short: Short, tokens: int) -> None:
        if short.line.terms.rolls_ns and short.line.resets_at:
            assert self.now < short.line.resets_at <= self.now + ROLLS + slice_length(ROLLS)
            if tokens <= (short.line.limits.tokens or 0):
                later = msgspec.structs.replace(short.line, at=short.line.resets_at)
                fresh = self.restored(short.line.resets_at)
                assert isinstance(size(Need(tokens, 0, 16_384, 4_096, FREE), [later], fresh), Fits)

    @rule(hold=holds, used=st.integers(0, 40), settle=st.booleans())
    def end(self, hold: Held, used: int, settle: bool) -> None:
        receipt = tuple(msgspec.structs.replace(part, tokens=used) for part in hold.parts) if settle else ()
        said = self.ledger.release(hold.attempt, receipt, self.now)
        if not hold.remembered:
            assert said == "unknown", "another process ended it"
            return
        if hold.over:
            assert said == ("same" if hold.settled == (used if settle else None) else "different")
            return
        assert said == hold.parts
        self.life_of(hold.subjects[2])
        hold.over, hold.settled, hold.ended_at = True, used if settle else None, self.now
        self.touched[hold.subjects[2]] = self.now

    @rule()
    def an_unknown_id_ends_nothing(self) -> None:
        assert self.ledger.release("never placed", (Reserved("life", "a", 0, 0, 5),)) == "unknown"

    @rule(seconds=st.one_of(st.integers(0, 5), st.integers(1, 250)), past=st.integers(0, SECOND - 1))
    def time_goes_by(self, seconds: int, past: int) -> None:
        self.now += seconds * SECOND + past

    @rule(number=st.integers(0, 2), limit=st.integers(0, 60))
    def a_limit_changes(self, number: int, limit: int) -> None:
        self.budgets[number] = msgspec.structs.replace(self.budgets[number], limits=Limits(tokens=limit))

    @rule(number=st.integers(0, 2))
    def a_budget_gets_another_name(self, number: int) -> None:
        was = self.budgets[number].name
        name = f"{BUDGETS[number].name}-{len(self.names)}"
        self.names.append((was, name))
        self.ledger.rename(was, name)
        self.budgets[number] = msgspec.structs.replace(self.budgets[number], name=name)

    @rule()
    def what_is_over_is_forgotten(self) -> None:
        for subject in "ab":
            self.life_of(subject)
        self.ledger.forget_ended(self.now, {budget.name: budget.idle_ns for budget in self.budgets})

    @precondition(lambda self: self.held)
    @rule()
    def a_restart(self) -> None:
        for subject in "ab":
            life = self.life_of(subject)
            receipts = [one.ended_at for one in self.held if one.subjects[2] == subject and one.anew == life and one.settled is not None]
            self.touched[subject] = max(receipts, default=0)
        for one in self.held:
            one.remembered = not one.over
        self.ledger = self.restored(self.now)

    def restored(self, at: int) -> Ledger:
        """Another process: the rows as a store has them, and the holds that are open."""
        fresh = Ledger()
        for was, name in self.names:
            fresh.rename(was, name)
        rows: dict[tuple[Any, ...], list[int]] = {}
        for one in self.held:
            for part in one.parts if one.settled is not None else ():
                row = rows.setdefault((part.budget, part.subject, part.window, part.rolls_ns, part.ends_at), [0, 0])
                row[0] += one.settled or 0
                row[1] = max(row[1], one.ended_at)
        for (budget, subject, window, rolls_ns, ends_at), (tokens, touched_at) in sorted(rows.items(), key=lambda row: row[0][2]):
            if not ends_at or ends_at > at:
                fresh.put_back(Reserved(budget, subject, window, 0, tokens, rolls_ns=rolls_ns, ends_at=ends_at), touched_at)
        for one in self.held:
            if not one.over:
                fresh.restore(one.attempt, one.parts)
        return fresh

    @invariant()
    def both_say_the_same(self) -> None:
        for subject in "ab":
            for number, line in enumerate(self.lines(subject)):
                account = self.ledger.account(line)
                assert (account.settled_tokens, account.held_tokens) == self.naive(number, line.subject), line.budget


Naive.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLedgerBesideANaiveOne = Naive.TestCase
