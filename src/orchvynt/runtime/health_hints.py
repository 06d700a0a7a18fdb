"""Tells other processes how providers' routes stand, as soon as this one sees it, and hears it from them. What is missed is seen again."""

import msgspec

from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.fallback.sharing import Sighting
from orchvynt.ports.clock import Clock
from orchvynt.ports.peers import Pulse
from orchvynt.ports.processes import ProcessRow
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.policies import Policies

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Sighting).decode


class HealthHints:
    """Those of one process."""

    def __init__(self, health: Health, policies: Policies, clock: Clock, peers: Peers) -> None:
        self._health = health
        self._policies = policies
        self._clock = clock
        self._peers = peers
        if not peers.alone:
            health.together.told = self._told
            peers.on("health", self._heard)

    def _told(self, sighting: Sighting) -> None:
        self._peers.tell("health", _encode(sighting).decode())

    def _heard(self, said: str) -> None:
        try:
            sighting = _decode(said)
        except msgspec.MsgspecError:
            # Another build's, or some were missed: this process sees for itself.
            return
        self._health.hear(sighting, self._policies.current, self._clock.monotonic())

    def pulsed(self, pulse: Pulse, rows: list[ProcessRow]) -> None:
        """Who takes turns in probing, once a second. One that drains takes no calls, and one that is silent may take none."""
        there = sorted(row.process for row in rows if row.state == "serving" and not row.out_of_reach)
        if self._peers.me in there:
            now = self._clock.monotonic()
            self._health.together.known(len(there), there.index(self._peers.me), pulse.now - now, now)
