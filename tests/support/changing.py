"""What changes policies over the fakes of a runtime: a process that fits every policy, and a file that the test writes."""

from tests.support.carrying import FakeSecrets, Runtime
from tests.support.clock import CountingIds

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.language.compile import load
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.builds import Build
from orchvynt.ports.checking import Checking
from orchvynt.ports.watched import FileUnreadableError
from orchvynt.runtime.changing import Changing


class FakeAbout:
    """Implements runtime.control.About. `unfit_because` is why no further policy may be served."""

    version = "0.0.0"
    name = "here:1"
    started_at = 5
    build: Build = "pure"
    store = "memory:"

    def __init__(self) -> None:
        self.unfit_because = ""
        self.sync = ""

    def journal_bytes(self) -> int:
        return 4_096

    def draining(self) -> bool:
        return False

    def applied(self, snapshot: Snapshot) -> None:
        self.sync = snapshot.sync

    def unfit(self, snapshot: Snapshot) -> str:
        return self.unfit_because


class FakeFile:
    """Implements ports.watched.WatchedFile. `text` None: it cannot be read."""

    path = "policy.yaml"

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.reads = 0
        self.commit_id = ""

    def stamp(self) -> object:
        return self.text

    async def read(self) -> str:
        self.reads += 1
        if self.text is None:
            raise FileUnreadableError(f"{self.path} cannot be read (No such file or directory)")
        return self.text

    async def commit(self) -> str:
        return self.commit_id

    async def wait(self, seconds: float) -> None:
        raise AssertionError("the test looks by itself")


def changing(runtime: Runtime, secrets: dict[str, str] | None = None, checking: Checking | None = None) -> Changing:
    known = FakeSecrets(**(secrets or {}))
    return Changing(runtime.policies, runtime.store, checking or InlineChecking(), known, runtime.clock, FakeAbout(), CountingIds())


def compiled(text: str) -> Snapshot:
    snapshot = load(text, "p.yaml").snapshot
    assert snapshot is not None
    return snapshot
