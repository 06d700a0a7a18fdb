"""`orchvynt migrate`: brings a PostgreSQL store to this build's schema, or prints what would do that. `serve` does so at its start."""

import sys

from orchvynt.adapters.postgres.locks import serve_alone
from orchvynt.adapters.postgres.migrating import migrate, pending, printed
from orchvynt.adapters.postgres.session import Session
from orchvynt.adapters.postgres.target import Target
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError

EXIT_REFUSED = 1
STEP_S = 3600.0


def run(target: Target, only_print: bool) -> int:
    """Gives the exit code: 0 when it is done, 1 if it could not be."""
    # A step takes its time, and there is nobody who serves meanwhile.
    session = Session(target, {"application_name": "orchvynt migrate"}, STEP_S, (lambda _session: None) if only_print else serve_alone)
    try:
        session.connect()
        if only_print:
            sys.stdout.write(printed(pending(session)))
            return 0
        for step in migrate(session):
            sys.stdout.write(f"step {step.number} {step.name} ({step.part}) is done\n")
        sys.stdout.write(f"the store {session.shown} has the schema of this build\n")
        return 0
    except (StoreInUseError, StoreUnavailableError) as error:
        sys.stderr.write(f"orchvynt migrate: {error}\n")
        return EXIT_REFUSED
    finally:
        session.close()
