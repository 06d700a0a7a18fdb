"""The store's clock in a process whose machine thinks otherwise."""

from tests.support.clock import FakeClock

from orchvynt.runtime.store_clock import StoreClock

SECOND = 1_000_000_000


def test_it_stays_within_what_the_answers_allow() -> None:
    machine = FakeClock()
    clock = StoreClock(machine)
    real = machine.now()
    assert clock.now() == real
    machine.jump(86_400 * SECOND)
    assert clock.now() == real, "the machine's own clock says nothing"
    machine.advance(10 * SECOND)
    asked = clock.monotonic()
    machine.advance(SECOND)
    clock.learn(real + 10 * SECOND + SECOND // 2, asked, clock.monotonic())
    assert clock.now() == real + 11 * SECOND, "it may be right"
    clock.learn(real + 100 * SECOND, asked, clock.monotonic())
    assert clock.now() == real + 100 * SECOND
    clock.learn(real, asked, clock.monotonic())
    assert clock.now() == real + SECOND
