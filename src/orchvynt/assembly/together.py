"""What a process does because others may serve from its store: it follows what they change, and tells them what it changes."""

from collections.abc import Callable

from orchvynt.assembly.build import Process
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.peers import Pulse
from orchvynt.ports.processes import ProcessRow
from orchvynt.runtime.changing import missing_secrets
from orchvynt.runtime.control import About
from orchvynt.runtime.health_hints import HealthHints
from orchvynt.runtime.replicating import Replicating


def replicating(process: Process, about: About, say: Callable[[str], None]) -> Replicating:
    """Begun where the process is not alone."""

    def unservable(snapshot: Snapshot) -> str:
        return about.unfit(snapshot) or next(iter(missing_secrets(process.secrets, snapshot)), "")

    policies, peers, clock = process.policies, process.peers, process.clock
    keyring, delivering = process.data_plane.reception.keyring, process.alerting.delivering
    made = Replicating(policies, process.opened.store, process.checking, clock, about, peers, keyring, unservable, say)
    hints = HealthHints(process.carrier.admitting.health, policies, clock, peers)

    def pulsed(pulse: Pulse, rows: list[ProcessRow]) -> None:
        process.following.pulsed(pulse, rows)
        hints.pulsed(pulse, rows)
        # Others may have put messages there, for the one that delivers.
        delivering.look_again()

    made.pulsed = pulsed
    if not peers.alone:
        process.tasks.start(made.run(), "replicas")
    return made
