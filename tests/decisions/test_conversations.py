"""A request that goes on with an earlier one finds its run; nothing else does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.identity.conversations import Conversations
from orchvynt.model.turns import Said, Turn, said

SYSTEM, HELLO, HI = Turn("system", "be kind"), Turn("user", "hello"), Turn("assistant", "hi")


def test_the_second_request_joins_the_first_and_the_third_the_same() -> None:
    known = Conversations(1)
    first = known.place("k", [SYSTEM, HELLO])
    assert first.run == ""
    first.answered("inv_1", said(HI))
    second = known.place("k", [SYSTEM, HELLO, HI, Turn("user", "more")])
    assert second.run == "inv_1"
    second.answered("inv_2", said(Turn("assistant", "here")))
    third = known.place("k", [SYSTEM, HELLO, HI, Turn("user", "more"), Turn("assistant", "here"), Turn("user", "thanks")])
    assert third.run == "inv_1"


def test_what_is_no_continuation_finds_nothing() -> None:
    known = Conversations(1)
    known.place("k", [SYSTEM, HELLO]).answered("inv_1", said(HI))
    more = Turn("user", "more")
    for turns in (
        [SYSTEM, HELLO],
        [SYSTEM, HELLO, Turn("assistant", "hi!"), more],
        [SYSTEM, Turn("user", "hello "), HI, more],
        [HELLO, HI, more],
        [SYSTEM, HELLO, Turn("user", "hi"), more],
        [SYSTEM, HELLO, Turn("assistant", "hi", ("call_1",)), more],
        [],
    ):
        assert known.place("k", turns).run == ""
    assert known.place("other", [SYSTEM, HELLO, HI, more]).run == "", "never across keys"
    assert Conversations(1).place("k", [SYSTEM, HELLO, HI, more]).run == "", "a new process knows nothing"


def test_tool_calls_are_recognised_by_their_ids() -> None:
    known = Conversations(1)
    answer = Said()
    answer.call("call_1")
    answer.call("call_1")
    known.place("k", [HELLO]).answered("inv_1", answer.digest())
    call, result = Turn("assistant", "", ("call_1",)), Turn("tool", "42", ("call_1",))
    assert known.place("k", [HELLO, call, result]).run == "inv_1"
    assert known.place("k", [HELLO, Turn("assistant", "", ("call_2",)), result]).run == ""


def test_the_longest_history_decides() -> None:
    known = Conversations(1)
    known.place("k", [HELLO]).answered("inv_1", said(HI))
    # The same words once more, without the history: a conversation of its own, which is then gone on with.
    again = known.place("k", [SYSTEM, HELLO, HI, HELLO])
    assert again.run == ""
    again.answered("inv_2", said(HI))
    assert known.place("k", [SYSTEM, HELLO, HI, HELLO, HI, HELLO]).run == "inv_2"


def test_the_oldest_is_forgotten_first_and_a_noisy_caller_forgets_its_own() -> None:
    known = Conversations(1, kept_per_caller=2, kept_in_all=3)
    for number in range(3):
        known.place("k", [Turn("user", str(number))]).answered(f"inv_{number}", said(HI))
    known.place("quiet", [HELLO]).answered("inv_q", said(HI))
    runs = [known.place("k", [Turn("user", str(number)), HI, HELLO]).run for number in range(3)]
    assert runs == ["", "inv_1", "inv_2"]
    assert known.place("quiet", [HELLO, HI, HELLO]).run == "inv_q"
    known.place("third", [HELLO]).answered("inv_t", said(HI))
    assert known.place("third", [HELLO, HI, HELLO]).run == "inv_t"
    assert [known.place("k", [Turn("user", str(number)), HI, HELLO]).run for number in (1, 2)] == ["", "inv_2"]


TURN = st.builds(
    Turn, st.sampled_from(["system", "user", "tool"]), st.text(max_size=8), st.lists(st.text(max_size=3), max_size=2).map(tuple)
)
ANSWER = st.builds(
    Turn, st.just("assistant"), st.text(max_size=8), st.lists(st.text(min_size=1, max_size=3), max_size=2, unique=True).map(tuple)
)


@settings(max_examples=100)
@given(st.lists(TURN | ANSWER, min_size=1, max_size=6), ANSWER, st.lists(TURN | ANSWER, max_size=3), st.data())
def test_any_continuation_is_found_however_its_answer_came(turns: list[Turn], answer: Turn, more: list[Turn], data: st.DataObject) -> None:
    known = Conversations(1)
    streamed = Said()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer.text)), max_size=3)))
    for start, end in zip([0, *cuts], [*cuts, len(answer.text)], strict=True):
        streamed.add(answer.text[start:end])
    for call_id in answer.ids:
        streamed.call(call_id)
    assert streamed.digest() == said(answer)
    known.place("k", turns).answered("inv_1", streamed.digest())
    assert known.place("k", [*turns, answer, *more]).run == "inv_1"


@settings(max_examples=100)
@given(st.lists(TURN | ANSWER, min_size=1, max_size=4), st.lists(TURN | ANSWER, min_size=1, max_size=4), ANSWER)
def test_another_history_is_never_taken_for_it(turns: list[Turn], others: list[Turn], answer: Turn) -> None:
    known = Conversations(1)
    known.place("k", turns).answered("inv_1", said(answer))
    asked = [*others, answer]
    if asked[: len(turns) + 1] != [*turns, answer]:
        assert known.place("k", asked).run == ""
