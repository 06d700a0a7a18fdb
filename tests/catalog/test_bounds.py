"""The bound of input tokens: never below what a tokenizer could count, and growing with every part of a request."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.catalog.bounds import (
    ANTHROPIC_TOOLS_TOKENS,
    KINDS,
    MESSAGE_TOKENS,
    TOOL_TOKENS,
    WINDOW_MOST,
    Kind,
    input_tokens_bound,
    input_tokens_bound_anywhere,
    input_tokens_ceiling,
    input_tokens_estimate,
    input_tokens_least,
)
from orchvynt.model.invocation import Ask

ASKS = st.builds(
    lambda text, messages, tools, images, opens: Ask(
        "m",
        b"",
        message_count=messages,
        tool_names=tuple(f"t{n}" for n in range(tools)),
        image_count=images,
        input_text_bytes=text,
        open_inputs=opens,
    ),
    st.integers(0, 10**7),
    st.integers(0, 1000),
    st.integers(0, 50),
    st.integers(0, 20),
    st.sampled_from([0, 0, 1, 10]),
)


@settings(max_examples=100, deadline=None)
@given(ASKS, st.sampled_from(KINDS))
def test_the_bound_is_an_int_and_at_least_the_text(ask: Ask, kind: Kind) -> None:
    bound = input_tokens_bound(ask, kind)
    assert type(bound) is int
    assert bound > ask.input_text_bytes + MESSAGE_TOKENS * ask.message_count + TOOL_TOKENS * len(ask.tool_names)
    assert bound <= input_tokens_bound_anywhere(ask) <= input_tokens_ceiling(ask)


@settings(max_examples=100, deadline=None)
@given(ASKS, ASKS, st.sampled_from(KINDS))
def test_more_of_everything_never_costs_less(one: Ask, other: Ask, kind: Kind) -> None:
    larger = Ask(
        "m",
        b"",
        message_count=max(one.message_count, other.message_count),
        tool_names=max(one.tool_names, other.tool_names, key=len),
        image_count=max(one.image_count, other.image_count),
        input_text_bytes=max(one.input_text_bytes, other.input_text_bytes),
        open_inputs=max(one.open_inputs, other.open_inputs),
    )
    assert input_tokens_bound(larger, kind) >= max(input_tokens_bound(one, kind), input_tokens_bound(other, kind))


def test_a_short_request_is_bounded_tightly() -> None:
    ask = Ask("m", b"", message_count=2, input_text_bytes=40)
    assert {kind: input_tokens_bound(ask, kind) for kind in KINDS} == {
        "openai": 64,
        "openai-compatible": 120,
        "anthropic": 72,
        "ollama": 120,
    }


def test_anthropic_adds_its_own_prompt_for_tools() -> None:
    without, with_ = Ask("m", b""), Ask("m", b"", tool_names=("t",))
    assert input_tokens_bound(with_, "anthropic") - input_tokens_bound(without, "anthropic") == TOOL_TOKENS + ANTHROPIC_TOOLS_TOKENS


def test_images_cost_at_least_what_the_vendors_pages_say() -> None:
    """OpenAI's worked example: 2048 × 4096 at high detail is 1105 tokens; Claude's largest native image is 92 × 92 patches at most."""
    one = Ask("m", b"", image_count=1)
    assert input_tokens_bound(one, "openai") >= 36_835
    assert input_tokens_bound(one, "anthropic") >= 4_784
    assert input_tokens_bound(one, "ollama") >= 16_384


def test_the_least_is_below_the_bound_and_sees_through_escapes() -> None:
    plain = Ask("m", b"x" * 1_000, input_text_bytes=1_000)
    assert input_tokens_least(plain) == 200
    escaped = Ask("m", b"\\u4f60" * 100, input_text_bytes=600)
    assert input_tokens_least(escaped) == 60
    assert all(input_tokens_least(ask) <= input_tokens_bound(ask, kind) for ask in (plain, escaped) for kind in KINDS)


def test_what_no_size_bounds_is_bounded_by_the_context() -> None:
    plain, pages = Ask("m", b"", input_text_bytes=40), Ask("m", b"", input_text_bytes=40, open_inputs=1)
    assert input_tokens_bound(pages, "anthropic", 200_000) == input_tokens_bound(plain, "anthropic") + 200_000
    assert input_tokens_bound(pages, "anthropic") == input_tokens_bound(plain, "anthropic") + WINDOW_MOST


@given(ASKS, st.sampled_from(KINDS))
def test_an_estimate_is_within_the_bound(ask: Ask, kind: Kind) -> None:
    assert input_tokens_least(ask) <= input_tokens_estimate(ask) <= input_tokens_bound(ask, kind)
