"""The JSON of the admin API about policies: versions, what changes from one to another, and who serves which."""

import re
from typing import Annotated, Final, Literal

import msgspec

from orchvynt.language.problems import Problem

VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=999_999_999)]
DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d)")
SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DURATION_S_MAX: Final = 366 * 86_400


def duration_ns(text: str) -> int | None:
    """`90s`, `30m`, `2h`, `1d` → nanoseconds; None for what is no duration, none at all, or more than a year."""
    found = DURATION.fullmatch(text)
    seconds = int(found[1]) * SECONDS[found[2]] if found else 0
    return seconds * 1_000_000_000 if 0 < seconds <= DURATION_S_MAX else None


class ReplicaView(msgspec.Struct, frozen=True):
    """One process that serves, and which version it serves since when. `trouble` says why it does not serve the newest, where it says so,
    or that it is silent."""

    name: str
    version: int
    digest: str
    since: str
    trouble: str = ""


class PolicyView(msgspec.Struct, frozen=True):
    """One version. `current` marks the one in force. `until` is when a watched file takes over again; empty for good."""

    version: int
    digest: str
    message: str
    author: str
    applied_at: str
    commit: str
    current: bool
    until: str


class PolicyDetail(PolicyView, frozen=True):
    """One version with its text."""

    yaml: str


class ChangeView(msgspec.Struct, frozen=True):
    """A change that weakens what is protected: `weakens` says what. It waits for `quorum` people of `approvers` (not for its author where
    `not_author`). `version` is the one that it became, null if none; `base` the one that it was made for."""

    change: str
    status: Literal["open", "approved", "rejected", "overtaken"]
    author: str
    at: str
    message: str
    base: int
    weakens: tuple[str, ...]
    approvers: str
    quorum: int
    not_author: bool
    approved_by: tuple[str, ...] = ()
    decided_at: str = ""
    decided_by: str = ""
    reason: str = ""
    version: int | None = None


class ChangeDetail(ChangeView, frozen=True):
    """And its text."""

    yaml: str = ""


class ChangeDecisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vote on a change."""

    decision: Literal["approve", "reject"]
    reason: str = ""


class PolicyApplied(PolicyView, frozen=True):
    """The version that is in force, what its author should know about it, and who has acknowledged it. With `waiting` nothing was applied:
    the change waits for people, and the version is the one in force before it. `weakened` is what the glass was broken for."""

    warnings: tuple[Problem, ...] = ()
    replicas: tuple[ReplicaView, ...] = ()
    waiting: ChangeView | None = None
    weakened: tuple[str, ...] = ()


class ApplyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`message` says why. With `expected_version` nothing is applied unless that version is in force (0: none yet).

    `until`, such as `2h`, is for a server that watches a file: after so long the file takes over again. `break_glass` applies what weakens
    the protected parts without an approval, and tells everybody; it takes the role admin.
    """

    yaml: str
    message: str
    expected_version: Annotated[int, msgspec.Meta(ge=0, le=999_999_999)] | None = None
    commit: str = ""
    file: str = "policy.yaml"
    until: str = ""
    break_glass: bool = False


class ValidateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`file` is the name that problems are given under."""

    yaml: str
    file: str = "policy.yaml"


class Validity(msgspec.Struct, frozen=True):
    """`valid` is true when no problem is an error. `bindings` are the addresses, and secrets at addresses, that are not in force yet:
    to apply them needs the role admin. Without a server nothing is known of that, and it is null. `streams` says which gate holds which
    streams, a line for each gate of a valid policy."""

    valid: bool
    problems: tuple[Problem, ...]
    bindings: tuple[str, ...] | None = None
    streams: tuple[str, ...] = ()


class DiffBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `old` the version in force; `yaml` is a text to compare with instead of the version `new`."""

    old: VersionNumber | None = None
    new: VersionNumber | None = None
    yaml: str | None = None
    file: str = "policy.yaml"


class PolicyChange(msgspec.Struct, frozen=True):
    """What changes from `old` to `new`, in words. `bindings` are the new addresses, and secrets at addresses: to apply them needs the
    role admin. `same`: both mean the same. `problems` are errors that keep one of the two from being compiled; then nothing is known.
    """

    old: str
    new: str
    same: bool
    words: tuple[str, ...]
    bindings: tuple[str, ...]
    problems: tuple[Problem, ...]


class PolicyDiff(PolicyChange, frozen=True):
    """And the lines that differ between the two texts, as a unified diff."""

    lines: tuple[str, ...] = ()


class RollbackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `version`: to the last version before the one in force that says something else. `until` is as for an apply."""

    message: str = ""
    version: VersionNumber | None = None
    until: str = ""
    break_glass: bool = False


class RollbackToBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version stands in the path."""

    message: str = ""
    until: str = ""
    break_glass: bool = False
