"""The outbox: order, attempts, bounds; over any course of failures nothing is lost, and lines keep their order."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.outbox.waiting import BACKOFF_NS_MAX, IN_FLIGHT_MAX, PATIENCE_NS, Message, Outbox


def message(number: int, destination: str = "oncall", line: str = "a") -> Message:
    return Message(f"msg_{number}", destination, line)


def ids(found: list[Message]) -> list[str]:
    return [one.id for one in found]


def test_those_of_one_line_go_one_after_the_other_and_others_beside_them() -> None:
    box = Outbox()
    for made in (message(1), message(2), message(3, line="b"), message(4, "finance")):
        box.add(made, 0)
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


def test_one_destination_does_not_wait_for_another() -> None:
    box = Outbox()
    for number in range(IN_FLIGHT_MAX):
        box.add(message(number, "away", str(number)), 0)
    assert len(box.due(0)) == IN_FLIGHT_MAX
    box.add(message(99, "here"), 0)
    assert ids(box.due(0)) == ["msg_99"]
    for number in range(IN_FLIGHT_MAX):
        box.failed(f"msg_{number}", 0, 0.0)
    assert box.failures() == {"away": 1, "here": 0}


def test_a_receiver_that_asks_for_patience_gets_it() -> None:
    box = Outbox()
    box.add(message(1), 0)
    box.due(0)
    box.failed("msg_1", 0, 0.0, 30 * SECOND)
    box.add(message(2, line="b"), 0)
    box.add(message(3, "finance"), 0)
    assert ids(box.due(30 * SECOND - 1)) == ["msg_3"], "the whole receiver is left alone, and only that one"
    assert ids(box.due(30 * SECOND)) == ["msg_2", "msg_1"]


def test_what_nobody_is_at_any_more_is_tried_again() -> None:
    box = Outbox()
    box.add(message(1), 0)
    box.due(0)
    box.dropped("msg_1", 0, 0.0)
    assert ids(box.due(SECOND)) == ["msg_1"]
    box.failed("msg_1", SECOND, 0.0)
    box.dropped("msg_1", SECOND, 0.0)
    assert box.failures() == {"oncall": 2}, "what was said of it stands"
    box.due(9 * SECOND)
    box.delivered("msg_1")
    box.dropped("msg_1", 9 * SECOND, 0.0)
    assert len(box) == 0


def test_no_line_is_passed_over_while_others_keep_coming() -> None:
    box = Outbox()
    box.add(message(0, line="last"), SECOND)
    for number in range(1, 20):
        box.add(message(number, line="busy" if number % 2 else "busier"), 0)
    for _ in range(3):
        for one in box.due(2 * SECOND):
            box.delivered(one.id)
    assert "msg_0" not in box


def test_patience_ends_and_goes_on_over_a_restart() -> None:
    box = Outbox()
    box.add(message(1), 0)
    box.due(0)
    assert not box.impatient("msg_1", PATIENCE_NS - 1)
    assert box.impatient("msg_1", PATIENCE_NS)
    box.failed("msg_1", 0, 0.0)
    assert box.given_up("msg_1") == 1
    assert len(box) == 0
    again = Outbox()
    again.add(message(1), 0, waited_ns=PATIENCE_NS - SECOND, failures=7)
    again.add(message(1), 0)
    assert len(again) == 1
    assert again.impatient("msg_1", SECOND)
    again.due(0)
    assert again.failed("msg_1", 0, 0.0) == 8


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
            box.add(message(added, line=str(which % 2)), mono)
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
