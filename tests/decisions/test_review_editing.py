"""What a decision makes of an answer, and the difference that is kept of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.reviews.choices import offered
from orchvynt.decisions.reviews.editing import DIFF_CHARS_MAX, DIFF_LINES_MAX, difference, edited, in_words, rejection
from orchvynt.model.chat import Reply, Thinking, TokenLogprob, ToolCall

CALL = ToolCall("call_1", "refund", "{}")
REPLY = Reply("chatcmpl-1", "gpt-4o", 1, "pay 100", (CALL,), "length", None, "no", (Thinking("hm"),), "END", (TokenLogprob("pay", -0.1),))


def test_an_edit_replaces_the_text_and_what_belonged_to_it() -> None:
    made = edited(REPLY, "pay 10")
    assert (made.id, made.model, made.created_s, made.text, made.tool_calls, made.finish) == (
        "chatcmpl-1", "gpt-4o", 1, "pay 10", (CALL,), "tool_calls"
    )  # fmt: skip
    assert (made.refusal, made.thoughts, made.stop_sequence, made.logprobs) == ("", (), "", ())


def test_words_in_place_of_an_answer_end_a_turn() -> None:
    made = in_words(REPLY, "ask the desk")
    assert (made.text, made.tool_calls, made.finish) == ("ask the desk", (), "stop")
    assert rejection("  ", "g") == "A reviewer rejected this answer at gate g."
    assert rejection("wrong account", "g") == "wrong account"


def test_what_is_offered_follows_from_what_is_judged() -> None:
    assert offered("output") == {"approve", "edit", "reject", "respond"}
    assert offered("tool_call") == {"approve", "reject", "respond"}
    assert offered("input") == offered("budget") == offered("output", after_delivery=True) == {"approve", "reject"}


def test_a_difference_is_a_unified_diff() -> None:
    assert difference("a\nb\nc", "a\nB\nc") == "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c"
    assert difference("same", "same") == ""


def test_a_difference_of_much_is_one_replacement_and_bounded() -> None:
    many = [str(number) for number in range(DIFF_LINES_MAX)]
    told = difference("\n".join(many), "\n".join([*many[:5], "new", *many[9:]]))
    assert told == "@@ -6,4 +6,1 @@\n-5\n-6\n-7\n-8\n+new"
    long = difference("x" * 10**6, "\n".join(f"line {one} of many" for one in many))
    assert len(long) <= DIFF_CHARS_MAX + 100
    assert "998001 more characters" in long
    assert long.endswith("more lines)")
    assert difference("\n".join(many), "\n".join(many) + "\n") == ""


LINES = st.lists(st.sampled_from(["a", "b", "", "+", "-", "@@"]), max_size=12)


@settings(max_examples=100)
@given(LINES, LINES)
def test_a_difference_tells_both_texts(old: list[str], new: list[str]) -> None:
    """With all lines of context, the lines that are kept and added are the new text; here of what is told."""
    told = difference("\n".join(old), "\n".join(new)).splitlines()
    added = sum(line.startswith("+") for line in told)
    removed = sum(line.startswith("-") for line in told)
    before, after = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    assert len(before) - removed + added == len(after)


@pytest.mark.parametrize("text", ["", "\x00", "\u2028", "a\r\nb"])
def test_any_text_can_be_compared(text: str) -> None:
    assert isinstance(difference(text, "b"), str)
