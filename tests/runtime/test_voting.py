"""Reviews as people decide them in a running process: quorums, edits, words, claims, reminders and escalations, over restarts."""

import asyncio
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.runtime.test_recovery import restart
from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine, Runtime
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.reviews.cases import CLAIM_NS, ORIGINAL, Voter
from orchvynt.language.snapshot import Escalation, Gate
from orchvynt.lifecycle.explain import explain
from orchvynt.model.facts import Choice, ReviewDecided
from orchvynt.model.faults import Fault
from orchvynt.runtime.parked_one import ParkedOne

FINANCE = frozenset({"finance"})
ANA, BEN, CFO = Voter("ana@example.com", FINANCE), Voter("ben@example.com", FINANCE), Voter("cfo@example.com", frozenset({"heads"}))
TOKEN = Voter("token:ci")
GATE = Gate("g", "output", None, "finance", False, 20 * SECOND, quorum=2)


def parked(gate: Gate = GATE, owner: str = "") -> tuple[Runtime, ParkedOne, FakeLine]:
    """An answer that waits, and so does its caller."""
    runtime = Runtime(snapshot(gates=(gate,)))
    life, line = runtime.ask(replace(invocation(), key_owner=owner))
    runtime.last.answers(WHOLE)
    one = runtime.parked.invocation(life.id)
    assert one is not None
    return runtime, one, line


def cast(runtime: Runtime, one: ParkedOne, voter: Voter, choice: Choice = "approve", text: str = "", reason: str = "") -> Fault | None:
    return asyncio.run(runtime.voting.vote(one.review, choice, voter, reason, text=text))


def content(line: FakeLine) -> str:
    said = line.json["choices"][0]["message"]["content"]
    assert isinstance(said, str)
    return said


def read_again(runtime: Runtime, one: ParkedOne) -> FakeLine:
    async def poll() -> FakeLine:
        line = FakeLine()
        runtime.reviewing.poll(one, line, "", 0)
        await until(lambda: line.ended != "", 5)
        return line

    return asyncio.run(poll())


def test_two_people_approve_and_the_first_vote_lets_nothing_through() -> None:
    runtime, one, line = parked()
    assert cast(runtime, one, ANA) is None
    assert (one.open, line.ended) == (True, "")
    again = cast(runtime, one, ANA)
    assert again is not None
    assert again.code == "conflict"
    assert cast(runtime, one, BEN) is None
    assert (line.status, line.body) == (200, WHOLE)
    assert "x-orchvynt-review-edited" not in line.headers
    row = asyncio.run(runtime.store.review(one.review))
    assert row is not None
    assert ([vote.by for vote in row.votes], row.by, row.decision) == ([ANA.by, BEN.by], BEN.by, "approve")
    late = cast(runtime, one, BEN)
    assert late is not None
    assert late.detail == {"review": one.review, "status": "approved", "by": BEN.by}


def test_only_who_is_asked_decides_and_never_who_asked() -> None:
    runtime, one, _ = parked(replace(GATE, quorum=1, not_requester=True), owner=ANA.by)
    for voter in (CFO, Voter("eve@example.com"), ANA, TOKEN):
        fault = cast(runtime, one, voter)
        assert fault is not None
        assert fault.code == "forbidden"
    assert cast(runtime, one, BEN) is None


@pytest.mark.parametrize("restarts", [False, True])
def test_an_edit_under_quorum_needs_another_vote_and_survives_a_restart(restarts: bool) -> None:
    runtime, one, line = parked()
    assert cast(runtime, one, ANA) is None
    assert cast(runtime, one, BEN, "edit", "better words", "typo") is None
    if restarts:
        line.leave()
        runtime, _ = restart(runtime, snapshot(gates=(GATE,)))
        found = runtime.parked.review(one.review)
        assert found is not None
        one = found
    assert [vote.by for vote in one.votes] == [BEN.by], "who approved what was there before has not approved this"
    blind = asyncio.run(runtime.voting.vote(one.review, "approve", ANA, "", edition=ORIGINAL))
    assert blind is not None
    assert cast(runtime, one, ANA) is None
    answers = [read_again(runtime, one) for _ in range(2)] if restarts else [line, read_again(runtime, one)]
    assert {(answer.status, content(answer), answer.headers["x-orchvynt-review-edited"]) for answer in answers} == {
        (200, "better words", "edit")
    }
    assert answers[0].body == answers[1].body
    record = asyncio.run(runtime.store.facts(one.inv))
    decided = next(fact for fact in record if isinstance(fact, ReviewDecided))
    assert (decided.decision, decided.by) == ("edit", ANA.by)
    assert decided.diff.endswith("+better words")
    told = explain(record)
    assert "edited by ana@example.com" in told.verdict
    assert "better words" not in json.dumps([entry.detail for entry in told.timeline]) + told.verdict, "a record tells no words"


def test_a_response_takes_the_place_of_the_answer() -> None:
    runtime, one, line = parked(replace(GATE, quorum=1))
    empty = cast(runtime, one, ANA, "respond", " ")
    assert empty is not None
    assert empty.param == "reply"
    assert cast(runtime, one, ANA, "respond", "ask the desk") is None
    assert (content(line), line.headers["x-orchvynt-review-edited"]) == ("ask the desk", "respond")
    assert read_again(runtime, one).body == line.body


@pytest.mark.parametrize(("reason", "said"), [("wrong account", "wrong account"), ("", "A reviewer rejected this answer at gate g.")])
def test_a_rejection_in_words_is_a_turn_of_the_assistant(reason: str, said: str) -> None:
    runtime, one, line = parked(replace(GATE, rejects_in_words=True))
    assert cast(runtime, one, ANA, "reject", reason=reason) is None
    assert (one.status, line.status) == ("rejected", 200)
    assert content(line) == said
    assert line.json["choices"][0]["finish_reason"] == "stop"
    assert line.headers["x-orchvynt-review-edited"] == "reject"
    assert read_again(runtime, one).body == line.body


def test_a_claim_keeps_others_out_lapses_and_survives_a_restart() -> None:
    runtime, one, line = parked(replace(GATE, quorum=1))
    line.leave()
    assert runtime.voting.claim(one.review, ANA) is None
    later, _ = restart(runtime, snapshot(gates=(GATE,)))
    for fault in (later.voting.claim(one.review, BEN), later.voting.release(one.review, BEN), cast(later, one, BEN)):
        assert fault is not None
        assert (fault.code, fault.detail["claimed_by"]) == ("conflict", ANA.by)
    assert later.voting.release(one.review, ANA) is None
    assert later.voting.claim(one.review, BEN) is None
    later.clock.advance(CLAIM_NS)
    assert cast(later, one, ANA) is None
    assert later.journal.tags.count("review_claimed") == 1


def test_what_cannot_be_written_did_not_happen() -> None:
    runtime, one, _ = parked()
    runtime.journal.broken = True
    for fault in (cast(runtime, one, ANA), runtime.voting.claim(one.review, ANA)):
        assert fault is not None
        assert fault.code == "store_unavailable"
    assert (one.votes, one.claimed_by) == ((), "")
    runtime.journal.broken = False
    assert cast(runtime, one, ANA) is None
    assert len(one.votes) == 1


def test_a_decision_reaches_a_held_caller_without_the_store() -> None:
    """Its state and its case are in memory: no question to the store stands between the vote and the answer."""
    runtime, one, line = parked(replace(GATE, quorum=1))
    runtime.store.away = True
    vote = runtime.voting.vote(one.review, "approve", ANA, "")
    with pytest.raises(StopIteration):
        vote.send(None)  # the first step is the last: nothing was awaited
    assert line.body == WHOLE


CHAIN = replace(
    GATE,
    quorum=1,
    remind_ns=(10 * SECOND, 30 * SECOND),
    escalation=(Escalation(60 * SECOND, "heads"), Escalation(90 * SECOND, "board"), Escalation(120 * SECOND, "")),
)


def test_reminders_then_one_group_after_another_then_the_end() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot(gates=(CHAIN,)))
        life, line = runtime.ask(invocation())
        runtime.last.answers(WHOLE)
        line.leave()
        one = runtime.parked.invocation(life.id)
        assert one is not None
        told: list[list[str]] = []
        for _ in range(13):
            runtime.later(10 * SECOND)
            await asyncio.sleep(0.02)
            told.append(list(one.terms.reviewers))
        assert told[4] == ["finance"]
        assert told[6] == ["finance", "heads"]
        assert told[9] == ["finance", "heads", "board"]
        assert (one.status, one.by) == ("expired", "escalation")
        tags = runtime.journal.tags
        assert [tags.count(f"review_{what}") for what in ("reminded", "escalated", "decided")] == [2, 2, 1]
        row = await runtime.store.review(one.review)
        assert row is not None
        assert (row.status, row.reminded, row.reminds, row.reviewers) == ("expired", 2, (), ("finance", "heads", "board"))

    asyncio.run(scenario())


def test_what_fell_due_while_nothing_ran_happens_once_after_the_restart() -> None:
    left = Runtime(snapshot(gates=(CHAIN,)))
    left.ask(invocation())
    left.last.answers(WHOLE)
    left.clock.advance(70 * SECOND)
    runtime, _ = restart(left, snapshot(gates=(CHAIN,)))

    async def scenario() -> None:
        for _ in range(3):
            runtime.later(SECOND)
            await asyncio.sleep(0.02)
        one = runtime.parked.oldest_open()
        assert one is not None
        assert (one.reminded, one.reminds, one.escalations) == (1, (), 1)
        assert await runtime.voting.vote(one.review, "approve", CFO, "") is None, "the further group may decide"

    asyncio.run(scenario())


PEOPLE = [Voter(f"{name}@example.com", FINANCE) for name in ("ana", "ben", "cem", "dee")]
ACTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["approve", "edit", "reject", "claim", "release", "restart"])), max_size=14)


class Naive:
    """One review as a bookkeeper would keep it: who is for which text."""

    def __init__(self, quorum: int) -> None:
        self.quorum = quorum
        self.text, self.by, self.claimed, self.ended = "", set[str](), "", ""

    def act(self, who: str, what: str) -> bool:
        """Whether it counts."""
        if self.ended or (self.claimed and self.claimed != who):
            return False
        if what in ("claim", "release"):
            self.claimed = who if what == "claim" else ""
            return True
        if what == "approve" and who in self.by:
            return False
        self.by = {who} if what == "edit" else self.by | {who}
        self.text = f"by {who}" if what == "edit" else self.text
        self.claimed = ""
        if what == "reject" or len(self.by) >= self.quorum:
            self.ended = "rejected" if what == "reject" else "approved"
        return True


@settings(max_examples=60, deadline=None)
@given(ACTS, st.integers(1, 3), st.integers(0, 2**32))
def test_racing_reviewers_and_restarts_against_a_naive_model(acts: list[tuple[int, str]], quorum: int, seed: int) -> None:
    """Several act at the same time, in any order that their tasks take; the model takes them in the order of what was answered."""
    gate = replace(GATE, quorum=quorum)
    runtime, one, line = parked(gate)
    line.leave()
    naive, chance, place = Naive(quorum), Random(seed), 0
    while place < len(acts):
        burst = acts[place : place + chance.randint(1, 4)]
        place += len(burst)
        if any(what == "restart" for _, what in burst):
            runtime, _ = restart(runtime, snapshot(gates=(gate,)))
            continue
        order: list[tuple[int, str, bool]] = []

        async def act(who: int, what: str, order: list[tuple[int, str, bool]], on: Runtime) -> None:
            voter = PEOPLE[who]
            if what in ("claim", "release"):
                fault = on.voting.claim(one.review, voter) if what == "claim" else on.voting.release(one.review, voter)
            else:
                choice: Choice = "edit" if what == "edit" else "reject" if what == "reject" else "approve"
                fault = await on.voting.vote(one.review, choice, voter, "", text=f"by {voter.by}" if what == "edit" else "")
            order.append((who, what, fault is None))

        async def race(burst: list[tuple[int, str]], order: list[tuple[int, str, bool]], on: Runtime) -> None:
            await asyncio.gather(*(act(who, what, order, on) for who, what in burst))

        asyncio.run(race(burst, order, runtime))
        for who, what, counted in order:
            assert naive.act(PEOPLE[who].by, what) == counted, (who, what)
    found = runtime.parked.review(one.review)
    assert found is not None
    assert found.status == (naive.ended or "open")
    decided = [fact for fact in asyncio.run(runtime.store.facts(one.inv)) if isinstance(fact, ReviewDecided)]
    assert len(decided) == bool(naive.ended)
    answer = read_again(runtime, found)
    if naive.ended == "approved":
        assert (answer.status, answer.body == WHOLE if not naive.text else content(answer) == naive.text) == (200, True)
    else:
        assert answer.status == (403 if naive.ended else 409)
