"""Whether a route may be asked, as values: a passage, or a refusal with its reason."""

from typing import Final, Literal

import msgspec

from orchvynt.decisions.fallback.sights import Sight

Why = Literal["resting", "breaker", "ramp", "slow"]


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a route may not be asked in its place. `rest_why` is the trigger that put it to rest, for a breaker whose it is (`model` or
    `address`). `at_last`: nothing forbids to ask it when all others failed. `waitable`: the provider itself said when."""

    why: Why
    for_ns: int
    rest_why: str
    at_last: bool = False
    waitable: bool = False
    sight: Sight | None = None


class Passage(msgspec.Struct, frozen=True, gc=False):
    """The route may be asked; `probes` says that the attempt is one that others must wait for."""

    probes: bool


CLEAR: Final = Passage(False)
PROBES: Final = Passage(True)
