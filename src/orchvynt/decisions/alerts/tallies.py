"""Counts what alerts are about since the start of the process: calls and activations by chain and provider, and a provider's mishaps.

Counting is one look-up and one addition an invocation; what a window holds is found once a second from how the counts grew
(decisions.alerts.sliding). Names come from policies only, and so does the bound.
"""

from collections.abc import Collection
from typing import Final, Literal

Mishap = Literal["credential_refused", "quota_exhausted", "provider_overrun", "confidence_missing"]
MISHAPS: Final[tuple[Mishap, ...]] = ("credential_refused", "quota_exhausted", "provider_overrun", "confidence_missing")
"""What is always watched, whatever the policy says."""

TALLIES_MAX: Final = 4_096


class Tally:
    """`calls` are invocations that were routed to `provider` with `chain` behind them, `activations` those of them in which the chain
    was used. Of a mishap (`chain` empty) `calls` are how often it came. `last` is the invocation that was counted last."""

    __slots__ = ("activations", "calls", "chain", "last", "provider")

    def __init__(self, chain: str, provider: str) -> None:
        self.chain: Final = chain
        self.provider: Final = provider
        self.calls = 0
        self.activations = 0
        self.last = ""


class Tallies:
    """All tallies of one process, bounded: of chains the oldest makes room."""

    __slots__ = ("chains", "mishaps")

    def __init__(self) -> None:
        self.chains: dict[tuple[str, str], Tally] = {}
        self.mishaps: dict[Mishap, dict[str, Tally]] = {kind: {} for kind in MISHAPS}

    def routed(self, chain: str, provider: str) -> Tally:
        """An invocation was routed to a provider. The tally is what `activated` takes, if it comes to that."""
        try:
            tally = self.chains[chain, provider]
        except KeyError:
            if len(self.chains) >= TALLIES_MAX:
                del self.chains[next(iter(self.chains))]
            tally = self.chains[chain, provider] = Tally(chain, provider)
        tally.calls += 1
        return tally

    def happened(self, kind: Mishap, provider: str, invocation: str) -> None:
        known = self.mishaps[kind]
        tally = known.get(provider)
        if tally is None:
            if len(known) >= TALLIES_MAX:
                return
            tally = known[provider] = Tally("", provider)
        tally.calls += 1
        tally.last = invocation

    def forget_others(self, providers: Collection[str]) -> None:
        """Drops the providers that the policy in force does not name. Invocations that are pinned to an older one may bring one back."""
        self.chains = {key: tally for key, tally in self.chains.items() if key[1] in providers}
        for kind, known in self.mishaps.items():
            self.mishaps[kind] = {name: tally for name, tally in known.items() if name in providers}


def activated(tally: Tally, invocation: str) -> None:
    """The chain was used in an invocation that was counted before."""
    tally.activations += 1
    tally.last = invocation
