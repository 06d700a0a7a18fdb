"""Gates of every stage, as scripts: before the send, on tool calls, on a share, after the delivery, and only observing."""

from typing import Any

import msgspec
from tests.support.lives import condition
from tests.support.playbook import ANSWER, ASK_FIRST, Playbook, Recorded, admitted, received
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.dialects.shapes import Answer, Seen
from orchvynt.language.compiled_gates import Stage
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Escalation, Gate, Snapshot
from orchvynt.lifecycle import admission
from orchvynt.lifecycle.asked_gates import as_stored, asked_gate, covers
from orchvynt.lifecycle.commands import (
    AnyCommand,
    Close,
    Deliver,
    EndStream,
    Escalate,
    Flow,
    GoOn,
    JudgeAgain,
    Park,
    Record,
    Refuse,
    ReviewLater,
    Send,
)
from orchvynt.lifecycle.events import AnswerArrived, EscalationDue, JudgedAgain, StreamEnded, StreamStarted, Voted
from orchvynt.lifecycle.going_on import judged_again
from orchvynt.lifecycle.state import State, decode
from orchvynt.lifecycle.table import step
from orchvynt.lifecycle.waiting_callers import pending
from orchvynt.model.chat import Reply, ToolCall
from orchvynt.model.facts import AnyFact, GateJudged, ReviewOpened
from orchvynt.model.usage import Usage

BEGUN = ("invocation_received", "gate_judged", "review_opened")
PAYS = Reply("c", "gpt-4o", 1, "", (ToolCall("1", "look", "{}"), ToolCall("2", "pay", '{"sum": 50}')), "tool_calls", Usage(9, 1))


def gate(name: str = "g", stage: Stage = "input", text: str = "", **more: Any) -> Gate:
    made = Gate(name, stage, condition(text, stage) if text else None, "people", False, 5 * SECOND)
    return msgspec.structs.replace(made, **more)


def life(*gates: Gate, stream: bool = False, tools: tuple[str, ...] = (), choices: int = 1) -> Playbook:
    asked = invocation(stream=stream)
    asked = msgspec.structs.replace(asked, ask=msgspec.structs.replace(asked.ask, tool_names=tools, choices=choices))
    return Playbook(snapshot(gates=gates), asked) >> received()


def sent(*gates: Gate, stream: bool = False, tools: tuple[str, ...] = (), judged: int = 0, choices: int = 1) -> Playbook:
    playbook = life(*gates, stream=stream, tools=tools, choices=choices)
    playbook << [Recorded("invocation_received", *["gate_judged"] * judged, "routed"), ASK_FIRST]
    return playbook >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]


def again(playbook: Playbook, today: Snapshot) -> list[AnyCommand]:
    state, event = playbook.state, JudgedAgain(5_000, 50)
    values = RequestValues(state.invocation, event.at, lambda: "hello")
    commands = judged_again(today, playbook.snapshot, state, event, values, values, nothing_observed(), Subjects())
    playbook.facts += [fact for command in commands if isinstance(command, Record) for fact in command.facts]
    return commands


def judged(facts: list[AnyFact]) -> list[GateJudged]:
    return [fact for fact in facts if isinstance(fact, GateJudged)]


def opened(playbook: Playbook) -> ReviewOpened:
    return [fact for fact in playbook.facts if isinstance(fact, ReviewOpened)][-1]


def approve(playbook: Playbook) -> Playbook:
    return (
        playbook
        >> Voted(4_000, 40, "approve", "token:ana", "fine")
        << [Recorded("review_decided"), GoOn("rev_1.1", "token:ana", 4_000), JudgeAgain()]
    )


def test_an_input_gate_parks_the_request_before_it_is_routed() -> None:
    one = gate(quorum=2, not_requester=True, require_reason=True, escalation=(Escalation(60 * SECOND, "more"), Escalation(90 * SECOND, "")))
    playbook = life(one) << [Recorded(*BEGUN), Park]
    told = opened(playbook)
    assert (told.stage, told.quorum, told.not_requester, told.require_reason, told.escalation) == ("input", 2, True, True, "to more")
    assert decode(told.state).invocation.ask.body, "it must still be sent"
    assert "before anything is sent, for a human review at gate g" in pending(playbook.state).message
    playbook >> EscalationDue(3_000, 30) << [Recorded("review_escalated"), Escalate("rev_1.1", 1_500 + 90 * SECOND, "more")]
    playbook >> EscalationDue(4_000, 40) << [Recorded("review_decided", "invocation_refused", "invocation_finished"), Refuse, Close()]
    assert playbook.state.verdict is not None
    assert (playbook.state.verdict.code, playbook.state.invocation.ask.body) == ("review_expired", b"")


def test_an_approved_request_is_routed_and_its_answer_is_owed() -> None:
    playbook = approve(life(gate()) << [Recorded(*BEGUN), Park])
    commands = again(playbook, playbook.snapshot)
    assert [type(command) for command in commands] == [Record, type(ASK_FIRST)]
    assert playbook.tags()[-1] == "routed"
    playbook >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    playbook >> AnswerArrived(6_000, 60, ANSWER)
    playbook << [
        Recorded("attempt_ended", "attempt_settled", "answer_delivered", "review_concluded", "invocation_finished"),
        Deliver(),
        Close(),
    ]


def test_a_rejected_request_is_never_sent() -> None:
    playbook = life(gate()) << [Recorded(*BEGUN), Park]
    (
        playbook
        >> Voted(4_000, 40, "reject", "token:ana", "no")
        << [Recorded("review_decided", "invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.message == "token:ana rejected the call at gate g, so it was not sent: no."


def test_several_input_gates_are_asked_one_after_the_other_and_output_gates_later() -> None:
    playbook = life(gate("a"), gate("z", "output"), gate("b")) << [
        Recorded("invocation_received", "gate_judged", "gate_judged", "review_opened"),
        Park,
    ]
    assert opened(playbook).gate == "a"
    (playbook >> Voted(4_000, 40, "approve", "token:ana", "") << [Recorded("review_decided", "review_opened"), Park])
    (
        playbook
        >> Voted(4_100, 41, "approve", "token:ben", "")
        << [Recorded("review_decided"), GoOn("rev_1.2", "token:ben", 4_100), JudgeAgain()]
    )
    again(playbook, playbook.snapshot)
    playbook >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    (playbook >> AnswerArrived(6_000, 60, ANSWER) << [Recorded("attempt_ended", "attempt_settled", "review_opened"), Park])


def test_an_approval_counts_under_todays_policy_only_where_that_asks_for_no_more() -> None:
    asked = gate(quorum=1)
    for today, parks in (
        (gate(), False),
        (gate(text='"nobody" in flags'), False),
        (gate(quorum=2), True),
        (gate(not_requester=True), True),
        (gate(reviewers="others"), True),
        (gate("new"), True),
        (gate("new", text="context.amount + 1 > 5"), True),
        (gate("new", enforced=False), False),
        (gate("new", after_delivery=True), False),
        (gate("g", "output"), False),
    ):
        playbook = approve(life(asked) << [Recorded(*BEGUN), Park])
        commands = again(playbook, snapshot(gates=(today,)))
        assert any(isinstance(command, Park) for command in commands) == parks, today
        assert playbook.state.owed != parks
        if parks:
            found = asked_gate(playbook.snapshot, decode(opened(playbook).state))
            assert found == as_stored(today), "a later policy's gate is kept with the state"
    assert covers(gate(quorum=2), gate())


def test_what_was_approved_twice_under_two_policies_is_not_asked_again() -> None:
    playbook = approve(life(gate()) << [Recorded(*BEGUN), Park])
    today = snapshot(gates=(gate(quorum=2), gate("new", escalation=(Escalation(SECOND, ""),))))
    again(playbook, today)
    playbook >> Voted(6_000, 60, "approve", "token:ben", "") << [Recorded("review_decided", "review_opened"), Park]
    assert opened(playbook).escalates_at
    playbook >> Voted(7_000, 70, "approve", "token:ben", "") << [Recorded("review_decided"), GoOn, JudgeAgain()]
    assert isinstance(again(playbook, today)[-1], type(ASK_FIRST))


def test_a_stream_that_an_input_gate_refuses_is_told_so_at_once_and_after_an_approval() -> None:
    refusing = gate(refuse_streams=True)
    playbook = life(refusing, stream=True) << [
        Recorded("invocation_received", "gate_judged", "invocation_refused", "invocation_finished"),
        Refuse,
        Close(),
    ]
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.code == "gate_refused"
    later = approve(life(gate("first"), stream=True) << [Recorded(*BEGUN), Park])
    assert [type(command) for command in again(later, snapshot(gates=(refusing,)))] == [Record, Refuse, Close]
    assert "review_concluded" in later.tags(), "whoever comes back is told the same"
    life(refusing) << [Recorded(*BEGUN), Park]


def test_a_request_gate_that_fails_closes_and_says_why() -> None:
    playbook = life(gate(text="context.amount + 0 > 100")) << [Recorded(*BEGUN), Park]
    (found,) = judged(playbook.facts)
    assert (found.verdict, found.stage) == ("failed", "input")
    assert found.problem
    assert found.reads


def test_a_tool_call_parks_the_whole_answer_and_the_record_names_it() -> None:
    one = gate("g", "tool_call", 'tool.name == "pay" && tool.args.sum > 10')
    playbook = sent(one, stream=True, tools=("pay",))
    seen = Seen("c", "gpt-4o", True, 4, "tool_calls", Usage(9, 1), True)
    (
        playbook
        >> StreamEnded(5_000, 50, seen, PAYS, b"", 0)
        << [Recorded("attempt_ended", "attempt_settled", "gate_judged", "review_opened"), Park]
    )
    (found,) = judged(playbook.facts)
    assert (found.calls, found.reads) == (((1, "pay"),), {"tool.name": "pay", "tool.args": "<text>"})
    assert opened(playbook).stage == "tool_call"


def test_a_stream_flows_that_offers_no_tool_the_gate_may_match() -> None:
    one = gate("g", "tool_call", 'tool.name == "pay"')
    for tools in ((), ("look",)):
        playbook = Playbook(snapshot(gates=(one,)), invocation(stream=True))
        playbook.state.invocation = msgspec.structs.replace(
            playbook.state.invocation, ask=msgspec.structs.replace(playbook.state.invocation.ask, tool_names=tools)
        )
        playbook >> received() << [Recorded("invocation_received", "routed", "gate_judged"), ASK_FIRST]
        assert playbook.state.streams
    assert not sent(one, stream=True, tools=("pay",)).state.streams
    (
        sent(one)
        >> AnswerArrived(5_000, 50, ANSWER)
        << [
            Recorded("attempt_ended", "attempt_settled", "gate_judged", "answer_delivered", "invocation_finished"),
            Deliver(),
            Close(),
        ]
    )


def test_a_review_after_the_delivery_holds_nothing_and_only_records() -> None:
    one = gate("g", "output", "output.tokens > 0", after_delivery=True, escalation=(Escalation(SECOND, "more"), Escalation(2 * SECOND, "")))
    playbook = sent(one) >> AnswerArrived(5_000, 50, ANSWER)
    playbook << [
        Recorded("attempt_ended", "attempt_settled", "gate_judged", "answer_delivered", "review_opened", "invocation_finished"),
        Deliver(),
        ReviewLater,
        Close(),
    ]
    told = opened(playbook)
    assert (told.after_delivery, told.join_key, playbook.state.review) == (True, "", "")
    copy = decode(told.state)
    assert copy.reply is not None
    assert (copy.phase, copy.reply.text, copy.answer, copy.invocation.ask.body) == ("delivered", "hi", None, b"")
    assert [type(one) for one in step(playbook.snapshot, copy, EscalationDue(6_000, 60))] == [Record, Escalate]
    expired = step(playbook.snapshot, copy, EscalationDue(7_000, 70))
    assert [type(one) for one in expired] == [Record]
    for decision in ("approve", "reject"):
        (record,) = step(playbook.snapshot, decode(told.state), Voted(6_000, 60, decision, "token:ana", "seen"))
        assert isinstance(record, Record)
        assert [type(fact).__name__ for fact in record.facts] == ["ReviewDecided"]


def test_a_stream_that_flows_is_kept_for_its_reviewers_while_it_is_short_enough() -> None:
    one = gate("g", "output", "output.tokens > 0", after_delivery=True)
    seen = Seen("c", "gpt-4o", True, 4, "stop", Usage(9, 1), True)
    for kept in (Reply("c", "gpt-4o", 1, "hey", (), "stop", Usage(9, 1)), None):
        playbook = sent(one, stream=True) >> StreamStarted(3_000, 30, "c") << [Recorded("answer_delivered"), Flow()]
        playbook >> StreamEnded(5_000, 50, seen, kept, b"", 9)
        playbook << [
            Recorded("attempt_ended", "attempt_settled", "stream_ended", "gate_judged", "review_opened", "invocation_finished"),
            EndStream(),
            ReviewLater,
            Close(),
        ]
        (found,) = judged(playbook.facts)
        assert (found.verdict, "too long" in found.problem) == (("matched", False) if kept else ("failed", True))
        assert decode(opened(playbook).state).reply == kept


def test_several_choices_are_refused_by_what_holds_and_closed_by_what_does_not() -> None:
    playbook = life(gate("g", "output", "output.tokens > 0"), choices=2)
    playbook << [Recorded("invocation_received", "routed", "invocation_refused", "invocation_finished"), Refuse, Close()]
    playbook = sent(gate("g", "output", "output.tokens > 0", after_delivery=True), choices=2) >> AnswerArrived(5_000, 50, ANSWER)
    playbook << [
        Recorded("attempt_ended", "attempt_settled", "gate_judged", "answer_delivered", "review_opened", "invocation_finished"),
        Deliver(),
        ReviewLater,
        Close(),
    ]
    assert "2 choices" in judged(playbook.facts)[0].problem


def test_what_only_observes_changes_nothing_and_says_what_it_would_have_done() -> None:
    gates = (
        gate("request", enforced=False),
        gate("stream", "output", "output.tokens > 90", enforced=False, refuse_streams=True),
        gate("answer", "output", "output.tokens > 0", enforced=False),
        gate("later", "output", enforced=False, after_delivery=True),
        gate("not", "output", "output.tokens > 90", enforced=False),
    )
    playbook = life(*gates, stream=True) << [Recorded("invocation_received", "gate_judged", "routed", "gate_judged"), ASK_FIRST]
    playbook >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    playbook >> StreamStarted(3_000, 30, "c") << [Recorded("answer_delivered"), Flow()]
    seen = Seen("c", "gpt-4o", True, 4, "stop", Usage(9, 1), True)
    playbook >> StreamEnded(5_000, 50, seen, Reply("c", "m", 1, "hey", (), "stop", Usage(9, 1)), b"", 9)
    playbook << [
        Recorded("attempt_ended", "attempt_settled", "stream_ended", "gate_judged", "gate_judged", "gate_judged", "invocation_finished"),
        EndStream(),
        Close(),
    ]
    assert {fact.gate: fact.would for fact in judged(playbook.facts)} == {
        "request": "would_park",
        "stream": "would_refuse",
        "answer": "would_park",
        "later": "would_review",
        "not": "",
    }


def test_a_sample_of_nothing_is_not_judged_at_all() -> None:
    playbook = life(gate("a", sample=0), gate("b", "output", sample=0), stream=True) << [
        Recorded("invocation_received", "routed"),
        ASK_FIRST,
    ]
    assert playbook.state.streams


def test_a_gate_on_flags_reads_flags_and_nothing_of_the_body() -> None:
    """What a stream that matches nothing costs: the flags are looked at, no text is read, and nothing of the answer is kept."""
    read: list[str] = []

    def text() -> str:
        read.append("text")
        return "hello"

    sends = []
    for gates in ((gate("g", "output", '"review" in flags'),), ()):
        policy, state = snapshot(gates=gates), State(invocation(stream=True))
        values = RequestValues(state.invocation, 1_500, text)
        admission.begin(policy, state, received(), values, nothing_observed(), Subjects())
        assert (dict(values), read) == ({"flags": ()} if gates else {}, [])
        sends += [command for command in step(policy, state, admitted()) if isinstance(command, Send)]
    assert sends[0] == sends[1], "sent as if there were no gate: it flows, and is not collected"
    assert not sends[0].keep


def test_an_answer_with_nothing_to_look_at_is_not_read() -> None:
    """The body is no JSON: whoever read it would stumble."""
    one = Playbook(snapshot(gates=(gate("g", "output", '"review" in flags && output.text == "x"'),)), invocation())
    one >> received() << [Recorded("invocation_received", "routed", "gate_judged"), ASK_FIRST]
    one >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    one >> AnswerArrived(5_000, 50, Answer(b"unread", "c", "gpt-4o", "stop", Usage(9, 1), 2))
    one << [Recorded("attempt_ended", "attempt_settled", "answer_delivered", "invocation_finished"), Deliver(), Close()]
