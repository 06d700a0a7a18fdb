"""Brings an older schema to this build's, in numbered steps that are noted where they were applied. A step is whole or not at all.

Steps have two parts: `pre` may run while the build before still serves, `post` only once it does not.
"""

from importlib import resources
from typing import Final, Literal, NamedTuple

from orchvynt.adapters.postgres.locks import change_alone
from orchvynt.adapters.postgres.session import Session
from orchvynt.ports.store import StoreUnavailableError

Part = Literal["pre", "post"]

_NOTES: Final = """\
CREATE TABLE IF NOT EXISTS applied (
    number bigint NOT NULL,
    part   text NOT NULL,
    name   text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (number, part)
);
"""


class Step(NamedTuple):
    """One file of `steps`: NNN_name.pre.sql or NNN_name.post.sql. A number may be missing; none is ever filled in."""

    number: int
    part: Part
    name: str
    script: str

    @property
    def sql(self) -> str:
        """With the note that it was applied."""
        return f"{self.script}\nINSERT INTO applied (number, part, name) VALUES ({self.number}, '{self.part}', '{self.name}');\n"


def all_steps() -> list[Step]:
    """In their order: by number, `pre` before `post`."""
    folder = resources.files(__package__).joinpath("steps")
    found: list[Step] = []
    for entry in folder.iterdir():
        stem, _, part = entry.name.removesuffix(".sql").rpartition(".")
        if entry.name.endswith(".sql"):
            assert part in ("pre", "post"), entry.name
            number, _, name = stem.partition("_")
            found.append(Step(int(number), "pre" if part == "pre" else "post", name, entry.read_text("utf-8")))
    return sorted(found, key=lambda step: (step.number, step.part == "post"))


def pending(session: Session) -> list[Step]:
    """Those that the database has not. Raises StoreUnavailableError, also for one that a newer build changed."""
    steps = all_steps()
    done: set[tuple[int, str]] = set()
    (there,) = session.execute("SELECT to_regclass('applied') IS NOT NULL").fetchone() or (False,)
    if there:
        done = {(int(number), str(part)) for number, part in session.execute("SELECT number, part FROM applied")}
    newest = steps[-1].number
    found = max((number for number, _ in done), default=0)
    if found > newest:
        raise StoreUnavailableError(
            f"the store {session.shown} has schema {found}, this build knows {newest}: a newer build changed it. "
            "Start that build, or restore the backup from before."
        )
    return [step for step in steps if (step.number, step.part) not in done]


def migrate(session: Session) -> list[Step]:
    """Applies what is pending, and gives it. Raises StoreUnavailableError."""
    if not pending(session):
        return []
    session.script("BEGIN")
    try:
        change_alone(session)
        steps = pending(session)  # another process may have been faster
        session.script(_NOTES)
        for step in steps:
            session.script(step.sql)
        session.script("COMMIT")
    except BaseException:
        session.drop()
        raise
    return steps


def printed(steps: list[Step]) -> str:
    """What `migrate` would run, for who may run it: a script for psql."""
    if not steps:
        return "-- Nothing is to be done.\n"
    parts = (f"-- Step {step.number} {step.name}, {step.part}.\n{step.sql}" for step in steps)
    return "BEGIN;\n" + _NOTES + "\n" + "\n".join(parts) + "COMMIT;\n"
