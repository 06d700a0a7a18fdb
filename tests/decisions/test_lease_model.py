"""Several processes and one store: leases beside a naive count of every hold, with kills, lost answers, new limits, new names and windows
that roll over."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, precondition, rule

from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.decisions.budgets.accounts import AccountKey, Line
from orchvynt.decisions.budgets.application import lines
from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.budgets.asking import takes, to_ask
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.leasing import given_back
from orchvynt.decisions.budgets.needs import Fits, Need, Short
from orchvynt.decisions.budgets.portions import NOTHING, at_least
from orchvynt.decisions.budgets.questions import Wanted, hear, question
from orchvynt.decisions.budgets.sizing import size
from orchvynt.decisions.budgets.windows import placed_in
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.facts import AttemptSettled, BudgetGranted, Reserved
from orchvynt.model.money import FREE
from orchvynt.model.usage import NO_USAGE
from orchvynt.ports.carried import Carried

T = TypeVar("T")

SECOND = 1_000_000_000
BEGAN = 1_790_000_000 * SECOND
ROLLS = 200 * SECOND
BUDGETS = (
    Budget("minutely", "global", None, "minute"),
    Budget("rolling", "workflow", None, "rolling", rolls_ns=ROLLS),
    Budget("life", "workflow", None, "lifetime"),
)
PROCESSES = 3


def driven(work: Coroutine[Any, Any, T]) -> T:
    """A coroutine of the memory store, which never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what it returns
    raise AssertionError("it waits")


class Held(msgspec.Struct):
    """One hold, as the naive count has it."""

    attempt: str
    process: str
    at: int
    subject: str
    tokens: int
    parts: tuple[Reserved, ...]
    settled: int | None = None
    over: bool = False


class Process:
    """What one process knows, and what its journal holds that is not filed."""

    def __init__(self, name: str, store: MemoryStore) -> None:
        self.name = name
        self.ledger = LeasedLedger()
        self.journal = MemoryJournal(store, name)
        self.unfiled: list[AttemptSettled] = []


class World(RuleBasedStateMachine):
    holds = Bundle("holds")

    @initialize(limits=st.tuples(st.integers(0, 120), st.integers(0, 120), st.integers(0, 120)))
    def begin(self, limits: tuple[int, int, int]) -> None:
        self.at, self.mono, self.born = BEGAN, 5 * SECOND, 0
        self.store = MemoryStore(lambda: self.at)
        self.budgets = [msgspec.structs.replace(one, limits=Limits(tokens=limit)) for one, limit in zip(BUDGETS, limits, strict=True)]
        self.granted: dict[tuple[int, str], int] = {}
        self.held: list[Held] = []
        self.processes = [self.new_process() for _ in range(PROCESSES)]
        self.dead: list[Process] = []
        self.names: list[tuple[str, str]] = []

    def new_process(self) -> Process:
        self.born += 1
        made = Process(f"prc_{self.born}", self.store)
        for was, name in driven(self.store.renamed()):
            made.ledger.rename(was, name)
        return made

    def lines(self, process: Process, subject: str) -> tuple[Line, ...]:
        applied = [Applied(0, "*"), Applied(1, subject), Applied(2, subject)]
        return lines(self.budgets, applied, "m", self.at, process.ledger.grants)

    def limit(self, number: int, subject: str) -> int:
        limit = self.budgets[number].limits.tokens or 0
        return limit + (self.granted.get((number, subject), 0) if number == 2 else 0)

    def spent(self, number: int, subject: str) -> tuple[int, int]:
        """What is truly settled and held on a budget for a subject, wherever, filed or not."""
        budget, settled, held = self.budgets[number], 0, 0
        window = placed_in(budget, self.at)[0]
        for one in self.held:
            if number and one.subject != subject:
                continue
            begins, ends = placed_in(BUDGETS[number], one.at)
            counts = ends > self.at if budget.rolls_ns else begins == window or budget.window == "lifetime"
            if counts:
                settled += one.settled or 0
                held += 0 if one.over else one.tokens
        return settled, held

    def overruns(self) -> int:
        return sum(max(0, (one.settled or 0) - one.tokens) for one in self.held)

    def question(self, process: Process, wanted: dict[AccountKey, Wanted], lost: bool = False) -> None:
        asked = [question(key, one, process.ledger, PROCESSES) for key, one in wanted.items()]
        answer = driven(self.store.lease(process.name, asked))
        for one, given in zip(wanted.values(), answer.given, strict=True) if not lost else ():
            hear(one, given, process.ledger, self.mono)

    def attempt(self, process: Process, subject: str, tokens: int, lost: bool = False, waits: bool = False) -> Held | Short | None:
        """What admission does: weighs, asks where it has to, and holds or not. None where an answer was lost."""
        for _ in range(6):
            stands_on = self.lines(process, subject)
            result = size(Need(tokens, 0, 16_384, 4_096, FREE), stands_on, process.ledger)
            needed = takes(result, 0)
            doubted = to_ask(stands_on, result, needed, process.ledger, self.mono)
            if not doubted:
                return self.place(process, stands_on, subject, tokens) if isinstance(result, Fits) else result
            short = [process.ledger.leased.get(process.ledger.key(line)) for line in doubted]
            if any(one is not None and one.short != NOTHING and one.known_at == self.mono for one in short):
                return Short(doubted[0], True, "tokens", 0, 0, 0, tokens, needed)
            wanted = {process.ledger.key(line): Wanted(line.limits, need=needed, waits=waits) for line in doubted}
            self.question(process, wanted, lost)
            if lost:
                return None
        raise AssertionError("it asks without an end")

    def place(self, process: Process, stands_on: tuple[Line, ...], subject: str, tokens: int) -> Held:
        name = f"att_{len(self.held)}"
        parts = process.ledger.place(name, stands_on, 0, tokens)
        assert isinstance(parts, tuple)
        held = Held(name, process.name, self.at, subject, tokens, parts)
        self.held.append(held)
        for number in range(3):
            settled, open_now = self.spent(number, subject)
            assert settled + open_now <= self.limit(number, subject) + self.overruns(), f"over {self.budgets[number].name}"
        return held

    @rule(target=holds, number=st.integers(0, PROCESSES - 1), subject=st.sampled_from("ab"), tokens=st.integers(1, 30), lost=st.booleans())
    def ask(self, number: int, subject: str, tokens: int, lost: bool) -> Any:
        result = self.attempt(self.processes[number], subject, tokens, lost)
        if isinstance(result, Held):
            return result
        if isinstance(result, Short) and not result.waits:
            self.check_refused(subject, tokens)
        return multiple()

    def check_refused(self, subject: str, tokens: int) -> None:
        settled = [self.spent(number, subject)[0] for number in range(3)]
        assert any(spent + tokens > self.limit(number, subject) for number, spent in enumerate(settled)), "a false refusal"

    @rule(hold=holds, used=st.integers(0, 34), settle=st.booleans())
    def end(self, hold: Held, used: int, settle: bool) -> None:
        process = next((one for one in self.processes if one.name == hold.process), None)
        if hold.over or process is None:
            return
        self.end_one(process, hold, used if settle else None)

    def end_one(self, process: Process, hold: Held, used: int | None) -> None:
        hold.over, hold.settled = True, used
        receipt = tuple(msgspec.structs.replace(part, tokens=used) for part in hold.parts) if used is not None else ()
        process.ledger.release(hold.attempt, receipt, self.at)
        if receipt:
            process.unfiled.append(AttemptSettled("inv_1", self.at, hold.attempt, NO_USAGE, 0, receipt, "policy"))

    @rule(number=st.integers(0, PROCESSES - 1), count=st.integers(1, 5))
    def file(self, number: int, count: int) -> None:
        process = self.processes[number]
        process.journal.append_all([[fact] for fact in process.unfiled[:count]])
        del process.unfiled[:count]

    @rule(number=st.integers(0, PROCESSES - 1))
    def kill(self, number: int) -> None:
        self.dead.append(self.processes[number])
        self.processes[number] = self.new_process()

    @precondition(lambda self: self.dead)
    @rule()
    def recover(self) -> None:
        """The journal of a dead process is reconciled: what was sent is settled at its hold, then its leases end."""
        process = self.dead.pop()
        for hold in self.held:
            if hold.process == process.name and not hold.over:
                self.end_one(process, hold, hold.tokens)
        process.journal.append_all([[fact] for fact in process.unfiled])
        driven(self.store.end_leases(process.name))

    @rule(number=st.integers(0, PROCESSES - 1))
    def give_back_for_others(self, number: int) -> None:
        process = self.processes[number]
        for recall in driven(self.store.recalls(process.name)):
            account = process.ledger.leased.get(recall.key)
            idle = at_least(account.idle, NOTHING) if account is not None else NOTHING
            self.question(process, {recall.key: Wanted(keep=given_back(idle, recall.wanted))})

    @rule(number=st.integers(0, PROCESSES - 1), closes=st.booleans(), lost=st.booleans())
    def give_all_back(self, number: int, closes: bool, lost: bool) -> None:
        process = self.processes[number]
        self.question(process, {key: Wanted(keep=NOTHING, closes=closes) for key in process.ledger.leased}, lost)

    @rule(seconds=st.one_of(st.integers(1, 5), st.integers(1, 250)))
    def time_goes_by(self, seconds: int) -> None:
        self.at += seconds * SECOND
        self.mono += seconds * SECOND
        for process in self.processes:
            for key in process.ledger.look_at_some():
                if key[2] and process.ledger.is_over(key, self.at, self.mono, {}):
                    process.ledger.drop_leases((key,))

    @rule(number=st.integers(0, 2), limit=st.integers(0, 120))
    def a_limit_changes(self, number: int, limit: int) -> None:
        self.budgets[number] = msgspec.structs.replace(self.budgets[number], limits=Limits(tokens=limit))
        self.time_goes_by(1)

    @rule(subject=st.sampled_from("ab"), tokens=st.integers(1, 30))
    def a_grant(self, subject: str, tokens: int) -> None:
        process = self.processes[0]
        name = f"grant_{len(self.granted)}_{self.at}"
        given = BudgetGranted("", self.at, name, self.budgets[2].name, subject, 0, 0, 0, 0, tokens, "ana")
        if process.ledger.grants.find(name) is None:
            process.journal.append([given])
            process.ledger.grants.add(given)
            self.granted[2, subject] = self.granted.get((2, subject), 0) + tokens
            self.time_goes_by(1)

    @precondition(lambda self: not self.granted)
    @rule(number=st.integers(0, 2))
    def a_budget_gets_another_name(self, number: int) -> None:
        was = self.budgets[number].name
        name = f"{BUDGETS[number].name}-{len(self.names)}"
        self.names.append((was, name))
        carried = Carried(((was, name),), tuple(name if one.name == was else one.name for one in self.budgets))
        assert driven(self.store.add_policy("y", "d", "", "x", 1, None, "", 0, carried))
        for process in self.processes:
            process.ledger.rename(was, name)
        self.budgets[number] = msgspec.structs.replace(self.budgets[number], name=name)

    @rule(number=st.integers(0, PROCESSES - 1), subject=st.sampled_from("ab"), tokens=st.integers(1, 30))
    def what_is_left_can_be_spent(self, number: int, subject: str, tokens: int) -> None:
        """With nothing in flight, whoever asks gets it if it is there at all, and is refused if not."""
        for process in self.processes:
            for hold in self.held:
                if hold.process == process.name and not hold.over:
                    self.end_one(process, hold, hold.tokens // 2)
        while self.dead:
            self.recover()
        for other in range(PROCESSES):
            self.file(other, 1 << 30)
        result: Any = None
        for _ in range(8):
            self.time_goes_by(1)
            result = self.attempt(self.processes[number], subject, tokens, waits=True)
            if isinstance(result, Held) or not result.waits:
                break
            for other in range(PROCESSES):
                if other != number:
                    self.give_back_for_others(other)
        if isinstance(result, Held):
            self.end_one(self.processes[number], result, tokens)
        else:
            assert not result.waits, "it waits, and nothing is in flight"
            self.check_refused(subject, tokens)


World.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLeasesBesideANaiveCount = World.TestCase
