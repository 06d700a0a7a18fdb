"""Hands the metrics what only assembly knows: sockets, files, and what this build is."""

import platform
from collections.abc import Callable

from orchvynt.assembly.build import Process
from orchvynt.runtime.audit_checks import AuditChecks
from orchvynt.runtime.control import About
from orchvynt.runtime.measuring import Measuring, Plumbing


def measuring(process: Process, about: About, admin_connections: Callable[[], int], checks: AuditChecks) -> Measuring:
    """The measuring of a process. Counting what operators have open is the admin server's."""
    python = platform.python_version()

    def plumbing() -> Plumbing:
        server, data_plane, upstream, opened = process.server, process.data_plane, process.upstream, process.opened
        refused = {("http", code): count for code, count in server.refusals.items()}
        refused |= {("endpoint", code): count for code, count in data_plane.refusals.items()}
        return Plumbing(
            version=about.version,
            python=python,
            started_at=about.started_at,
            ready=data_plane.status == "ready",
            connections={"data": server.connections_open, "admin": admin_connections()},
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
            audit_verified_at=checks.whole_at,
            audit_broken=checks.broken or not opened.audit_whole,
        )

    return Measuring(process.carrier, process.policies, process.alerting, plumbing)
