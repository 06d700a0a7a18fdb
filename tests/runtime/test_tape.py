"""What goes out under one key: every caller gets all of it, in order, however late it comes and however slowly it reads."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.carrying import FakeLine

from orchvynt.model.invocation import Idempotency
from orchvynt.ports.caller import CallerLine, Headers
from orchvynt.runtime.tape import Room, Tape

KEY = Idempotency("scope", "request")


class SlowLine(FakeLine):
    """Full after so many writes, until it is drained."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    def write(self, data: bytes) -> None:
        super().write(data)
        self.takes -= 1
        if self.takes == 0 and self.on_full is not None:
            self.on_full()

    def drain(self, takes: int) -> None:
        self.takes = takes
        if self.on_drained is not None:
            self.on_drained()


class Desk:
    """The keeper of one tape, the turns of its loop, and the life behind it."""

    def __init__(self, answer_bytes: int = 1000, bytes_max: int = 1000) -> None:
        self.room = Room(answer_bytes, bytes_max)
        self.turn: list[Callable[[], None]] = []
        self.tape = Tape(KEY, "inv_1", self.room, self.turn.append, self)
        self.heard: list[str] = []
        self.tape.on_gone = lambda: self.heard.append("gone")
        self.tape.on_full = lambda: self.heard.append("full")
        self.tape.on_drained = lambda: self.heard.append("drained")

    def ended(self, tape: Tape) -> None:
        self.heard.append(tape.end_of)

    def deserted(self, tape: Tape) -> None:
        self.heard.append("deserted")

    def end_turn(self) -> None:
        while self.turn:
            self.turn.pop(0)()

    def listens(self, line: FakeLine | None = None, request_id: str = "") -> FakeLine:
        line = line or FakeLine()
        self.tape.listen(line, request_id)
        return line


def test_a_whole_answer_goes_to_all_after_it_was_kept() -> None:
    desk = Desk()
    lines = [desk.listens(), desk.listens(request_id="r-2")]
    ended: list[str] = []
    desk.heard = ended
    desk.tape.answer(200, [("a", "1")], b"hi", shared=(("b", "2"),))
    assert ended == ["answered"]
    assert [(line.ended, line.status, line.body) for line in lines] == [("answered", 200, b"hi")] * 2
    assert [line.headers for line in lines] == [{"b": "2", "a": "1"}, {"b": "2", "a": "1", "x-request-id": "r-2"}]
    assert desk.tape.headers == (("b", "2"), ("a", "1"))
    assert lines[0].on_gone is None


def test_a_late_caller_gets_the_stream_from_its_first_byte() -> None:
    desk = Desk()
    early = desk.listens()
    desk.tape.start(200, [("a", "1")], "text/event-stream")
    desk.tape.write(b"one ")
    desk.end_turn()
    late = desk.listens()
    desk.end_turn()
    assert (early.body, late.body) == (b"one ", b"one ")
    desk.tape.write(b"two")
    desk.tape.end()
    assert [(line.body, line.ended, line.headers) for line in (early, late)] == [(b"one two", "ended", {"a": "1"})] * 2
    assert (b"".join(desk.tape.parts), desk.tape.end_of) == (b"one two", "ended")
    assert desk.room.used == 0


def test_the_end_of_a_stream_is_kept_before_a_caller_has_its_last_bytes() -> None:
    desk = Desk()
    line = desk.listens()
    desk.tape.start(200, [], "text/event-stream")
    desk.end_turn()
    had: list[bytes] = []
    desk.tape.write(b"[DONE]")
    had.append(line.body)
    desk.tape.end()
    assert (had, line.body) == ([b""], b"[DONE]")


def test_a_broken_stream_breaks_for_all() -> None:
    desk = Desk()
    lines = [desk.listens(), desk.listens()]
    desk.tape.start(200, [], "text/event-stream")
    desk.tape.write(b"error")
    desk.tape.abort()
    assert [(line.body, line.ended) for line in lines] == [(b"error", "aborted")] * 2
    assert desk.heard == ["aborted"]


def test_callers_may_leave_and_the_life_does_not_hear_of_it() -> None:
    desk = Desk()
    lines = [desk.listens(), desk.listens()]
    lines[0].leave()
    assert desk.heard == []
    lines[1].leave()
    assert (desk.heard, desk.tape.deserted) == (["deserted"], True)
    desk.tape.answer(200, [], b"hi")
    assert desk.heard == ["deserted", "answered"]


def test_a_lost_tape_is_gone_and_says_so_once() -> None:
    desk = Desk()
    desk.tape.start(200, [], "text/event-stream")
    desk.tape.write(b"x")
    assert desk.room.used == 1
    desk.tape.lose()
    desk.tape.lose()
    assert (desk.heard, desk.tape.gone, desk.room.used) == (["gone"], True, 0)
    desk.tape.write(b"late")
    desk.tape.end()
    desk.tape.answer(200, [], b"late")
    assert desk.heard == ["gone"]


def test_beyond_its_bound_a_stream_flows_at_the_pace_of_the_slowest_and_keeps_nothing() -> None:
    desk = Desk(answer_bytes=4)
    slow, quick = SlowLine(2), FakeLine()
    desk.listens(slow)
    desk.listens(quick)
    desk.tape.start(200, [], "text/event-stream")
    for part in (b"ab", b"cd", b"ef"):
        desk.tape.write(part)
        desk.end_turn()
    assert (desk.tape.replayable, desk.room.used, quick.body, slow.body) == (False, 0, b"abcdef", b"abcd")
    assert (desk.tape.parts, desk.heard) == ([b"ef"], ["full"])
    slow.drain(5)
    desk.end_turn()
    assert (slow.body, desk.tape.parts, desk.heard) == (b"abcdef", [], ["full", "drained"])
    desk.tape.write(b"gh")
    desk.tape.end()
    assert [(line.body, line.ended) for line in (slow, quick)] == [(b"abcdefgh", "ended")] * 2


def test_what_outgrows_its_bound_while_nobody_listens_is_for_nobody() -> None:
    desk = Desk(answer_bytes=4)
    line = desk.listens()
    line.leave()
    desk.tape.start(200, [], "text/event-stream")
    desk.tape.write(b"abcde")
    assert desk.heard == ["deserted", "deserted"]
    assert not desk.tape.replayable


def test_all_streams_together_have_a_bound() -> None:
    desk = Desk(bytes_max=10)
    other = Tape(KEY, "inv_2", desk.room, desk.turn.append, desk)
    for tape in (desk.tape, other):
        desk.listens() if tape is desk.tape else tape.listen(FakeLine(), "")
        tape.start(200, [], "text/event-stream")
    desk.tape.write(b"x" * 8)
    other.write(b"x" * 3)
    assert (desk.tape.replayable, other.replayable, desk.room.used) == (True, False, 8)
    desk.tape.end()
    assert desk.room.used == 0


def test_a_whole_answer_beyond_the_bound_is_told_and_not_kept() -> None:
    desk = Desk(answer_bytes=4)
    line = desk.listens()
    desk.tape.answer(200, [], b"abcde")
    assert (line.body, desk.tape.replayable) == (b"abcde", False)


def test_a_caller_that_had_gone_before_it_could_listen_is_forgotten() -> None:
    desk = Desk()
    line = FakeLine()
    line.leave()
    desk.listens(line)
    desk.tape.start(200, [], "text/event-stream")
    desk.end_turn()
    assert desk.tape.deserted


class BrokenLine(FakeLine):
    """A line with a defect."""

    def start(self, status: int, headers: Headers, content_type: str) -> None:
        raise ValueError("defect")


def test_one_line_that_fails_is_cut_and_the_others_hear_all(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk()
    broken, well = BrokenLine(), FakeLine()
    desk.listens(broken)
    desk.listens(well)
    desk.tape.start(200, [], "text/event-stream")
    desk.tape.write(b"all")
    desk.tape.end()
    assert (broken.ended, well.ended, well.body) == ("aborted", "ended", b"all")
    assert "inv_1 could not be told" in capsys.readouterr().err


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["write", "listen", "slow", "leave", "drain", "turn"]), st.integers(1, 4)), min_size=1, max_size=40
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS, st.sampled_from(["ended", "aborted"]), st.sampled_from([12, 1000]))
def test_whoever_stays_has_every_byte_in_order(actions: list[tuple[str, int]], how: str, answer_bytes: int) -> None:
    desk = Desk(answer_bytes=answer_bytes)
    keep: FakeLine = desk.listens()
    lines: list[FakeLine] = [keep]
    said = b""
    desk.tape.start(200, [], "text/event-stream")
    for number, (action, count) in enumerate(actions):
        if action == "write":
            part = bytes([65 + number % 26]) * count
            said += part
            desk.tape.write(part)
        elif action in ("listen", "slow") and desk.tape.replayable:
            line = SlowLine(count) if action == "slow" else FakeLine()
            lines.append(line)
            desk.listens(line)
        elif action == "leave" and len(lines) > 1:
            lines.pop(1 + number % (len(lines) - 1)).leave()
        elif action == "drain":
            for line in lines:
                if isinstance(line, SlowLine):
                    line.drain(count)
        elif action == "turn":
            desk.end_turn()
        assert all(said.startswith(line.body) for line in lines)
    end: CallerLine = desk.tape
    end.end() if how == "ended" else end.abort()
    for line in lines:
        if isinstance(line, SlowLine):
            line.drain(1000)
    desk.end_turn()
    assert {(line.body, line.ended) for line in lines} == {(said, how)}
    assert desk.room.used == 0
    if desk.tape.replayable:
        assert b"".join(desk.tape.parts) == said
