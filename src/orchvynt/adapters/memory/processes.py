"""The processes' part of the memory store: there is one, and it leaves nothing to others."""

from orchvynt.adapters.memory.part import MemoryPart
from orchvynt.ports.processes import ProcessRow, ProcessState, TakenOver

_ONLY = "prc_memory"


class MemoryProcesses(MemoryPart):
    """Implements ports.processes.ProcessStore."""

    def __init__(self) -> None:
        super().__init__()
        self._state: ProcessState = "serving"

    @property
    def process(self) -> str:
        return _ONLY

    @property
    def is_shared(self) -> bool:
        return False

    async def processes(self) -> list[ProcessRow]:
        self._check_open()
        return [ProcessRow(_ONLY, "", "", 0, "", 0, 0, self._state, 0)]

    async def beat(self, state: ProcessState) -> None:
        self._check_open()
        self._state = state

    async def caught_up(self) -> None:
        self._check_open()

    async def take_over(self) -> list[TakenOver]:
        self._check_open()
        return []

    async def bury(self, process: str) -> None:
        raise AssertionError(f"{process} was not taken over")
