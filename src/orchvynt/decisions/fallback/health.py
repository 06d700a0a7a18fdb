"""Which models may be asked now: who rests until when, which breakers are open, who must prove itself first.

Instants are monotonic nanoseconds of this process; nothing here is stored. Outcomes are the words of the reference's triggers.
"""

from typing import Final

from orchvynt.decisions.fallback.breakers import Breaker
from orchvynt.decisions.fallback.moves import Rest
from orchvynt.decisions.fallback.outcomes import BROKE_OFF, SILENT, blames_address, blames_model
from orchvynt.decisions.fallback.retries import RetryBudget
from orchvynt.decisions.fallback.routes import QUOTA as QUOTA
from orchvynt.decisions.fallback.routes import Credential, Route, RouteProbe
from orchvynt.decisions.fallback.sharing import Sighting, Together, Whose
from orchvynt.decisions.fallback.sights import How, Standing
from orchvynt.language.snapshot import Breaking, Model, Provider, Snapshot

KEPT_MODELS: Final = 4_096


class Health:
    """All routes of this process, their credentials and addresses; and the retry budget, which they share."""

    __slots__ = (
        "_addresses", "_breaking", "_credentials", "_providers", "_routes", "_share", "_snapshot", "_version", "retries", "together",
    )  # fmt: skip

    def __init__(self) -> None:
        self._breaking = Breaking()
        self._snapshot: Snapshot | None = None
        self._version = -1
        self._share = 0
        self._providers: dict[str, Provider] = {}
        self._routes: dict[tuple[str, str], Route] = {}
        self._addresses: dict[tuple[str, int, bool], Breaker] = {}
        self._credentials: dict[str, Credential] = {}
        self.retries = RetryBudget()
        self.together = Together()

    def under(self, snapshot: Snapshot) -> None:
        """The newest policy that was met says how breakers behave. What it changed of a provider voids what is known of that one."""
        if snapshot is self._snapshot or snapshot.version < self._version:
            return
        changed = {name for name, provider in self._providers.items() if snapshot.providers.get(name) != provider}
        self._snapshot, self._version, self._providers = snapshot, snapshot.version, snapshot.providers
        self._share = snapshot.retry.budget
        if changed:
            self._routes = {key: route for key, route in self._routes.items() if key[0] not in changed}
            self._credentials = {name: one for name, one in self._credentials.items() if name not in changed}
        if snapshot.breaking != self._breaking:
            self._breaking = snapshot.breaking
            for breaker in (*self._addresses.values(), *(route.breaker for route in self._routes.values())):
                breaker.adopt(snapshot.breaking)

    def route(self, provider: Provider, model: str) -> Route:
        route = self._routes.get((provider.name, model))
        return route if route is not None else self._open(provider, model)

    def _open(self, provider: Provider, model: str) -> Route:
        """Bounded: callers may invent names behind a pattern."""
        if len(self._routes) >= KEPT_MODELS:
            del self._routes[next((key for key, route in self._routes.items() if route.calm), next(iter(self._routes)))]
        route = self._routes[(provider.name, model)] = self._made(provider, model)
        return route

    def _made(self, provider: Provider, model: str) -> Route:
        place = (provider.host, provider.port, provider.tls)
        address = self._addresses.setdefault(place, Breaker(self._breaking))
        credential = self._credentials.setdefault(provider.name, Credential())
        return Route(provider.name, model, Breaker(self._breaking), address, credential, self.together)

    def find(self, provider: Provider, model: str) -> Route:
        """For whoever only looks: a route that was never used is not kept."""
        return self._routes.get((provider.name, model)) or self._made(provider, model)

    def healthy(self, model: Model, now: int) -> bool:
        route = self._routes.get((model.provider.name, model.name))
        return route is None or route.may_be_asked(now)

    def standing(self, provider: Provider, model: str, now: int) -> Standing:
        route = self.find(provider, model)
        barred = route.barred(now)
        until, why = (route.spent_until, QUOTA) if route.spent_until > now else (0, "")
        if barred is not None:
            until, why = now + barred.for_ns, "breaker" if barred.why == "breaker" else barred.rest_why
        return Standing(until, why, route.breaker.seen(now), route.address.seen(now), route.attempts, route.failures)

    def rest(self, provider: Provider, model: str, rest: Rest, now: int) -> None:
        """Extends a rest, never shortens it."""
        route = self.route(provider, model)
        resting: Route | Credential = route.credential if rest.credential else route
        if now + rest.for_ns > resting.until:
            resting.until, resting.why = now + rest.for_ns, rest.why
            whose: Whose = "credential" if rest.credential else "route"
            route.tell("rests", whose, rest.for_ns, rest.why)
        if rest.why in SILENT:
            route.silent = True

    def spent(self, route: Route, until: int) -> None:
        """The provider's own headers: nothing is left there until then."""
        route.spent_until = max(route.spent_until, until)

    def renewed(self, provider: str) -> bool:
        """The credential is another one than was refused. Whether that ended a rest."""
        if (credential := self._credentials.get(provider)) is None or credential.why != "auth":
            return False
        credential.until, credential.why = 0, ""
        return True

    def answered(self, route: Route, now: int, probe: RouteProbe | None = None) -> None:
        """An answer came: the model is not silent. What it asked to wait for still stands; this answer was under way before."""
        route.attempts += 1
        if not route.throttle.full:
            route.throttle.answered(self._share)
        route.breaker.went_well(now, probe)
        route.address.went_well(now, probe)
        if route.silent:
            _spoke(route)
        if probe is not None:
            probe.free()

    def began(self, route: Route, now: int, probe: RouteProbe) -> bool:
        """The first content of a probe's stream came. Whether that is proof enough, so that nobody has to wait for its end."""
        if route.breaks_off:
            return False
        route.breaker.went_well(now, probe)
        route.address.went_well(now, probe)
        _spoke(route)
        probe.free()
        return True

    def failed(self, route: Route, how: How, now: int, probe: RouteProbe | None = None) -> int:
        """Counts a failure against whom it is to blame on. Gives for how long a breaker of this route is open now, in ns."""
        route.attempts += 1
        route.failures += 1
        opened = [breaker.opened for _, breaker in route.breakers()]
        if not how.stale and blames_model(how.outcome, how.connected, how.retry_after_ns):
            route.breaks_off = how.outcome in BROKE_OFF
            route.throttle.failed(now)
            route.breaker.went_wrong(now, probe)
        if blames_address(how.outcome, how.connected):
            route.address.went_wrong(now, probe)
        elif how.connected:
            route.address.went_well(now, probe)
        for before, (whose, breaker) in zip(opened, route.breakers(), strict=True):
            if breaker.opened > before:
                route.tell("open", whose, breaker.breaking.open_for_ns)
        if probe is not None:
            probe.free()
        return max(route.breaker.until, route.address.until) - now if route.breaker.open or route.address.open else 0

    def hear(self, sighting: Sighting, snapshot: Snapshot, now: int) -> None:
        """What another process has seen of a route. What it does not know of is none of its business."""
        self.under(snapshot)
        if (provider := snapshot.providers.get(sighting.provider)) is None:
            return
        route = self.route(provider, sighting.model)
        if sighting.what == "rests":
            resting: Route | Credential = route.credential if sighting.whose == "credential" else route
            if now + sighting.for_ns > resting.until:
                resting.until, resting.why = now + sighting.for_ns, sighting.why
            return
        breaker = route.address if sighting.whose == "address" else route.breaker
        if sighting.what == "probed":
            breaker.probed_elsewhere(now)
        elif sighting.what == "open":
            breaker.opened_elsewhere(now, sighting.for_ns)
        else:
            breaker.closed_elsewhere(now)

    def may_retry(self, route: Route, share: int, now: int) -> bool:
        """Whether one more retry on this model is within the retry budget; `share` in parts of 10,000."""
        return route.throttle.allows and self.retries.allows(share, now)

    def forget_ended(self, now: int) -> None:
        """Drops rests that are over, and addresses that no route leads to any more."""
        rests: list[Route | Credential] = [*self._routes.values(), *self._credentials.values()]
        for one in rests:
            if one.until <= now:
                one.until = 0
        for route in self._routes.values():
            if route.spent_until <= now:
                route.spent_until = 0
        used = {id(route.address) for route in self._routes.values()}
        self._addresses = {place: breaker for place, breaker in self._addresses.items() if id(breaker) in used}


def _spoke(route: Route) -> None:
    """It is not silent. What it asked to wait for still stands."""
    route.silent = False
    if route.why in SILENT:
        route.until, route.why = 0, ""
