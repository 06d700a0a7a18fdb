"""The input is counted exactly where its bytes do not fit: at once or later, and only then. A report beyond it ends the trust."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from tests.support.answers import ANTHROPIC_WHOLE, WHOLE
from tests.support.carrying import FakeLine, Runtime
from tests.support.hostile_texts import PROSE
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.adapters.tokens.inline import InlineCounting
from orchvynt.adapters.tokens.vocabulary import encoder
from orchvynt.catalog.counting import chat_tokens
from orchvynt.catalog.tokenizers import O200K
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.snapshot import Breach, Budget, Limits, Snapshot
from orchvynt.model.facts import AttemptSettled, CandidateSkipped, HoldPlaced
from orchvynt.model.invocation import DialectName, Invocation

Counted = Callable[[int | None], None]
OPENAI_BODY = json.dumps({"model": "gpt", "max_tokens": 50, "messages": [{"role": "user", "content": PROSE}]}).encode()
ANTHROPIC_BODY = json.dumps({"model": "gpt", "max_tokens": 50, "messages": [{"role": "user", "content": PROSE}]}).encode()
TRUE = chat_tokens(OPENAI_BODY, encoder(O200K)) or 0


class Later:
    """Implements ports.tokens.TokenCounting: counts when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Counted]] = []

    def count(self, tokenizer: str, body: bytes, counted: Counted) -> None:
        assert tokenizer == O200K
        self.asked.append((body, counted))

    def ends(self, tokens: int | None = TRUE) -> None:
        self.asked.pop(0)[1](tokens)


def asked(body: bytes = OPENAI_BODY, name: str = "inv_1", dialect: DialectName = "openai_chat", model: str = "gpt") -> Invocation:
    read = registry.caller(dialect).read(body)
    assert isinstance(read, Reading)
    return msgspec.structs.replace(invocation(), id=name, dialect=dialect, ask=msgspec.structs.replace(read.ask, requested_model=model))


def limited(limits: Limits, **terms: Any) -> Snapshot:
    return snapshot(tiers=(), budgets=(Budget("b", "global", None, "day", limits, **terms),))


def noted(runtime: Runtime, kind: type[Any]) -> list[Any]:
    return [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, kind)]


def answer(tokens: int) -> bytes:
    return WHOLE.replace(b'"prompt_tokens":9', b'"prompt_tokens":%d' % tokens)


def test_a_budget_for_three_calls_admits_three() -> None:
    """4 KB of prose: by bytes its budget has not room for one."""
    runtime = Runtime(limited(Limits(tokens=3 * (TRUE + 50))))
    assert len(PROSE) > 3 * (TRUE + 50)
    lines = [runtime.ask(asked(name=f"inv_{number}"))[1] for number in (1, 2, 3)]
    assert len(runtime.upstream.arrivals) == 3
    for arrival in runtime.upstream.arrivals:
        arrival.answers(answer(TRUE))
    assert [line.status for line in lines] == [200] * 3
    for hold in noted(runtime, HoldPlaced):
        assert (hold.input_counted_by, hold.input_tokens_bound) == (O200K, TRUE)
    assert not any(receipt.overrun or receipt.input_over for receipt in noted(runtime, AttemptSettled))


def test_nothing_is_counted_where_the_bytes_fit() -> None:
    counting = Later()
    runtime = Runtime(limited(Limits(tokens=100_000)), counting=counting)
    runtime.ask(asked())
    assert (counting.asked, noted(runtime, HoldPlaced)[0].input_counted_by) == ([], "")


def test_nothing_is_counted_where_no_count_could_fit() -> None:
    counting = Later()
    runtime = Runtime(limited(Limits(tokens=100)), counting=counting)
    _, line = runtime.ask(asked())
    assert (counting.asked, line.status) == ([], 402)


def test_an_output_limit_grows_by_what_the_input_is_less() -> None:
    body = OPENAI_BODY.replace(b'"max_tokens": 50, ', b"")
    outputs = []
    for counting in (InlineCounting(), None):
        runtime = Runtime(limited(Limits(tokens=6_000)), counting=counting or NothingCounted())
        runtime.ask(asked(body))
        outputs.append(noted(runtime, HoldPlaced)[0].output_tokens_max)
    assert outputs[0] > 2 * outputs[1] > 0


class NothingCounted:
    """Implements ports.tokens.TokenCounting for whom nothing is countable."""

    def count(self, tokenizer: str, body: bytes, counted: Counted) -> None:
        counted(None)


def test_what_cannot_be_counted_is_bounded_by_its_bytes() -> None:
    runtime = Runtime(limited(Limits(tokens=3 * (TRUE + 50))), counting=NothingCounted())
    _, line = runtime.ask(asked())
    assert (line.status, line.code) == (402, "budget_exceeded")
    assert line.json["error"]["needed"] > len(PROSE)


def waiting() -> tuple[Runtime, Later, FakeLine]:
    counting = Later()
    runtime = Runtime(limited(Limits(tokens=2_000)), counting=counting)
    life, line = runtime.ask(asked())
    assert life.queued is not None
    assert (len(counting.asked), len(runtime.upstream.arrivals), line.status) == (1, 0, 0)
    return runtime, counting, line


def test_a_count_that_comes_later() -> None:
    runtime, counting, line = waiting()
    counting.ends()
    runtime.last.answers(answer(TRUE))
    assert line.status == 200
    assert runtime.held_tokens == 0


def test_the_caller_leaves_while_it_is_counted() -> None:
    runtime, counting, line = waiting()
    line.leave()
    counting.ends()
    assert (runtime.upstream.arrivals, runtime.held_tokens, runtime.carrier.lives) == ([], 0, {})


def test_the_time_is_up_while_it_is_counted() -> None:
    runtime, counting, line = waiting()
    runtime.later(300 * SECOND)
    assert line.status == 503
    counting.ends()
    assert (runtime.upstream.arrivals, runtime.held_tokens) == ([], 0)


def test_the_room_went_while_it_was_counted() -> None:
    """It is weighed anew with what then stands, and waits for the hold that came before it."""
    runtime, counting, line = waiting()
    small = json.dumps({"model": "gpt", "max_tokens": 1_900, "messages": [{"role": "user", "content": "x"}]}).encode()
    runtime.ask(asked(small, "inv_2"))
    counting.ends()
    assert (line.status, runtime.carrier.admitting.queue.count) == (0, 1)
    runtime.last.answers(answer(9))
    runtime.last.answers(answer(TRUE))
    assert line.status == 200


def test_a_report_beyond_the_count_ends_the_trust() -> None:
    runtime = Runtime(limited(Limits(tokens=3 * (TRUE + 50)), wait_for_holds_ns=0))
    runtime.ask(asked())
    runtime.last.answers(answer(TRUE + 1))
    receipt = noted(runtime, AttemptSettled)[0]
    assert (receipt.input_over, receipt.overrun, receipt.usage.input_tokens) == (1, True, TRUE + 1)
    _, line = runtime.ask(asked(name="inv_2"))
    assert line.status == 402, "bytes bound it from now on, and they do not fit"
    runtime.policies.current = msgspec.structs.replace(runtime.policies.current, version=2)
    assert runtime.reports.trusts("gpt", 2)
    runtime.ask(asked(name="inv_3"))
    assert noted(runtime, HoldPlaced)[-1].input_counted_by == O200K


def test_a_template_of_the_server_is_learned() -> None:
    """An Ollama model may bring a system prompt of its own; so may whoever stands behind an Anthropic address."""
    runtime = Runtime(limited(Limits(tokens=100_000)))
    body = json.dumps({"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}).encode()
    for name in ("inv_1", "inv_2"):
        runtime.ask(asked(body, name, "anthropic_messages", "claude"))
        runtime.last.answers(ANTHROPIC_WHOLE.replace(b'"input_tokens":9', b'"input_tokens":900'))
    first, second = noted(runtime, HoldPlaced)
    assert first.input_tokens_bound < 900 == second.input_tokens_bound
    assert [receipt.overrun for receipt in noted(runtime, AttemptSettled)] == [True, False]


def test_a_caller_of_another_dialect_is_counted_as_it_is_sent() -> None:
    runtime = Runtime(limited(Limits(tokens=2_000)))
    runtime.ask(asked(ANTHROPIC_BODY, dialect="anthropic_messages"))
    hold = noted(runtime, HoldPlaced)[0]
    assert hold.input_counted_by == O200K
    assert hold.input_tokens_bound == TRUE


def test_models_without_a_public_tokenizer_are_bounded_by_bytes() -> None:
    runtime = Runtime(limited(Limits(tokens=2_000)))
    _, line = runtime.ask(asked(ANTHROPIC_BODY, dialect="anthropic_messages", model="claude"))
    assert line.status == 402
    assert noted(runtime, CandidateSkipped)[0].why == "budget:b"


def test_an_anthropic_caller_is_told_who_lowered_its_limit() -> None:
    body = {"model": "claude", "max_tokens": 8_000, "messages": [{"role": "user", "content": "hi"}]}
    cut = ANTHROPIC_WHOLE.replace(b"end_turn", b"max_tokens")
    runtime = Runtime(limited(Limits(tokens=500), breach=Breach("clamp"), wait_for_holds_ns=0))
    _, line = runtime.ask(asked(json.dumps(body).encode(), dialect="anthropic_messages", model="claude"))
    runtime.last.answers(cut)
    assert line.headers["x-orchvynt-limited-by"] == "budget:b"
    _, line = runtime.ask(asked(json.dumps({**body, "max_tokens": 20}).encode(), "inv_2", "anthropic_messages", "claude"))
    runtime.last.answers(cut)
    assert "x-orchvynt-limited-by" not in line.headers


def test_thinking_shrinks_with_its_limit_or_is_refused_before_the_send() -> None:
    clamps = Breach("clamp")
    body = json.dumps(
        {
            "model": "claude",
            "max_tokens": 8_000,
            "thinking": {"type": "enabled", "budget_tokens": 6_000},
            "messages": [{"role": "user", "content": "hi"}],
        }
    ).encode()
    runtime = Runtime(limited(Limits(tokens=4_000), breach=clamps))
    runtime.ask(asked(body, dialect="anthropic_messages", model="claude"))
    sent = runtime.last.body
    assert 1_024 <= sent["thinking"]["budget_tokens"] < sent["max_tokens"] < 4_000
    runtime = Runtime(limited(Limits(tokens=1_000), breach=clamps))
    _, line = runtime.ask(asked(body, dialect="anthropic_messages", model="claude"))
    assert (line.status, line.code, runtime.upstream.arrivals) == (402, "budget_exceeded", [])
