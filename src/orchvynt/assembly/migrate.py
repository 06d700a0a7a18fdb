"""`orchvynt migrate`: brings a PostgreSQL store to this build's schema, or prints what would do that. `serve` does so at its start."""

import sys

import msgspec

from orchvynt.adapters.postgres.locks import serve_alone
from orchvynt.adapters.postgres.migrating import migrate, pending, printed
from orchvynt.adapters.postgres.session import Session
from orchvynt.adapters.postgres.target import Target
from orchvynt.assembly.refusing import refused
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError
from orchvynt.surfaces.operator_shapes import StepMigrated, StoreMigrated

STEP_S = 3600.0


def run(target: Target, only_print: bool, json: bool) -> int:
    """Gives the exit code: 0 when it is done, 1 if it could not be."""
    # A step takes its time, and there is nobody who serves meanwhile.
    session = Session(target, {"application_name": "orchvynt migrate"}, STEP_S, (lambda _session: None) if only_print else serve_alone)
    try:
        session.connect()
        steps = pending(session) if only_print else migrate(session)
        script = printed(steps) if only_print else ""
        if json:
            told = tuple(StepMigrated(step.number, step.name, step.part) for step in steps)
            sys.stdout.write(msgspec.json.encode(StoreMigrated(session.shown, told, not only_print, script)).decode() + "\n")
        elif only_print:
            sys.stdout.write(script)
        else:
            for step in steps:
                sys.stdout.write(f"step {step.number} {step.name} ({step.part}) is done\n")
            sys.stdout.write(f"the store {session.shown} has the schema of this build\n")
        return 0
    except (StoreInUseError, StoreUnavailableError) as error:
        return refused("migrate", str(error), json)
    finally:
        session.close()
