"""What a receipt says when the count is missing, absurd, or more than was allowed; caches, reasoning, and a price that changes."""

import json
from typing import Any

import msgspec
import pytest
from tests.support.carrying import Runtime
from tests.support.snapshots import ANTHROPIC, OPENAI, invocation, snapshot

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.snapshot import Budget, Limits, Model, Provider, Snapshot
from orchvynt.model.facts import AttemptSettled, HoldPlaced
from orchvynt.model.invocation import DialectName
from orchvynt.model.money import Price, cost_nanos

PRICE = Price(input=2_500_000_000, output=10_000_000_000, cached_input=1_250_000_000, source="policy")
OLLAMA = Provider("lab", "ollama", "ollama_chat", "127.0.0.1", 3, False, "", None)
WINDOW = 8_000

DIALECTS: dict[str, tuple[DialectName, Provider]] = {
    "openai": ("openai_chat", OPENAI),
    "anthropic": ("anthropic_messages", ANTHROPIC),
    "ollama": ("ollama_chat", OLLAMA),
}


def policy(kind: str, tokens: int = 100_000, price: Price = PRICE) -> Snapshot:
    provider = DIALECTS[kind][1]
    models = {"m": Model("m", provider, "m-1", price, context_window=WINDOW)}
    budget = Budget("b", "global", None, "day", Limits(10**9, tokens), wait_for_holds_ns=0)
    made = snapshot(tiers=(), budgets=(budget,))
    return msgspec.structs.replace(made, models=models, providers={provider.name: provider}, default="m")


def ask(runtime: Runtime, kind: str, name: str = "inv_1", **options: Any) -> Any:
    dialect = DIALECTS[kind][0]
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **options}
    if kind == "ollama":
        body |= {"stream": False, "options": {"num_predict": 50}}
    else:
        body["max_tokens"] = 50
    read = registry.caller(dialect).read(json.dumps(body).encode())
    assert isinstance(read, Reading)
    return runtime.ask(msgspec.structs.replace(invocation("m"), id=name, dialect=dialect, ask=read.ask))[1]


def answer(kind: str, usage: Any) -> bytes:
    """A whole answer with this usage, NOTHING to leave it out."""
    if kind == "openai":
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        body: dict[str, Any] = {"id": "c", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice], "usage": usage}
    elif kind == "anthropic":
        body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [{"type": "text", "text": "hi"}]}
        body |= {"stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
    else:
        body = {"model": "m-1", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": "hi"}}
        body |= {"done": True, "done_reason": "stop", **(usage if isinstance(usage, dict) else {})}
    return json.dumps({name: value for name, value in body.items() if value is not NOTHING}).encode()


NOTHING = object()
NAMES = {
    "openai": ("prompt_tokens", "completion_tokens"),
    "anthropic": ("input_tokens", "output_tokens"),
    "ollama": ("prompt_eval_count", "eval_count"),
}


def settled(runtime: Runtime) -> list[AttemptSettled]:
    return [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptSettled)]


def held(runtime: Runtime) -> HoldPlaced:
    return [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, HoldPlaced)][-1]


@pytest.mark.parametrize("kind", DIALECTS)
@pytest.mark.parametrize(
    "counts",
    [
        None, (0, 0), (0, 5), (5, 0), (-1, 5), (5, -1), (WINDOW + 1, 5), (5, WINDOW + 1), (10**15, 5), (2**64, 5), (1.5, 5),
        ("9", 5), (9, "5"), (True, 5), (None, 5), (9, None), ([], {}),
    ],
    ids=str,
)  # fmt: skip
def test_a_count_that_is_missing_or_cannot_be_true_is_settled_at_the_hold(kind: str, counts: tuple[Any, Any] | None) -> None:
    runtime = Runtime(policy(kind))
    line = ask(runtime, kind)
    usage = NOTHING if counts is None else dict(zip(NAMES[kind], counts, strict=True))
    runtime.last.answers(answer(kind, usage))
    [receipt] = settled(runtime)
    hold = held(runtime)
    assert receipt.usage.estimated
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (hold.input_tokens_bound, 50)
    assert (receipt.nanos, receipt.overrun, receipt.input_over) == (hold.nanos_bound, False, 0)
    assert line.status == 200, "the answer is good all the same"
    assert runtime.held_tokens == 0


@pytest.mark.parametrize("kind", DIALECTS)
def test_more_than_was_allowed_is_recorded_in_full_and_blocks(kind: str) -> None:
    runtime = Runtime(policy(kind, tokens=1_000))
    ask(runtime, kind)
    runtime.last.answers(answer(kind, dict(zip(NAMES[kind], (900, 700), strict=True))))
    [receipt] = settled(runtime)
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (900, 700)
    assert (receipt.overrun, receipt.usage.estimated, receipt.nanos) == (True, False, cost_nanos(PRICE, 900, 700))
    assert receipt.input_over == 900 - held(runtime).input_tokens_bound
    assert ask(runtime, kind, "inv_2").status == 402
    assert len(runtime.upstream.arrivals) == 1
    assert runtime.carrier.counting.tallies.mishaps["provider_overrun"], "the built-in alert sees it"


def test_cached_input_and_reasoning() -> None:
    runtime = Runtime(policy("openai"))
    ask(runtime, "openai")
    usage = {
        "prompt_tokens": 40,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 32},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    runtime.last.answers(answer("openai", usage))
    [receipt] = settled(runtime)
    assert receipt.nanos == cost_nanos(PRICE, 40, 30, 32) == (8 * 2_500 + 32 * 1_250 + 30 * 10_000)
    assert receipt.reserved[0].tokens == 70, "cached and reasoning included, once"


def test_a_part_that_is_larger_than_its_whole_is_no_discount() -> None:
    runtime = Runtime(policy("openai"))
    ask(runtime, "openai")
    usage = {"prompt_tokens": 40, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 4_000}}
    runtime.last.answers(answer("openai", usage))
    assert settled(runtime)[0].nanos == cost_nanos(PRICE, 40, 30)


def test_writing_to_a_cache_costs_more_and_was_held_for() -> None:
    runtime = Runtime(policy("anthropic"))
    block = {"type": "text", "text": "x" * 400, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ask(runtime, "anthropic", messages=[{"role": "user", "content": [block]}])
    created = {"ephemeral_1h_input_tokens": 100, "ephemeral_5m_input_tokens": 0}
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 20,
        "cache_creation": created,
    }
    runtime.last.answers(answer("anthropic", usage))
    [receipt] = settled(runtime)
    assert receipt.usage.input_tokens == 130
    assert receipt.nanos == cost_nanos(PRICE, 130 + 100, 5, 20)
    assert receipt.nanos <= held(runtime).nanos_bound
    assert not receipt.overrun


def test_a_price_that_changes_while_a_hold_is_in_flight() -> None:
    """The hold and its receipt are at the price of the snapshot that the invocation is pinned to; the next one pays the new price."""
    runtime = Runtime(policy("openai"))
    ask(runtime, "openai", "inv_1")
    dearer = Price(PRICE.input * 10, PRICE.output * 10, PRICE.cached_input * 10, "policy")
    runtime.policies.current = msgspec.structs.replace(policy("openai", price=dearer), version=2)
    ask(runtime, "openai", "inv_2")
    for arrival in runtime.upstream.arrivals:
        arrival.answers(answer("openai", {"prompt_tokens": 9, "completion_tokens": 5}))
    assert [receipt.nanos for receipt in settled(runtime)] == [cost_nanos(PRICE, 9, 5), cost_nanos(dearer, 9, 5)]
    [account] = [account for key, account in runtime.ledger.entries() if key[0] == "b"]
    assert account.settled_nanos == cost_nanos(PRICE, 9, 5) + cost_nanos(dearer, 9, 5)
    assert account.held_nanos == 0


def test_absurd_counts_are_no_measure_of_how_long_answers_are() -> None:
    runtime = Runtime(policy("openai"))
    for number in range(20):
        ask(runtime, "openai", f"inv_{number}", n=2)
        output = 10**9 if number % 2 else 20
        runtime.last.answers(answer("openai", {"prompt_tokens": 9, "completion_tokens": output}))
    for number in range(10):
        ask(runtime, "openai", f"inv_x{number}", n=2)
        runtime.last.answers(answer("openai", {"prompt_tokens": 9, "completion_tokens": 20}))
    assert runtime.sizes.typical("m") == 10, "of one of the two choices"
