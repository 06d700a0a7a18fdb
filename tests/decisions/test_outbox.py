"""The outbox: order, attempts, bounds; over any course of failures nothing is lost that is neither too old nor too much."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.alerts.memory import Memory, decode, encode
from orchvynt.decisions.alerts.outbox import AGE_NS_MAX, BACKOFF_NS_MAX, IN_FLIGHT_MAX, MESSAGES_MAX, Message, Outbox


def message(number: int, destination: str = "oncall", line: str = "a") -> Message:
    return Message(f"msg_{number}", destination, line, b"{}")


def ids(found: list[Message]) -> list[str]:
    return [one.id for one in found]


def test_those_of_one_line_go_one_after_the_other_and_others_beside_them() -> None:
    box = Outbox()
    for made in (message(1), message(2), message(3, line="b"), message(4, "finance")):
        assert box.add(made, 0) == []
    assert ids(box.due(0)) == ["msg_1", "msg_3", "msg_4"]
    assert box.due(0) == []
    assert box.failed("msg_1", 0, 0.0) == 1
    box.delivered("msg_3")
    assert box.due(SECOND // 2 - 1) == []
    assert ids(box.due(SECOND // 2)) == ["msg_1"]
    box.delivered("msg_1")
    assert ids(box.due(SECOND)) == ["msg_2"]
    assert box.waiting() == {"oncall": 1, "finance": 1}


def test_the_waits_double_up_to_a_bound_and_have_jitter() -> None:
    box = Outbox()
    box.add(message(1), 0)
    waits, mono = [], 0
    for _ in range(12):
        box.due(mono)
        box.failed("msg_1", mono, 0.999)
        before = mono
        while not box.due(mono):
            mono += SECOND // 4
        waits.append((mono - before) / SECOND)
        box.failed("msg_1", mono, 0.0)
        mono += BACKOFF_NS_MAX
    assert waits[:4] == [1, 4, 16, 64]
    assert max(waits) == BACKOFF_NS_MAX / SECOND


def test_only_so_many_are_under_way_to_one_destination() -> None:
    box = Outbox()
    for number in range(10):
        box.add(message(number, line=str(number)), 0)
    assert len(box.due(0)) == IN_FLIGHT_MAX
    assert box.due(0) == []
    box.delivered("msg_0")
    assert ids(box.due(0)) == [f"msg_{IN_FLIGHT_MAX}"]


def test_too_many_and_too_old_ones_are_given_back() -> None:
    box = Outbox()
    for number in range(MESSAGES_MAX):
        box.add(message(number), number)
    assert ids(box.due(MESSAGES_MAX)) == ["msg_0"]
    assert ids(box.add(message(MESSAGES_MAX), 0)) == ["msg_1"], "the oldest that is not under way"
    assert len(box) == MESSAGES_MAX
    late = ids(box.too_old(AGE_NS_MAX + 4))
    assert late == ["msg_2", "msg_3", "msg_4", f"msg_{MESSAGES_MAX}"]
    full = Outbox()
    for number in range(MESSAGES_MAX):
        full.add(message(number, f"d{number}"), 0)
    full.due(0)
    assert ids(full.add(message(-1), 0)) == ["msg_-1"], "all others are under way"


def test_a_later_process_goes_on_with_what_was_not_delivered() -> None:
    box = Outbox()
    for number in range(3):
        box.add(message(number, line=str(number)), number * SECOND)
    box.due(3 * SECOND)
    box.delivered("msg_1")
    assert box.changes == 4
    stored = decode(encode(Memory((), tuple(box.remembered(100 * SECOND, 3 * SECOND))))).undelivered
    again = Outbox()
    again.recall(stored, 200 * SECOND, 0)
    assert ids(again.due(0)) == ["msg_0", "msg_2"]
    for one in ("msg_0", "msg_2"):
        again.failed(one, 0, 0.0)
    # Their day began when they were written: 103 seconds before.
    assert ids(again.too_old(AGE_NS_MAX - 103 * SECOND)) == ["msg_0"]


steps = st.lists(st.tuples(st.sampled_from(["add", "look", "deliver", "fail"]), st.integers(0, 5), st.floats(0, 0.99)), max_size=120)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_whatever_fails_each_message_is_delivered_once_the_other_side_is_back(course: list[tuple[str, int, float]]) -> None:
    box, mono, added = Outbox(), 0, 0
    flying: list[Message] = []
    delivered: list[Message] = []
    for what, which, chance in course:
        mono += which * SECOND
        if what == "add":
            added += 1
            assert box.add(message(added, line=str(which % 2)), mono) == []
        elif what == "look":
            flying += box.due(mono)
        elif flying:
            one = flying.pop(which % len(flying))
            if what == "fail":
                box.failed(one.id, mono, chance)
            else:
                box.delivered(one.id)
                delivered.append(one)
        lines = [(one.destination, one.line) for one in flying]
        assert len(lines) == len(set(lines)), "one of a line is under way"
    while flying or len(box):
        for one in flying:
            box.delivered(one.id)
            delivered.append(one)
        mono += BACKOFF_NS_MAX
        flying = box.due(mono)
    assert len(delivered) == added
    for line in ("0", "1"):
        numbers = [int(one.id[4:]) for one in delivered if one.line == line]
        assert numbers == sorted(numbers), "in their order"
