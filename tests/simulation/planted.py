"""Bugs, planted one at a time: production parts of another class, and ports with something in front. Each has to make a seed fail.

They come in through the composition root alone (`assembly.machine`: its foundation and its parts).
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from tests.simulation import faulty
from tests.simulation.process import Bug

from orchvynt.assembly.machine import Foundation, Parts
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.model.facts import AnyFact
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.life import Life

HOUR_NS: Final = 3_600_000_000_000
Change = Callable[[AnyFact, Life], Sequence[AnyFact]]


class Planted(Bug):
    """`caught_by` is the rule that has to find it."""

    def __init__(
        self,
        name: str,
        caught_by: str,
        *,
        ledger: type[Ledger] = Ledger,
        admitting: type[Admitting] = Admitting,
        carrier: type[Carrier] = Carrier,
        on: Callable[[Foundation], Foundation] = lambda on: on,
    ) -> None:
        self.name = name
        self.caught_by = caught_by
        self.parts = Parts(ledger, admitting, carrier)
        self._on = on

    def foundation(self, on: Foundation) -> Foundation:
        return self._on(on)


def _journal(kind: type[faulty.Before]) -> Callable[[Foundation], Foundation]:
    return lambda on: msgspec.structs.replace(on, journal=kind(on.journal))


def _store(kind: type[faulty.Before]) -> Callable[[Foundation], Foundation]:
    return lambda on: msgspec.structs.replace(on, store=kind(on.store))


PLANTED: Final = (
    Planted("release on disconnect", "charged once", carrier=faulty.rewriting(faulty.refund_on_disconnect)),
    Planted("settle twice", "charged once", carrier=faulty.rewriting(faulty.settle_twice)),
    Planted("count a receipt twice", "api agrees", ledger=faulty.CountsTwice),
    Planted("hold at the cheapest tier's price", "hold covers", admitting=faulty.HoldsAtTheCheapestPrice),
    Planted("window off by one hour", "hold covers", admitting=faulty.HoldsInOtherWindows),
    Planted("forget holds at restart", "charged once", on=_store(faulty.ForgetsHolds)),
    Planted("settle an unknown outcome at zero", "charged once", carrier=faulty.rewriting(faulty.unknown_at_zero)),
    Planted("hold on the first budget only", "hold covers", ledger=faulty.FirstBudgetOnly),
    Planted("fact after the effect", "fact before effect", on=_journal(faulty.WritesLater)),
    Planted("skip who names no subject", "hold covers", admitting=faulty.SkipsNobody),
    Planted("release before settling", "never over", ledger=faulty.Unchecked, admitting=faulty.ReleasesBeforeItSettles),
    Planted("stale price at settling", "charged once", carrier=faulty.rewriting(faulty.stale_price())),
    Planted("let waiters in unweighed", "never over", ledger=faulty.Unchecked, admitting=faulty.LetsWaitersIn),
    Planted("void a hold that was sent", "charged once", carrier=faulty.VoidsWhatWasSent),
    Planted("lose the last spend at restart", "api agrees", on=_store(faulty.LosesTheLastSpend)),
    Planted("output limit not sent", "hold covers", on=lambda on: msgspec.structs.replace(on, upstream=faulty.SendsNoLimit(on.upstream))),
    Planted("refuse instead of waiting", "no false refusal", admitting=faulty.NeverWaits),
    Planted("a cut looks whole", "whole or says so", carrier=faulty.CutsLookWhole),
    Planted("keep a hold for good", "nothing stays held", ledger=faulty.KeepsEveryFifth),
    Planted("roll out too early", "never over", ledger=faulty.RollsOutEarly),
    Planted("go on while nothing can be written", "fact before effect", on=_journal(faulty.DeafToErrors)),
)
