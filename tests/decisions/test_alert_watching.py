"""Alerts over tallies: evaluated for each chain and provider, through changes of the policy; mishaps are watched always."""

import msgspec
from tests.support.snapshots import ANTHROPIC, OPENAI, SECOND, snapshot

from orchvynt.decisions.alerts.memory import Memory, decode, encode
from orchvynt.decisions.alerts.tallies import Tallies, activated
from orchvynt.decisions.alerts.watching import Told, Watch
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.snapshot import Alert, EvaluationError, Expression, Snapshot


def alert(when: str = "activation_rate > 0.4 && calls >= 4", window_s: int = 60, notify: tuple[str, ...] = ("oncall",)) -> Alert:
    compiled = compile_expression(when, "alert")
    assert isinstance(compiled, Compiled)
    return Alert(compiled.expression, window_s * SECOND, 3600 * SECOND, notify)


def policy(*alerts: Alert) -> Snapshot:
    return msgspec.structs.replace(snapshot(), alerts=alerts)


class Watching:
    """A watch that is looked through once a second."""

    def __init__(self, *alerts: Alert) -> None:
        self.tallies = Tallies()
        self.watch = Watch(self.tallies)
        self.second = 0
        self.failures: list[tuple[str, str]] = []
        self.watch.adopt(policy(*alerts), 0)

    def calls(self, provider: str, count: int, used: int = 0) -> None:
        for number in range(count):
            tally = self.tallies.routed("default", provider)
            if number < used:
                activated(tally, f"inv_{number}")

    def looks(self, seconds: int) -> list[Told]:
        told: list[Told] = []
        for _ in range(seconds):
            self.second += 1
            for look in self.watch.looks(self.second * SECOND, self.second * SECOND):
                told += look.told
                if look.failure:
                    self.failures.append((look.name, look.failure))
        return told


def said(told: list[Told]) -> list[tuple[str, str, list[str]]]:
    return [(one.watched.name, one.notice.status, [member.key[1] for member in one.notice.members]) for one in told]


def test_an_alert_fires_for_each_provider_that_meets_it_and_ends() -> None:
    watching = Watching(alert())
    watching.calls("openai", 10, used=6)
    watching.calls("anthropic", 10, used=1)
    watching.calls("lab", 3, used=3)
    told = watching.looks(20)
    assert said(told) == [("fallback.alerts[0]", "firing", ["openai"])]
    member = told[0].notice.members[0]
    assert (member.key, member.figures.calls, member.figures.activation_rate, member.last) == (("default", "openai"), 10, 0.6, "inv_5")
    assert member.since == SECOND
    (standing,) = watching.watch.standing()
    assert (standing.member.phase, standing.watched.notify) == ("firing", ("oncall",))
    # A minute until the window is empty, a minute until that counts, and the wait for others.
    assert said(watching.looks(110)) == []
    assert said(watching.looks(40)) == [("fallback.alerts[0]", "resolved", ["openai"])]
    assert watching.watch.standing() == []


def test_variables_tell_chains_and_providers_apart() -> None:
    watching = Watching(alert('provider == "anthropic" && chain == "default"'), alert("calls > 100", 1))
    watching.calls("openai", 1)
    watching.calls("anthropic", 1)
    assert said(watching.looks(15)) == [("fallback.alerts[0]", "firing", ["anthropic"])]
    assert watching.watch.names == [
        *("fallback.alerts[0]", "fallback.alerts[1]", "credential_refused", "quota_exhausted", "provider_overrun", "confidence_missing")
    ]


def test_a_condition_that_cannot_be_evaluated_does_not_hold_and_is_told() -> None:
    def fails(_values: object) -> object:
        raise EvaluationError("too much")

    broken = Alert(Expression("calls > 1", fails, frozenset({"calls"}), "alert"), SECOND, 3600 * SECOND, ("oncall",))
    watching = Watching(broken)
    watching.calls("openai", 3)
    assert said(watching.looks(3)) == []
    assert watching.failures == [("fallback.alerts[0]", "too much")] * 3


def test_an_alert_that_stays_goes_on_in_the_next_policy_and_one_that_goes_is_over() -> None:
    stays, goes = alert(), alert("activation_rate > 0.5 && calls >= 4", notify=("finance",))
    watching = Watching(goes, stays)
    watching.calls("openai", 10, used=6)
    assert len(watching.looks(15)) == 2
    over = watching.watch.adopt(policy(stays, alert("calls > 9000")), watching.second * SECOND)
    assert said(over) == [("fallback.alerts[0]", "resolved", ["openai"])]
    assert over[0].gone
    assert over[0].watched.notify == ("finance",)
    assert said(watching.looks(15)) == [], "it was told already"
    assert [(one.watched.name, one.member.figures.calls) for one in watching.watch.standing()] == [("fallback.alerts[0]", 10)]


def test_two_alerts_that_say_the_same_are_two() -> None:
    watching = Watching(alert(), alert())
    watching.calls("openai", 10, used=6)
    assert [one[0] for one in said(watching.looks(15))] == ["fallback.alerts[0]", "fallback.alerts[1]"]


def test_a_provider_that_the_policy_no_longer_names_is_over() -> None:
    watching = Watching(alert())
    watching.calls("openai", 10, used=6)
    watching.tallies.happened("credential_refused", "openai", "inv_1")
    assert len(watching.looks(15)) == 2
    without = msgspec.structs.replace(policy(alert()), providers={"anthropic": ANTHROPIC})
    assert watching.watch.adopt(without, watching.second * SECOND) == []
    assert said(watching.looks(80)) == [("credential_refused", "resolved", ["openai"]), ("fallback.alerts[0]", "resolved", ["openai"])]
    assert watching.watch.standing() == []


def test_mishaps_are_told_by_provider_to_all_destinations_without_any_alert_about_them() -> None:
    watching = Watching(alert(notify=("oncall", "finance")), alert("calls > 9000", notify=("finance", "third")))
    watching.tallies.happened("quota_exhausted", OPENAI.name, "inv_1")
    watching.tallies.happened("quota_exhausted", ANTHROPIC.name, "inv_2")
    watching.tallies.happened("provider_overrun", OPENAI.name, "inv_3")
    told = watching.looks(5)
    assert said(told) == [
        ("quota_exhausted", "firing", ["openai"]),
        ("quota_exhausted", "firing", ["anthropic"]),
        ("provider_overrun", "firing", ["openai"]),
    ]
    assert {one.watched.notify for one in told} == {("oncall", "finance", "third")}
    assert told[2].notice.members[0].last == "inv_3"
    watching.looks(200)
    watching.tallies.happened("quota_exhausted", OPENAI.name, "inv_4")
    assert said(watching.looks(150)) == [("quota_exhausted", "resolved", ["anthropic"]), ("provider_overrun", "resolved", ["openai"])]
    # Without any destination they stand all the same.
    watching.watch.adopt(policy(), watching.second * SECOND)
    assert [(one.watched.name, one.watched.notify) for one in watching.watch.standing()] == [("quota_exhausted", ())]


def test_what_an_earlier_process_told_is_not_told_again_and_ends() -> None:
    goes_on, over, gone = alert(), alert("activation_rate > 0.3 && calls >= 4"), alert("calls > 1")
    before = Watching(goes_on, over, gone)
    before.calls("openai", 10, used=6)
    before.tallies.happened("quota_exhausted", "openai", "inv_9")
    assert len(before.looks(15)) == 4
    before.calls("anthropic", 10, used=10)
    before.looks(1)
    stored = decode(encode(Memory(tuple(before.watch.remembered(1_000 * SECOND, before.second * SECOND)))))
    assert sorted(one.provider for one in stored.told) == ["openai"] * 4, "what is pending was not told"
    after = Watching()
    after.watch = Watch(after.tallies)
    later_build = msgspec.structs.replace(stored.told[0], mishap=True, alert="of_a_later_build")
    after.watch.recall((*stored.told, later_build), 1_010 * SECOND, 0)
    assert said(after.watch.adopt(policy(over, goes_on), 0)) == [("fallback.alerts[2]", "resolved", ["openai"])]
    assert {one.watched.name for one in after.watch.standing()} == {"fallback.alerts[0]", "fallback.alerts[1]", "quota_exhausted"}
    told: list[Told] = []
    for _ in range(100):
        after.calls("openai", 10, used=4)
        told += after.looks(1)
    assert said(told) == [("fallback.alerts[1]", "resolved", ["openai"])], "four of ten are enough for the other"
    assert said(after.looks(400)) == [("fallback.alerts[0]", "resolved", ["openai"]), ("quota_exhausted", "resolved", ["openai"])]


def test_what_was_counted_before_an_alert_is_none_of_its_business() -> None:
    watching = Watching()
    watching.calls("openai", 1000, used=900)
    watching.looks(2)
    watching.watch.adopt(policy(alert()), watching.second * SECOND)
    assert said(watching.looks(30)) == []
