"""The processes that serve from one store: who they are, who was seen when, and what one of them takes over from those that died.

A process is known by its journal: whoever opens that journal again goes on under the same id.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

ProcessState = Literal["serving", "draining", "gone"]
"""`gone`: all of its journal is in the store, and nothing that it had open is left."""

BEAT_NS: Final = 5_000_000_000
"""How often a process says that it is there."""

SILENT_NS: Final = 20_000_000_000
"""One that was silent for so long is out of reach, or hangs."""


class ProcessRow(msgspec.Struct, frozen=True):
    """`process` is its id (prc_…), `journal` the name of its journal on its `host`. Instants are ns UTC by the store's clock, and
    `silent_ns` is how long ago by it the process was last seen."""

    process: str
    journal: str
    host: str
    pid: int
    version: str
    began_at: int
    seen_at: int
    state: ProcessState
    silent_ns: int

    @property
    def out_of_reach(self) -> bool:
        """It has not come to its end, and says nothing: its journal may hold what the store has not."""
        return self.state != "gone" and self.silent_ns >= SILENT_NS


class TakenOver(msgspec.Struct, frozen=True):
    """A process that died, all of whose journal is in the store now. `told` is what its journal's recovery has to tell, in lines."""

    process: str
    journal: str
    told: tuple[str, ...] = ()


class ProcessStore(Protocol):
    @property
    def process(self) -> str:
        """The id of this process."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may serve from this store while this one does."""
        ...

    async def processes(self) -> list[ProcessRow]:
        """All that ever had a journal here, in the order in which they came, with this one."""
        ...

    async def beat(self, state: ProcessState) -> None:
        """This process is there, and in this state."""
        ...

    async def caught_up(self) -> None:
        """As `settled`, and for what other processes of this machine had written by then; of one that hangs not all may be there."""
        ...

    async def take_over(self) -> Sequence[TakenOver]:
        """Those that died and whose journals this process can reach: what their journals held is in the store then, and nobody else
        takes them over until this process dies. Each is given once. What they had open is asked for by their ids, and settled by
        facts in this process's journal; then comes `bury`. Raises StoreUnavailableError, JournalUnavailableError."""
        ...

    async def bury(self, process: str) -> None:
        """Nothing that a process had open is left: it is gone, and its journal may be begun anew."""
        ...
