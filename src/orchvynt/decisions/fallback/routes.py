"""One model at one provider, as far as it may be asked now: its breaker, its address's, its rest, its credential's. Instants are monotonic
nanoseconds of this process. It knows no clock, and not what other routes do.
"""

from typing import Final

from orchvynt.decisions.fallback.breakers import Breaker, Probe
from orchvynt.decisions.fallback.outcomes import SILENT
from orchvynt.decisions.fallback.passing import CLEAR, PROBES, Passage, Refusal
from orchvynt.decisions.fallback.retries import Throttle
from orchvynt.decisions.fallback.sharing import Sighting, Together, What, Whose

PROBE_LASTS_NS: Final = 1_000_000_000
"""What a caller is told to wait for while somebody else's probe is under way."""
QUOTA: Final = "quota"
"""Why a route rests whose provider said that nothing is left."""


class Credential:
    """What stands behind one provider's key."""

    __slots__ = ("until", "why")

    def __init__(self) -> None:
        self.until = 0
        self.why = ""


class Route:
    """One model at one provider: its breaker, its address's, its rest. `silent` until it has answered again, `probe` while one tries.
    `breaks_off`: its last failure came after content. `spent_until`: its provider said that nothing is left of its quota until then.
    `provider` and `model` are its names, `together` says when this process may probe, and is told what others should know."""

    __slots__ = (
        "address", "attempts", "breaker", "breaks_off", "credential", "failures", "model", "probe", "provider", "silent", "spent_until",
        "throttle", "together", "until", "why",
    )  # fmt: skip

    def __init__(self, provider: str, model: str, breaker: Breaker, address: Breaker, credential: Credential, together: Together) -> None:
        self.provider = provider
        self.model = model
        self.together = together
        self.breaker = breaker
        self.address = address
        self.credential = credential
        self.throttle = Throttle()
        self.until = self.spent_until = 0
        self.why = ""
        self.silent = self.breaks_off = False
        self.probe: Probe | None = None
        self.attempts = self.failures = 0

    @property
    def calm(self) -> bool:
        """Whether there is nothing to look at: nearly always."""
        rests = self.until or self.spent_until or self.credential.until
        return self.breaker.calm and self.address.calm and not rests and not self.silent

    def refusal(self, now: int, slow: bool = False, alone: bool = False, at_last: bool = False) -> Refusal | Passage:
        """`slow`: its latency is over the chain's bound. `alone`: there is nobody else to ask. `at_last`: all others failed, so that what
        only costs it its place is forgiven; a breaker never is."""
        alone = alone or at_last
        if not slow and self.calm:
            return CLEAR
        barred = self.barred(now)
        if barred is not None and not (at_last and barred.at_last):
            return barred
        if self.spent_until > now and not alone:
            # Only a hint: it never leaves a caller without an answer.
            return Refusal("resting", self.spent_until - now, QUOTA, at_last=True)
        probes = self.breaker.open or self.address.open
        if self.silent and not alone and not probes and self.probe is not None:
            return Refusal("resting", PROBE_LASTS_NS, self.why, at_last=True)
        if slow and not alone and not probes and self.probe is not None:
            return Refusal("slow", 0, "latency", at_last=True)
        if probes or (self.probe is None and (self.silent or (slow and not alone))):
            return PROBES
        # Both are asked, so that each counts who passed by.
        held = [one for one in (self.address, self.breaker) if one.holds_back(now)]
        return Refusal("ramp", 0, "breaker", at_last=True) if held and not alone else CLEAR

    def barred(self, now: int) -> Refusal | None:
        """What forbids to ask it now, whoever asks."""
        rests = max(self.until if self.why not in SILENT else 0, self.credential.until)
        for whose, breaker in (("address", self.address), ("model", self.breaker)):
            if breaker.refuses(now) or (breaker.open and not self.together.may_probe(now)):
                until = max(breaker.until, rests) - now
                return Refusal("breaker", until if until > 0 else PROBE_LASTS_NS, whose, sight=breaker.seen(now))
        if self.credential.until > now:
            return Refusal("resting", self.credential.until - now, self.credential.why, waitable=True)
        if self.until > now:
            silent = self.why in SILENT
            return Refusal("resting", self.until - now, self.why, at_last=silent, waitable=not silent)
        return None

    def begin(self) -> "RouteProbe":
        """The attempt that `refusal` called a probe."""
        probe = RouteProbe(self)
        probe.begin()
        if self.probe is None:
            self.probe = probe
        return probe

    def breakers(self) -> tuple[tuple[Whose, Breaker], tuple[Whose, Breaker]]:
        return ("address", self.address), ("route", self.breaker)

    def tell(self, what: What, whose: Whose, for_ns: int = 0, why: str = "") -> None:
        self.together.told(Sighting(what, self.provider, self.model, whose, for_ns, why))

    def may_be_asked(self, now: int) -> bool:
        """For the conditions of rules: `healthy`."""
        return self.calm or (self.barred(now) is None and not (self.silent and self.probe is not None))


class RouteProbe(Probe):
    """A probe, and the route that it is under way on. Others are told of it, and what came of it."""

    __slots__ = ("_watched", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        # Those that it decides about, and how often each had opened before.
        self._watched: list[tuple[Whose, Breaker, int]] = []

    def begin(self) -> None:
        for whose, breaker in self.route.breakers():
            if breaker.open:
                breaker.begin(self)
                self._watched.append((whose, breaker, breaker.opened))
                self.route.tell("probed", whose)

    def free(self) -> None:
        """It ended undecided, or its decision is known: others may try."""
        route = self.route
        if route.probe is self:
            route.probe = None
        for whose, breaker, opened in self._watched:
            breaker.free(self)
            for_ns = breaker.breaking.open_for_ns if breaker.opened > opened else 0
            route.tell("open" if breaker.open else "closed", whose, for_ns)
        self._watched = []
