"""The journal's port in front of a memory store: what is appended is filed at once, and gone with the process."""

from collections.abc import Sequence

from orchvynt.adapters.journal.frames import encode_facts
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.adapters.projection import Batch
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError


class MemoryJournal:
    """`process` is whose it is, where several share the store."""

    def __init__(self, store: MemoryStore, process: str = "") -> None:
        self._store = store
        self._process = process

    def append(self, facts: Sequence[AnyFact]) -> None:
        if not facts:
            return
        try:
            payload = encode_facts(facts)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise JournalUnavailableError(f"facts of {facts[0].inv} cannot be encoded: {error}. This is a defect of OrchVynt.") from error
        batch = Batch(self._store.next_seq)
        batch.add(facts, payload)
        self._store.file(batch, self._process)

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        for facts in records:
            self.append(facts)


def open_memory_store() -> tuple[MemoryStore, MemoryJournal]:
    store = MemoryStore()
    return store, MemoryJournal(store)
