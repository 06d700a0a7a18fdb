"""Evaluates every alert for every chain and provider, and says what is to be told: the policy's alerts, and those that are always on."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from orchvynt.decisions.alerts.grouping import Group, Key, Member, Notice, Pace
from orchvynt.decisions.alerts.memory import Remembered
from orchvynt.decisions.alerts.sliding import Figures, Window
from orchvynt.decisions.alerts.tallies import MISHAPS, Mishap, Tallies, Tally
from orchvynt.language.snapshot import Alert, EvaluationError, Expression, Snapshot

SECOND: Final = 1_000_000_000
WAIT_NS_MAX: Final = 10 * SECOND
INTERVAL_NS_MAX: Final = 300 * SECOND
MISHAP_WINDOW_NS: Final = 300 * SECOND
MISHAP_PACE: Final = Pace(0, SECOND, 4 * 3_600 * SECOND)
CONDITIONS: Final[dict[Mishap, str]] = {
    "credential_refused": "a provider refused the credential",
    "quota_exhausted": "a provider said that the quota is exhausted",
    "provider_overrun": "a provider billed more than was allowed",
    "confidence_missing": "a provider gave no confidence, and a gate asks for it",
}


class Watched(msgspec.Struct, frozen=True):
    """One alert, or one mishap of one provider. `name` is where it stands in the policy, or the mishap; `condition` is what people read;
    `when` is None for a mishap."""

    name: str
    condition: str
    window_ns: int
    notify: tuple[str, ...]
    when: Expression | None = None


class Told(msgspec.Struct, frozen=True):
    """A notice, and what it is about. `gone`: the policy no longer has the alert."""

    watched: Watched
    notice: Notice
    gone: bool = False


class Standing(msgspec.Struct, frozen=True):
    """One member of an alert that holds now, or held a moment ago."""

    watched: Watched
    member: Member


class Look(msgspec.Struct, frozen=True):
    """What one alert, or one kind of mishap, gave now. `failure` is why its condition could not be evaluated somewhere, which counts as
    not holding; empty where it could."""

    name: str
    told: tuple[Told, ...]
    failure: str = ""


class Watch:
    """All alerts of one process. `looks` is asked about once a second."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._snapshot: Snapshot | None = None
        self._windows: dict[int, Window] = {}
        self._alerts: dict[str, tuple[Watched, Group]] = {}
        self._mishaps: dict[tuple[Mishap, str], tuple[Watched, Group]] = {}
        self._everybody: tuple[str, ...] = ()

    def adopt(self, snapshot: Snapshot, mono: int) -> list[Told]:
        """A policy is in force. An alert that it has as before goes on; what was told of one that it no longer has is over."""
        if snapshot is self._snapshot:
            return []
        self._snapshot = snapshot
        self._tallies.forget_others(snapshot.providers)
        before, self._alerts = self._alerts, {}
        for number, alert in enumerate(snapshot.alerts):
            key = _identity(alert, self._alerts)
            group = before.pop(key)[1] if key in before else Group(pace(alert))
            group.pace = pace(alert)
            name = f"fallback.alerts[{number}]"
            self._alerts[key] = (Watched(name, alert.when.text.strip(), alert.window_ns, alert.notify, alert.when), group)
        self._open_windows(mono)
        # What always is watched goes to every destination that some alert names.
        self._everybody = tuple(dict.fromkeys(name for alert in snapshot.alerts for name in alert.notify))
        for at, (watched, group) in self._mishaps.items():
            self._mishaps[at] = (msgspec.structs.replace(watched, notify=self._everybody), group)
        return [Told(watched, notice, gone=True) for watched, group in before.values() for notice in group.close()]

    def _open_windows(self, mono: int) -> None:
        """One for each length that is asked for; those that were there go on, without what was forgotten."""
        lengths = {MISHAP_WINDOW_NS, *(watched.window_ns for watched, _ in self._alerts.values())}
        chains = self._tallies.chains.values()
        known = {*chains, *(tally for of_kind in self._tallies.mishaps.values() for tally in of_kind.values())}
        # At the first look all that was counted is news, and a mishap, which is an event and no share, always is.
        counted = chains if self._windows else ()
        for length in lengths - self._windows.keys():
            self._windows[length] = Window(length, counted, mono)
        self._windows = {length: self._windows[length] for length in lengths}
        for window in self._windows.values():
            window.keep(known)

    def looks(self, at: int, mono: int) -> Iterator[Look]:
        """One for each alert, so that whoever asks may do other things between them."""
        for watched, group in self._alerts.values():
            failure = self._look_at_chains(watched, group, at, mono)
            yield Look(watched.name, tuple(Told(watched, notice) for notice in group.take(mono)), failure)
        for kind in MISHAPS:
            yield Look(kind, tuple(self._look_at_mishaps(kind, at, mono)))

    def _look_at_chains(self, watched: Watched, group: Group, at: int, mono: int) -> str:
        window, why = self._windows[watched.window_ns], ""
        assert watched.when is not None
        for key, tally in self._tallies.chains.items():
            figures = window.figures(tally, mono)
            try:
                holds = watched.when.evaluate(_values(tally, figures)) is True
            except EvaluationError as error:
                holds, why = False, str(error)
            group.observe(key, holds, figures, tally.last, at, mono)
        _observe_gone(group, self._tallies.chains.keys(), at, mono)
        return why

    def _look_at_mishaps(self, kind: Mishap, at: int, mono: int) -> list[Told]:
        window, tallies, told = self._windows[MISHAP_WINDOW_NS], self._tallies.mishaps[kind], []
        for provider, tally in tallies.items():
            figures = window.figures(tally, mono)
            found = self._mishaps.get((kind, provider))
            if found is None:
                watched = Watched(kind, CONDITIONS[kind], MISHAP_WINDOW_NS, self._everybody)
                found = self._mishaps[kind, provider] = (watched, Group(MISHAP_PACE))
            found[1].observe(("", provider), figures.calls > 0, figures, tally.last, at, mono)
        for (one, provider), (watched, group) in list(self._mishaps.items()):
            if one == kind:
                if provider not in tallies:
                    _observe_gone(group, (), at, mono)
                told += [Told(watched, notice) for notice in group.take(mono)]
                if provider not in tallies and not group.members:
                    del self._mishaps[one, provider]
        return told

    def remembered(self, at: int, mono: int) -> list[Remembered]:
        """What was told and is not over, for a later process."""
        alerts = [(key, False, *one) for key, one in self._alerts.items()]
        mishaps = [(kind, True, *one) for (kind, _), one in self._mishaps.items()]
        return [
            Remembered(
                key, mishap, watched.name, watched.condition, watched.window_ns, watched.notify, *member.key,
                since=member.since, told=at - (mono - member.told), last=member.last,
            )
            for key, mishap, watched, group in (*alerts, *mishaps)
            for member in group.members.values()
            if member.told is not None
        ]  # fmt: skip

    def recall(self, told: Sequence[Remembered], at: int, mono: int) -> None:
        """What an earlier process told, before the first policy is adopted. An alert is over if it does not hold any more; a mishap if
        it does not happen for its window from now on."""
        for one in told:
            watched, member_key = Watched(one.name, one.condition, one.window_ns, one.notify), (one.chain, one.provider)
            if not one.mishap:
                group = self._alerts.setdefault(one.alert, (watched, Group(Pace(0, 0, 0))))[1]
            elif one.alert in MISHAPS:
                self._tallies.happened(one.alert, one.provider, one.last)
                group = Group(MISHAP_PACE)
                self._mishaps[one.alert, one.provider] = (watched, group)
            else:
                continue  # a later build's
            instant = mono - max(0, at - one.told)
            group.members[member_key] = Member(member_key, one.since, instant, Figures(0, 0), one.last, told=instant)

    def standing(self) -> list[Standing]:
        """Whatever holds, and what is over and not yet told."""
        groups = [*self._alerts.values(), *self._mishaps.values()]
        return [Standing(watched, member) for watched, group in groups for member in group.members.values()]

    @property
    def names(self) -> list[str]:
        """Of all that is watched, firing or not."""
        return [*(watched.name for watched, _ in self._alerts.values()), *MISHAPS]


def pace(alert: Alert) -> Pace:
    """A short window wants short waits."""
    return Pace(min(WAIT_NS_MAX, alert.window_ns), min(INTERVAL_NS_MAX, alert.window_ns), alert.repeat_ns)


def _identity(alert: Alert, taken: Collection[str]) -> str:
    """What an alert is known by from one policy to the next; it has no name. A second one that says the same is another."""
    key = f"{alert.window_ns} {alert.repeat_ns} {' '.join(sorted(alert.notify))} {alert.when.text.strip()}"
    while key in taken:
        key = f"again {key}"
    return key


def _values(tally: Tally, figures: Figures) -> dict[str, object]:
    return {
        "activation_rate": figures.activation_rate,
        "calls": float(figures.calls),
        "chain": tally.chain,
        "provider": tally.provider,
    }


def _observe_gone(group: Group, known: Collection[Key], at: int, mono: int) -> None:
    """For what the policy no longer names, no condition holds."""
    for key in [key for key in group.members if key not in known]:
        group.observe(key, False, Figures(0, 0), group.members[key].last, at, mono)
