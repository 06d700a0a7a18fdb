"""Streams that break after content was delivered, as scripts: who goes on with them, and when nobody does."""

import msgspec
import pytest
from tests.support.playbook import Playbook, Recorded, admitted, received
from tests.support.snapshots import invocation, snapshot

from orchvynt.decisions.fallback.moves import Rest
from orchvynt.dialects.seams import Prefix
from orchvynt.dialects.shapes import Failure, Seen
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.commands import Admit, BreakStream, CancelAttempt, Close, EndStream, Flow, KeepAlive, PutToRest, Send
from orchvynt.lifecycle.events import AttemptFailed, CallerGone, NotAdmitted, ShutDown, StreamEnded, StreamStarted
from orchvynt.model import facts
from orchvynt.model.chat import Reply, ToolCall
from orchvynt.model.usage import Usage

SEEN = Seen("chatcmpl-1", "gpt-4o", True, 5)
SECOND_ASK = Admit(2, "claude", "att_1.2")
BROKE = ("attempt_ended", "attempt_settled", "fallback_activated")
BROKEN_OFF = ("attempt_ended", "attempt_settled", "stream_ended", "invocation_finished")


def said(text: str = "Hello", calls: tuple[ToolCall, ...] = (), refusal: str = "") -> Reply:
    return Reply("chatcmpl-1", "gpt-4o", 1, text, calls, "", None, refusal)


def breaks(reply: Reply | None, outcome: str = "cut", seen: Seen = SEEN, stale: bool = False) -> AttemptFailed:
    return AttemptFailed(5_000, 50, Failure(outcome, 200, "words"), True, True, 0.5, seen, 9, "", stale, reply)


def policy(mid_stream: str = "continue", tiers: tuple[str, ...] = ("gpt", "claude"), claude: str = "prefill") -> Snapshot:
    made = snapshot(tiers=tiers)
    third = msgspec.structs.replace(made.models["gpt"], name="third")
    models = {**made.models, "claude": msgspec.structs.replace(made.models["claude"], continues=claude), "third": third}
    return msgspec.structs.replace(
        made, models=models, chains={"default": msgspec.structs.replace(made.chains["default"], mid_stream=mid_stream)}
    )


def streaming(made: Snapshot, schema: bool = False, choices: int = 1) -> Playbook:
    """A stream of which content is out."""
    asked = invocation(stream=True)
    asked = msgspec.structs.replace(asked, ask=msgspec.structs.replace(asked.ask, wants_json_schema=schema, choices=choices))
    return (
        Playbook(made, asked)
        >> received()
        << [Recorded("invocation_received", "routed"), Admit(1, "gpt", "att_1.1")]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
        >> StreamStarted(4_000, 40, "chatcmpl-1")
        << [Recorded("answer_delivered"), Flow()]
    )


def under_rescue(made: Snapshot) -> Playbook:
    """A stream that broke off, and the next tier under way."""
    return (
        streaming(made)
        >> breaks(said())
        << [Recorded(*BROKE), KeepAlive(), SECOND_ASK]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
    )


def test_the_next_tier_goes_on_with_what_was_delivered() -> None:
    playbook = streaming(policy())
    playbook >> breaks(said()) << [Recorded(*BROKE), KeepAlive(), SECOND_ASK]
    commands = playbook._step(playbook.state, admitted())
    send = next(command for command in commands if isinstance(command, Send))
    assert (send.prefix, send.keep, send.flow) == (Prefix("prefill", "Hello"), True, True)


def test_a_rescue_is_on_record_and_ends_whole() -> None:
    playbook = (
        under_rescue(policy())
        >> StreamStarted(6_000, 60, "msg_1", (), 3)
        << [Recorded("stream_rescued"), Flow()]
        >> StreamEnded(7_000, 70, Seen("msg_1", "claude", True, 6, "stop", Usage(20, 5), True), None, b"", 11)
        << [Recorded("attempt_ended", "attempt_settled", "stream_ended", "fallback_ended", "invocation_finished"), EndStream(), Close()]
    )
    rescued = next(fact for fact in playbook.facts if isinstance(fact, facts.StreamRescued))
    assert (rescued.method, rescued.from_model, rescued.to_model, rescued.to_tier) == ("prefill", "gpt", "claude", 2)
    assert (rescued.delivered_bytes, rescued.cut_chars) == (5, 3)
    ended = next(fact for fact in playbook.facts if isinstance(fact, facts.StreamEnded))
    assert (ended.whole, ended.bytes) == (True, 20)
    over = next(fact for fact in playbook.facts if isinstance(fact, facts.FallbackEnded))
    assert (over.trigger, over.tier, over.model, over.outcome, over.duration_ns) == ("cut", 2, "claude", "answered", 2_000)


def test_a_rescue_that_breaks_too_is_gone_on_with_by_the_tier_after_it() -> None:
    playbook = (
        under_rescue(policy(tiers=("gpt", "claude", "third")))
        >> StreamStarted(6_000, 60, "msg_1")
        << [Recorded("stream_rescued"), Flow()]
        >> breaks(said(" wor"))
        << [Recorded(*BROKE), KeepAlive(), Admit(3, "third", "att_1.3")]
    )
    assert playbook.state.broken == Prefix("instruct", "Hello wor")


@pytest.mark.parametrize("outcome", ["bad_request", "malformed", "server_error", "timeout", "content_filter"])
def test_a_model_that_does_not_go_on_is_passed_over_whatever_it_says(outcome: str) -> None:
    rest = [PutToRest("anthropic", "claude", Rest(15_000_000_000, False, "timeout"))] if outcome == "timeout" else []
    playbook = under_rescue(policy(tiers=("gpt", "claude", "third")))
    playbook >> breaks(None, outcome) << [*rest, Recorded(*BROKE), KeepAlive(), Admit(3, "third", "att_1.3")]


def test_after_the_last_tier_it_ends_with_the_error_event() -> None:
    playbook = (
        under_rescue(policy())
        >> breaks(None, "bad_request")
        << [
            Recorded("attempt_ended", "attempt_settled"),
            KeepAlive(),
            Recorded("stream_ended", "fallback_ended", "invocation_finished"),
            BreakStream,
            Close(),
        ]
    )
    ended = next(fact for fact in playbook.facts if isinstance(fact, facts.StreamEnded))
    assert (ended.whole, ended.code) == (False, "all_providers_failed")
    verdict = playbook.state.verdict
    assert verdict is not None
    assert verdict.message.startswith("The answer of gpt broke off (cut)"), "how it broke, not how the rescue failed"
    assert [one["trigger"] for one in verdict.detail["attempts"]] == ["cut", "bad_request"]
    # All that the caller got came from the first.
    over = next(fact for fact in playbook.facts if isinstance(fact, facts.InvocationFinished))
    assert (over.model, over.provider, over.tier) == ("gpt", "openai", 1)


def test_a_tier_that_was_only_silent_is_asked_after_all_others() -> None:
    (
        streaming(policy(tiers=("gpt", "claude", "third")))
        >> breaks(said())
        << [Recorded(*BROKE), KeepAlive(), SECOND_ASK]
        >> NotAdmitted(5_500, 55, "resting", rests_ns=9_000_000_000, rest_why="timeout", later="at_once")
        << [Recorded("candidate_skipped"), Admit(3, "third", "att_1.2")]
        >> NotAdmitted(5_600, 56, "price", detail="unknown")
        << [Recorded("candidate_skipped"), Admit(2, "claude", "att_1.2", at_last=True)]
    )


def test_a_tier_that_rests_or_has_no_budget_is_passed_over() -> None:
    playbook = (
        streaming(policy(tiers=("gpt", "claude", "third")))
        >> breaks(said())
        << [Recorded(*BROKE), KeepAlive(), SECOND_ASK]
        >> NotAdmitted(5_500, 55, "resting", rests_ns=1, rest_why="timeout")
        << [Recorded("candidate_skipped"), Admit(3, "third", "att_1.2")]
        >> NotAdmitted(5_600, 56, "price", detail="unknown")
        << [Recorded("candidate_skipped"), Recorded("stream_ended", "fallback_ended", "invocation_finished"), BreakStream, Close()]
    )
    assert playbook.state.phase == "done"


def test_prefill_comes_first_and_never_is_left_out() -> None:
    made = policy(tiers=("gpt", "third", "claude"))
    (streaming(made) >> breaks(said())) << [Recorded(*BROKE), KeepAlive(), Admit(3, "claude", "att_1.2")]
    made = policy(tiers=("gpt", "claude", "third"), claude="never")
    (streaming(made) >> breaks(said())) << [Recorded(*BROKE), KeepAlive(), Admit(3, "third", "att_1.2")]
    made = policy(claude="never")
    (streaming(made) >> breaks(said())) << [Recorded(*BROKEN_OFF), BreakStream, Close()]


@pytest.mark.parametrize(
    ("reply", "how"),
    [
        (said(calls=(ToolCall("c", "f", "{"),)), {}),
        (said(refusal="I cannot"), {}),
        (said(), {"schema": True}),
        (None, {"choices": 2}),
        (None, {}),
    ],
)
def test_what_cannot_be_continued_ends_with_the_error_event(reply: Reply | None, how: dict[str, int]) -> None:
    playbook = streaming(policy(), schema=bool(how.get("schema")), choices=how.get("choices", 1))
    playbook >> breaks(reply) << [Recorded(*BROKEN_OFF), BreakStream, Close()]


@pytest.mark.parametrize(("mid_stream", "outcome"), [("fail", "cut"), ("restart", "cut"), ("continue", "content_filter")])
def test_the_chain_decides(mid_stream: str, outcome: str) -> None:
    (streaming(policy(mid_stream)) >> breaks(said(), outcome)) << [Recorded(*BROKEN_OFF), BreakStream, Close()]


def test_audio_is_never_continued() -> None:
    heard = Seen("chatcmpl-1", "gpt-4o", True, 5, audible=True)
    (streaming(policy()) >> breaks(said(""), seen=heard)) << [Recorded(*BROKEN_OFF), BreakStream, Close()]


@pytest.mark.parametrize("mid_stream", ["restart", "continue"])
def test_where_nothing_was_delivered_the_next_tier_answers_anew(mid_stream: str) -> None:
    playbook = (
        streaming(policy(mid_stream), schema=True)
        >> breaks(said(""))
        << [Recorded(*BROKE), KeepAlive(), SECOND_ASK]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
        >> StreamStarted(6_000, 60, "msg_1")
        << [Recorded("stream_rescued"), Flow()]
    )
    rescued = next(fact for fact in playbook.facts if isinstance(fact, facts.StreamRescued))
    assert (rescued.method, rescued.delivered_bytes) == ("restart", 0)


def test_a_stale_connection_is_repeated_once_within_a_rescue() -> None:
    playbook = under_rescue(policy())
    (
        playbook
        >> breaks(None, "connection", stale=True)
        << [Recorded("attempt_ended", "attempt_settled"), KeepAlive(), Admit(2, "claude", "att_1.3")]
    )
    commands = playbook._step(playbook.state, admitted())
    assert [command.fresh for command in commands if isinstance(command, Send)] == [True]
    ended, over = ("attempt_ended", "attempt_settled"), ("stream_ended", "fallback_ended", "invocation_finished")
    playbook >> breaks(None, "connection", stale=True) << [Recorded(*ended), KeepAlive(), Recorded(*over), BreakStream, Close()]


def test_callers_and_stops_within_a_rescue() -> None:
    playbook = under_rescue(policy()) >> CallerGone(6_000, 60)
    tags = ("caller_left", "attempt_ended", "attempt_settled", "fallback_ended", "invocation_finished")
    playbook << [Recorded(*tags), CancelAttempt(), Close()]
    playbook = under_rescue(policy()) >> ShutDown(6_000, 60)
    tags = ("stream_ended", "attempt_ended", "attempt_settled", "fallback_ended", "invocation_finished")
    playbook << [Recorded(*tags), CancelAttempt(), BreakStream, Close()]
    ended = next(fact for fact in playbook.facts if isinstance(fact, facts.StreamEnded))
    assert (ended.whole, ended.bytes) == (False, 9)
