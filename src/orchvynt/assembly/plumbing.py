"""Hands the metrics what only assembly knows: sockets, files, what this build is, and what other workers counted."""

import os
import platform
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from orchvynt.assembly.build import Process
from orchvynt.assembly.posts import Post
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.runtime import metrics as m
from orchvynt.runtime.audit_checks import AuditChecks
from orchvynt.runtime.control import About
from orchvynt.runtime.counting import NONE
from orchvynt.runtime.measuring import Measuring, Plumbing
from orchvynt.runtime.merging import Condition, Merged, merged, packed
from orchvynt.runtime.metrics import Sampled
from orchvynt.runtime.outages import sentence


class Measures:
    """What this process counts, and all of them together. The admin server is not there from the start: it says what it has open."""

    def __init__(self, process: Process, about: About, post: Post) -> None:
        self.checks = AuditChecks()
        self.admin_connections: Callable[[], int] = lambda: 0
        self._process = process
        self._about = about
        self._post = post
        self._measuring = Measuring(process.carrier, process.policies, process.alerting, self._plumbing)

    async def packed(self) -> bytes:
        """What this process counted, and how it fares, for another one."""
        return packed(await self._measuring.read() or [], os.getpid(), self._condition())

    async def read(self) -> Merged:
        """What all workers counted, which is nothing where the policy in force wants no metrics; and how they fare."""
        own = await self._measuring.read() or []
        others, missing = await self._post.gather()
        found = merged(own, os.getpid(), others, self._condition())
        found.sampled.append(Sampled(m.UNTOLD, {NONE: missing}))
        # Without the store the rest is told.
        with suppress(StoreUnavailableError):
            rows = await self._process.opened.store.processes()
            states = Counter("out_of_reach" if row.out_of_reach else row.state for row in rows)
            found.sampled.append(Sampled(m.PROCESSES, {(state,): states[state] for state in m.PROCESS_STATES}))
        return found

    def _condition(self) -> Condition:
        shedding, outage = self._process.shedding, self._process.carrier.outage
        return Condition(shedding.shed, sum(shedding.refused.numbers.values()), sentence(outage) if outage.away else "")

    def _plumbing(self) -> Plumbing:
        process, about = self._process, self._about
        server, data_plane, upstream, opened = process.server, process.data_plane, process.upstream, process.opened
        refused = {("http", code): count for code, count in server.refusals.items()}
        refused |= {("endpoint", code): count for code, count in data_plane.refusals.items()}
        return Plumbing(
            version=about.version,
            python=platform.python_version(),
            started_at=about.started_at,
            ready=data_plane.status == "ready",
            connections={"data": server.connections_open, "admin": self.admin_connections()},
            requests=server.requests_total,
            refusals=refused,
            upstream_open=upstream.connections_open,
            upstream_idle=upstream.connections_idle,
            upstream_dials=upstream.dials,
            journal_bytes=about.journal_bytes(),
            unfiled_bytes=opened.store.unfiled_bytes(),
            filing_problem=opened.store.backlog().problem,
            recovered=process.recovered,
            audit_entries=opened.store.audit_entries,
            audit_verified_at=self.checks.whole_at,
            audit_broken=self.checks.broken or not opened.audit_whole,
            shed=process.shedding.refused.numbers,
            shedding=bool(process.shedding.shed.since),
            queue_delay_ns=process.shedding.queue.delay_ns,
        )
