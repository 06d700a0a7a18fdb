"""The order of steps: whatever goes wrong, an exchange ends in bounded steps and is billed before its last bytes."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from orchvynt.scripted.anthropic_wire import AnthropicWire
from orchvynt.scripted.composing import compose
from orchvynt.scripted.faults import FAILURES, Fault, read_fault
from orchvynt.scripted.ollama_wire import OllamaWire
from orchvynt.scripted.openai_wire import OpenAiWire
from orchvynt.scripted.planning import REFUSING, Part, plan
from orchvynt.scripted.script import Answer
from orchvynt.scripted.shapes import Ask, Wire
from orchvynt.scripted.steps import End, Hang, Send, Settle, Step, Wait

WIRES: list[Wire] = [OpenAiWire(), AnthropicWire(), OllamaWire()]
NUMBERED = ("reset_after", "cut_after", "clean_end_without_terminal", "error_event_after", "stall_after")
SPECIAL: dict[str, Any] = {"status": 503, "echo_key": True, "gzip": "corrupt", "slow_first_token": "1ms"} | dict.fromkeys(NUMBERED, 2)
PLANNED = [*(name for name in FAILURES if name not in {"refuse_connections", "close_on_reuse", "pings_only"}), "gzip"]
STEPS_MAX = 5_000


def steps(wire: Wire, fault: Fault | None, *, stream: bool, answer: Answer | None = None) -> Iterator[Step]:
    answer = answer or Answer(text="one two six ten red fox sky")
    ask = Ask(wire.api, "m", stream, "hello", "", "", 7)
    return plan(Part(wire, compose(ask, answer, "p_1", 1), answer, "req_1", "/v1/x", "sk-secret", fault))


def fault_named(name: str, **more: Any) -> Fault:
    return read_fault({name: SPECIAL.get(name, True), **more})


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.api)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("name", PLANNED)
def test_every_failure_ends_and_is_billed_at_most_once(name: str, stream: bool, wire: Wire) -> None:
    done = list(islice(steps(wire, fault_named(name), stream=stream), STEPS_MAX))
    assert isinstance(done[-1], End | Hang)
    assert not any(isinstance(step, End | Hang) for step in done[:-1])
    bills = [step for step in done if isinstance(step, Settle)]
    refuses = name in REFUSING or (name == "error_event_after" and not stream)
    assert len(bills) == (0 if refuses or isinstance(done[-1], Hang) else 1)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.api)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_the_bill_stands_before_the_last_bytes(stream: bool, wire: Wire) -> None:
    done = list(steps(wire, None, stream=stream))
    assert done[-3:-1] == [Settle("whole"), done[-2]]
    assert isinstance(done[-2], Send)
    assert sum(step.tokens for step in done if isinstance(step, Send)) == (7 if stream else 0)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.api)
@pytest.mark.parametrize("name", [name for name in PLANNED if not name.startswith("giant")])
def test_the_manner_changes_writes_but_not_bytes(name: str, wire: Wire) -> None:
    def sent(**manner: Any) -> bytes:
        return b"".join(step.data for step in steps(wire, fault_named(name, **manner), stream=True) if isinstance(step, Send))

    plain = sent()
    assert sent(one_byte_writes=True) == plain
    assert sent(one_write=True) == plain


def test_one_write_is_one_write_and_one_byte_is_one_byte() -> None:
    one = [step for step in steps(WIRES[0], read_fault("one_write"), stream=True) if isinstance(step, Send)]
    assert len(one) == 1
    single = [step for step in steps(WIRES[0], read_fault("one_byte_writes"), stream=True) if isinstance(step, Send)]
    assert {len(step.data) for step in single} == {1}
    assert sum(step.tokens for step in single) == one[0].tokens == 7


@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize("count", [0, 3, 100])
def test_a_break_comes_after_that_many_frames(name: str, count: int) -> None:
    done = list(steps(WIRES[0], read_fault({name: count}), stream=True))
    frames = [step for step in done if isinstance(step, Send) and step.tokens]
    assert len(frames) == min(count, 7)
    text = b"".join(step.data for step in done if isinstance(step, Send))
    assert b"[DONE]\n" not in text
    assert (b'"finish_reason":"stop"' in text) == (count == 100)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_slow_first_token_is_waited_for_before_anything_is_said(stream: bool) -> None:
    done = list(steps(WIRES[0], read_fault({"slow_first_token": "30s"}), stream=stream))
    at = done.index(Wait(30.0))
    assert not any(isinstance(step, Send) and (step.tokens or not stream) for step in done[:at])
    assert done[-1] == End("keep")


def test_pings_never_end_and_say_nothing() -> None:
    done = list(islice(steps(WIRES[1], read_fault({"pings_only": True, "interval": "1ms"}), stream=True), 50))
    assert not any(isinstance(step, End | Settle) for step in done)
    assert all(b"text" not in step.data.split(b"\r\n\r\n")[-1] for step in done[1:] if isinstance(step, Send))
