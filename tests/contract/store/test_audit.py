"""The audit on every store: decisions become entries exactly once; what is dropped and forgotten is gone, and the chain still verifies."""

import asyncio
from typing import Any

import msgspec
from tests.contract.store import lives
from tests.contract.store.conftest import Opener, Pair

from orchvynt.lifecycle.state import State, encode
from orchvynt.model.chat import Reply, ToolCall
from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    GateJudged,
    InvocationReceived,
    ReviewClaimed,
    ReviewDecided,
    ReviewOpened,
    ReviewReleased,
    ReviewVoted,
    Vote,
)
from orchvynt.model.invocation import Ask, Claims, Invocation
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.audit import EvidenceRow, HoldRow, StateDue
from orchvynt.ports.outbox import MessageRow, News, OutboxChange
from orchvynt.ports.store import AuditRow

DAY = 24 * 3_600 * 1_000_000_000


def state(number: int, text: str = "the answer") -> bytes:
    invocation = Invocation(lives.inv_id(number), 1, "/v1", "openai_chat", "k", Claims(), Ask("gpt-4o", b'{"ask": 1}'))
    return encode(State(invocation, reply=Reply("r", "m", 1, text, (ToolCall("c", "pay", "{}"),), "stop")))


def whole(number: int, user: str = "") -> list[list[AnyFact]]:
    """A reviewed life: opened, claimed, released, voted, decided twice, delivered three times."""
    received = lives.received(number)
    claims = msgspec.structs.replace(received.claims, user=user, session=f"session of {user}" if user else "")
    start: list[AnyFact] = [
        msgspec.structs.replace(received, claims=claims),
        lives.routed(number),
        lives.placed(number),
        lives.sent(number),
    ]
    review, inv, at = lives.review_id(number), lives.inv_id(number), lives.START + number
    given = AnswerDelivered(inv, at + 100, 200, "gpt-4o", 1, review=review)
    return [
        start,
        [lives.settled(number), GateJudged(inv, at, "financial", "output", "matched", {"user": user}), lives.opened(number, state(number))],
        [ReviewClaimed(inv, at + 61, review, "ana@x", at + 99), ReviewReleased(inv, at + 62, review, "ana@x")],
        [ReviewVoted(inv, at + 70, review, Vote("ana@x", "approve", f"fine for {user}", at + 70))],
        [lives.decided(number, state=state(number)), lives.decided(number, "token:ben"), given, lives.finished(number)],
        [given],
        [given],
    ]


WHATS = ["review.open", "review.claim", "review.release", "review.vote", "review.approve", "review.deliver"]


async def filed(pair: Pair, *records: list[list[AnyFact]]) -> None:
    for record in records:
        for frame in record:
            pair.journal.append(frame)
    await pair.store.settled()


async def verified(pair: Pair) -> None:
    found = await pair.store.verify_audit((await pair.store.audit_head()).hash)
    assert (found.bad_at, found.problem) == (0, "")
    assert found.head == await pair.store.audit_head()


def test_decisions_are_entries_exactly_once(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await pair.store.audit(AuditRow(1, "token:ana", "token.issue", "", "ci"))
            await filed(pair, whole(1), whole(2))
            kept = (await pair.store.audits(100))[::-1]
            assert [one.what for one in kept] == ["token.issue", *WHATS, *WHATS]
            assert [one.number for one in kept] == list(range(1, 14))
            of_one = (await pair.store.audits(100, subject=lives.review_id(2)))[::-1]
            assert of_one == kept[7:]
            assert [one.what for one in await pair.store.audits(100, what="review.d")] == ["review.deliver", "review.deliver"]
            assert [one.number for one in await pair.store.audits(2, before=4, who="orchvynt")] == [2]
            opened, vote, decided = of_one[0], of_one[3], of_one[4]
            assert (opened.who, opened.details["gate"], opened.details["invocation"]) == ("orchvynt", "financial", lives.inv_id(2))
            assert set(msgspec.json.decode(opened.entry.digests)) == {"request", "answer"}
            assert (vote.who, vote.details) == ("ana@x", {"choice": "approve", "votes": 1, "quorum": 1})
            assert (decided.who, decided.why) == ("token:ana", "checked")
            assert await pair.store.audit_chain(7, 3) == kept[7:10]
            await verified(pair)
            assert (await pair.store.verify_audit("0" * 63 + "1")).bad_at == 14

    asyncio.run(run())


def test_what_gates_matched_is_found_by_time(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await filed(pair, whole(1), whole(2), whole(3))
            passed = GateJudged(lives.inv_id(4), lives.START + 4, "financial", "output", "passed")
            failed = GateJudged(lives.inv_id(5), lives.START + 2, "financial", "output", "failed")
            await filed(pair, [[lives.received(4), passed]], [[lives.received(5), failed, failed]])
            of = [lives.inv_id(number) for number in range(6)]
            assert await pair.store.matched("financial", lives.START + 2, lives.START + 3) == [of[2], of[5]]
            assert await pair.store.matched("financial", 0, 1 << 62) == [of[1], of[2], of[5], of[3]]
            assert await pair.store.matched("other", 0, 1 << 62) == []
            assert [inv for inv, _ in await pair.store.records("", 2)] == of[1:3]
            records = await pair.store.records(of[2], 10)
            assert [inv for inv, _ in records] == of[3:]
            assert records[0][1] == await pair.store.facts(of[3])

    asyncio.run(run())


def states_in(record: list[AnyFact]) -> list[bytes]:
    return [fact.state for fact in record if isinstance(fact, ReviewOpened | ReviewDecided)]


def test_states_of_decided_reviews_are_dropped_in_time(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            parked: list[list[AnyFact]] = [[lives.received(3), lives.opened(3)]]
            await filed(pair, whole(1), whole(2), parked)
            decided_at = lives.START + 1 + 90
            assert await pair.store.states_due(decided_at + DAY - 1, 10) == []
            due = await pair.store.states_due(decided_at + DAY, 10)
            assert due == [StateDue(lives.review_id(1), lives.inv_id(1), decided_at + DAY)]
            await pair.store.postpone_states(await pair.store.states_due(1 << 62, 10), decided_at + 9 * DAY)
            assert await pair.store.states_due(decided_at + 8 * DAY, 10) == []
            edit = ReviewDecided(lives.inv_id(1), lives.START + 95, lives.review_id(1), "edit", "late@x", b"s", "why", diff="-was\n+is")
            vote = ReviewVoted(lives.inv_id(1), lives.START + 96, lives.review_id(1), Vote("late@x", "edit", "why", 1, "said instead"))
            await filed(pair, [[edit], [vote]])
            before = await pair.store.facts(lives.inv_id(1))
            due = [msgspec.structs.replace(due[0], due_at=lives.START + 95 + DAY)]
            await pair.store.drop_states(due)
            after = await pair.store.facts(lives.inv_id(1))
            assert states_in(after) == [b""] * 4
            assert after[-2:] == [
                msgspec.structs.replace(edit, state=b"", diff=""),
                msgspec.structs.replace(vote, vote=Vote("late@x", "edit", "why", 1)),
            ], "what people wrote in place of an answer goes with it"
            rest = [msgspec.structs.replace(fact, state=b"") if hasattr(fact, "state") else fact for fact in before[:-2]]
            assert rest == after[:-2]
            assert await pair.store.review_state(lives.review_id(1)) is None
            assert await pair.store.review_state(lives.review_id(2)) == state(2)
            assert await pair.store.review_state(lives.review_id(3)) == b"\x00parked\xff"
            assert [one.review for one in await pair.store.states_due(1 << 62, 10)] == [lives.review_id(2)]
            await verified(pair)

    asyncio.run(run())


def test_holds_and_evidence(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            hold = HoldRow("hold_1", 5, "token:ana", "T-1", 'user == "u-1"')
            await pair.store.put_hold(hold)
            await pair.store.put_hold(HoldRow("hold_2", 4, "token:ana", "T-2", "cost > 1"))
            released = msgspec.structs.replace(hold, released_at=9, released_by="token:ben", release_why="over")
            await pair.store.put_hold(released)
            assert [row.hold for row in await pair.store.holds()] == ["hold_2", "hold_1"]
            assert (await pair.store.holds())[1] == released
            rows = [EvidenceRow(f"rev_{n}", "inv_1", 1, 10 + n, "key", b"\0n", b"\xffsealed") for n in range(3)]
            for row in (*rows, msgspec.structs.replace(rows[0], sealed=b"later")):
                await pair.store.keep_evidence(row)
            assert await pair.store.evidence("rev_0") == rows[0]
            assert await pair.store.evidence("rev_9") is None
            assert await pair.store.expired_evidence(11, 9) == rows[:2]
            assert await pair.store.expired_evidence(99, 1, "rev_0") == [rows[1]]
            await pair.store.drop_evidence(["rev_0", "rev_2"])
            assert await pair.store.expired_evidence(99, 9) == [rows[1]]

    asyncio.run(run())


def test_forgetting_leaves_ids_money_and_counts(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await filed(pair, whole(1, "u-erased"), whole(2, "u-other"))
            pair.journal.append([AnswerKept(lives.inv_id(1), 5, "scope", "r", 1 << 62, 200, "text/plain", (), b"said to u-erased")])
            await pair.store.settled()
            await pair.store.keep_evidence(EvidenceRow(lives.review_id(1), lives.inv_id(1), 1, 10, "key", b"n", b"s"))
            before = await pair.store.receipts(0, 1 << 62, 10)
            took = await pair.store.forget([lives.inv_id(1)], AuditRow(9, "token:ana", "audit.forget", "T-9", "audit", {"where": 1}))
            assert (took.invocations, took.reviews, took.answers, took.evidence, took.entries) == (1, 1, 1, 1, 3)
            left = repr([await pair.store.facts(lives.inv_id(1)), await pair.store.review(lives.review_id(1))])
            left += repr(await pair.store.audits(100, subject=lives.review_id(1)))
            assert "u-erased" not in left
            assert "the answer" not in left
            assert await pair.store.kept_answer("scope") is None
            assert await pair.store.evidence(lives.review_id(1)) is None
            assert await pair.store.review_state(lives.review_id(1)) is None
            assert "u-other" in repr(await pair.store.facts(lives.inv_id(2)))
            after = await pair.store.receipts(0, 1 << 62, 10)
            blank: dict[str, Any] = {"session": "", "user": "", "context": ""}
            assert after[0] == msgspec.structs.replace(before[0], **blank)
            assert after[1] == before[1]
            received = (await pair.store.facts(lives.inv_id(1)))[0]
            assert isinstance(received, InvocationReceived)
            assert (received.claims.workflow, received.claims.user, received.claims.context) == ("doc", "", {})
            newest = (await pair.store.audits(1))[0]
            assert (newest.what, newest.details["entries"], newest.details["invocations"]) == ("audit.forget", 3, 1)
            await verified(pair)
            found = await pair.store.verify_audit()
            assert found.forgotten == 3
            await pair.store.forget([lives.inv_id(1)], AuditRow(10, "token:ana", "audit.forget", "again", "audit"))
            await verified(pair)

    asyncio.run(run())


def test_what_waits_to_be_told_is_forgotten_with_its_record(opener: Opener) -> None:
    def message(name: str, data: dict[str, Any]) -> MessageRow:
        return MessageRow(name, "heads", "reviews financial", msgspec.json.encode({"type": "x", "data": data}), 1)

    async def told(pair: Pair, name: str) -> dict[str, Any]:
        row = await pair.store.message(name)
        assert row is not None
        said: dict[str, Any] = msgspec.json.decode(row.body)["data"]
        return said

    async def run() -> None:
        async with opener() as pair:
            await filed(pair, whole(1, "u-erased"), whole(2, "u-other"))
            one, other = lives.review_id(1), lives.review_id(2)
            said = {"excerpt": "said by u-erased", "reason": "a reason", "requester": "lead@x", "gate": "financial"}
            messages = [
                message("msg_1", {"reviews": [{"review": one, **said}, {"review": other, **said}]}),
                message("msg_2", {"review": one, "answer": {"text": "said"}, "poll": "/v1/x"}),
                message("msg_3", {"text": "session u-erased spent", "group": [{"subject": "u-erased"}, {"subject": "u-other"}]}),
                message("msg_4", {"reviews": [{"review": other, **said}]}),
            ]
            assigned = [News(0, "heads", news.fact) for news in await pair.store.news(100)]
            await pair.store.change_outbox(OutboxChange(news=assigned, messages=messages))
            before = (await pair.store.message("msg_4"), [news for news in await pair.store.news(100) if other.encode() in news.fact])
            await pair.store.forget([lives.inv_id(1)], AuditRow(9, "token:ana", "audit.forget", "T-9", "audit"))
            assert await told(pair, "msg_1") == {"reviews": [{"review": one, "gate": "financial"}, {"review": other, **said}]}
            assert await told(pair, "msg_2") == {"review": one, "poll": "/v1/x"}
            assert await told(pair, "msg_3") == {
                "text": "session (forgotten) spent",
                "group": [{"subject": "(forgotten)"}, {"subject": "u-other"}],
            }
            news = await pair.store.news(100)
            assert before == (await pair.store.message("msg_4"), [one for one in news if other.encode() in one.fact])
            facts = [*news, *await pair.store.news(100, assigned=True)]
            decided = [news.fact for news in facts if one.encode() in news.fact and b"review_decided" in news.fact]
            assert decided
            assert not any(b"checked" in fact for fact in decided), "the reason is gone"
            await pair.store.leave_no_traces()

    asyncio.run(run())
