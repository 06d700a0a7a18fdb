"""An outage of the store as the runtime meets it: what is refused, what is shown, and who is told of it."""

import json

from tests.decisions.test_alert_watching import alert
from tests.runtime.test_alerting import Watched, policy
from tests.support.answers import WHOLE
from tests.support.snapshots import SECOND

from orchvynt.language.snapshot import Budget, Limits
from orchvynt.ports.backlog import Backlog
from orchvynt.runtime.outages import StoreWatch

PURSE = Budget("purse", "global", None, "day", Limits(tokens=1_000_000))
FULL = "the store is unavailable: the disk is full."


class Behind:
    """Implements ports.backlog.FilledBehind."""

    def __init__(self) -> None:
        self.now = Backlog((1, 0), (1, 0))

    def backlog(self) -> Backlog:
        return self.now


class Away(Watched):
    def __init__(self) -> None:
        super().__init__(policy(alert("calls >= 100", 5), budgets=(PURSE,)))
        self.store = Behind()
        self.watch = StoreWatch(self.store, self.runtime.carrier, self.runtime.policies)
        self.watch.look()

    def goes(self) -> None:
        self.store.now = Backlog((1, 10), (1, 0), FULL)

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.looks(1)
            self.watch.look()


def test_it_is_told_shown_and_over() -> None:
    away = Away()
    away.goes()
    away.passes(4)
    assert (away.told, away.runtime.alerting.lines()[0].alert) == ([], "store_away")
    away.passes(3)
    (firing,) = away.told
    assert (firing["type"], firing["data"]["alert"], firing["data"]["budgets_closed"]) == ("alert.firing", "store_away", False)
    assert FULL in firing["data"]["text"]
    assert "budgets close after 30s" in firing["data"]["text"]
    away.store.now = Backlog((1, 10), (1, 10))
    away.passes(2)
    assert [one["type"] for one in away.told] == ["alert.firing", "alert.resolved"]
    assert away.runtime.alerting.lines() == []
    assert json.dumps(away.told).count("disk") == 1


def test_a_hold_is_refused_once_budgets_are_closed_and_the_ledger_is_as_it_was() -> None:
    away = Away()
    away.goes()
    away.passes(1)
    away.call((200, WHOLE))
    sent = len(away.runtime.upstream.arrivals)
    away.passes(31)
    assert away.runtime.carrier.outage.budgets_closed
    away.call()
    assert len(away.runtime.upstream.arrivals) == sent, "nothing is sent"
    assert away.runtime.carrier.admitting.ledger.holds == {}
    assert away.runtime.clock.monotonic() >= 32 * SECOND
