"""The faults in force now, by virtual provider: set and cleared while the provider runs, some for a number of calls only."""

from collections.abc import Mapping
from typing import Final

import msgspec

from orchvynt.scripted.faults import Fault

EVERYBODY: Final = "*"
FAULTS_MAX: Final = 1_000


class _Live(msgspec.Struct):
    fault: Fault
    left: int | None


class LiveFaults:
    """One fault for each name, and one for `*`, which stands where the name has none of its own."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        self._live: dict[str, _Live] = {}
        self.replace(faults)

    def replace(self, faults: Mapping[str, Fault]) -> None:
        self._live = {name: _Live(fault, None) for name, fault in faults.items()}

    def put(self, name: str, fault: Fault | None, times: int | None) -> None:
        """Sets a fault, for good or for so many calls, or clears it. Raises ValueError for what cannot be counted."""
        if fault is None:
            self._live.pop(name, None)
            return
        if times is not None and (times < 1 or fault.refuse_connections):
            raise ValueError("`times` is at least 1, and refused connections cannot be counted; leave it out")
        if name not in self._live and len(self._live) >= FAULTS_MAX:
            raise ValueError(f"there are {FAULTS_MAX} faults already; clear some")
        self._live[name] = _Live(fault, times)

    def peek(self, name: str) -> Fault | None:
        live = self._live.get(name) or self._live.get(EVERYBODY)
        return live.fault if live else None

    def count(self, name: str) -> None:
        """One call met the fault that `peek` gave."""
        key = name if name in self._live else EVERYBODY
        live = self._live.get(key)
        if live is not None and live.left is not None:
            live.left -= 1
            if live.left == 0:
                del self._live[key]

    def refuses(self, name: str) -> bool:
        """Whether connections to a listener of that name are refused. The shared listener has the name `*`."""
        return any(live.fault.refuse_connections for key in (name, EVERYBODY) if (live := self._live.get(key)))

    @property
    def listed(self) -> dict[str, Fault]:
        return {name: live.fault for name, live in self._live.items()}
