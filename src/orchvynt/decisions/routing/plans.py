"""A memory of plans that hang on nothing but the rule that matched, the model that was asked for, and the chain.

Most plans of most policies are such: they are made once, and serve every later invocation that only its length binds and that fits them.
"""

from typing import Final

from orchvynt.decisions.routing.planned import Plan
from orchvynt.language.snapshot import Snapshot

Reason = tuple[int, str, str]
"""How many rules were passed over, which says which one matched; the model that was asked for, empty where a rule decides; the chain."""

KEPT_MAX: Final = 4_096


class Plans:
    """Those of one snapshot, the one that was met last. Each with the most tokens that fit every model of it."""

    __slots__ = ("_kept", "_of")

    def __init__(self) -> None:
        self._of: Snapshot | None = None
        self._kept: dict[Reason, tuple[int, Plan]] = {}

    def find(self, snapshot: Snapshot, reason: Reason, tokens: int) -> Plan | None:
        """The plan for an invocation of at most so many tokens that nothing else binds; None if it has to be made."""
        if self._of is not snapshot:
            return None
        kept = self._kept.get(reason)
        return kept[1] if kept is not None and tokens <= kept[0] else None

    def keep(self, snapshot: Snapshot, reason: Reason, tokens_max: int, plan: Plan) -> None:
        if self._of is not snapshot:
            self._of, self._kept = snapshot, {}
        if len(self._kept) < KEPT_MAX:
            self._kept[reason] = (tokens_max, plan)
