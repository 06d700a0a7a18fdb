"""The policy's history, what changes within it, and the changes to it: validate, apply, roll back."""

from typing import Final

import msgspec

from orchvynt.language.problems import Problem
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.ports.changes import ChangeRow
from orchvynt.ports.store import PolicyRow
from orchvynt.runtime.control import Applied, Change, Changed, Rollback, Version
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.fleet import replicas
from orchvynt.surfaces.admin.notes import note
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.surfaces.policy_shapes import (
    ApplyBody,
    ChangeView,
    DiffBody,
    PolicyApplied,
    PolicyChange,
    PolicyDetail,
    PolicyView,
    RollbackBody,
    RollbackToBody,
    ValidateBody,
    Validity,
    duration_ns,
)

PROBLEMS_MAX: Final = 100
WORDS_MAX: Final = 1_000
COMMIT_CHARS_MAX: Final = 64


async def history(desk: Desk, asking: Asking) -> Listing[PolicyView]:
    rows = await desk.store.policies()
    newest = max((row.version for row in rows), default=0)
    return page(rows, lambda row: sortable(row.version), lambda row: _view(row, newest), asking.limit, asking.after, newest_first=True)


async def one(desk: Desk, asking: Asking) -> PolicyDetail | Fault:
    """One version with its text; `current` names the one in force."""
    wanted = _version(asking)
    if isinstance(wanted, Fault):
        return wanted
    row, newest = await desk.store.policy(wanted), desk.control.status().policy.version
    if row is None:
        known = f"There are versions 1 to {newest}." if newest else "No policy was applied yet."
        return Fault("not_found", f"There is no policy version {wanted}.", known, param="version")
    return PolicyDetail(**msgspec.structs.asdict(_view(row, newest)), yaml=row.yaml)


async def validate(desk: Desk, asking: Asking) -> Validity | Fault:
    assert isinstance(asking.body, ValidateBody)
    checked = await desk.control.validate(asking.body.yaml, asking.body.file)
    if isinstance(checked, Fault):
        return checked
    valid = not any(problem.severity == "error" for problem in checked.problems)
    return Validity(valid, checked.problems[:PROBLEMS_MAX], checked.bindings[:WORDS_MAX], checked.streams[:WORDS_MAX])


async def diff(desk: Desk, asking: Asking) -> PolicyChange | Fault:
    body = asking.body
    assert isinstance(body, DiffBody)
    if body.yaml is not None and body.new is not None:
        return Fault("invalid_request", "`new` and `yaml` both say what to compare with.", "Give one of them.", param="new")
    new: Version | tuple[str, str] = (body.yaml, body.file) if body.yaml is not None else body.new
    found = await desk.control.compare(body.old, new)
    if isinstance(found, Fault):
        return found
    current = desk.control.status().policy.version
    names = (f"version {body.old or current}", body.file if body.yaml is not None else f"version {body.new or current}")
    return PolicyChange(*names, found.same, found.words[:WORDS_MAX], found.bindings[:WORDS_MAX], found.problems[:PROBLEMS_MAX])


async def apply(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    body = asking.body
    assert isinstance(body, ApplyBody)
    if not body.message.strip():
        return Fault(
            "invalid_request", "A policy is applied with a reason, and `message` is empty.", "Say why, with -m WHY.", param="message"
        )
    for_ns = _until(body.until)
    if isinstance(for_ns, Fault):
        return for_ns
    if fault := await _break_glass(desk, asking, body.break_glass, body.message):
        return fault
    admin, commit = asking.role == "admin", body.commit[:COMMIT_CHARS_MAX]
    change = Change(body.yaml, body.message, asking.who, admin, body.expected_version, commit, for_ns, body.file, body.break_glass)
    return await concluded(desk, asking, "policy.apply", body.message, await desk.control.apply(change))


async def rollback(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    body = asking.body
    assert isinstance(body, RollbackBody)
    return await _roll_back(desk, asking, body.version, body)


async def rollback_to(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    body = asking.body
    assert isinstance(body, RollbackToBody)
    wanted = _version(asking)
    return wanted if isinstance(wanted, Fault) else await _roll_back(desk, asking, wanted, body)


async def _roll_back(desk: Desk, asking: Asking, version: int | None, body: RollbackBody | RollbackToBody) -> PolicyApplied | Fault:
    for_ns = _until(body.until)
    if isinstance(for_ns, Fault):
        return for_ns
    if fault := await _break_glass(desk, asking, body.break_glass, body.message):
        return fault
    asked = Rollback(version, body.message, asking.who, asking.role == "admin", for_ns, body.break_glass)
    return await concluded(desk, asking, "policy.rollback", body.message, await desk.control.rollback(asked))


async def _break_glass(desk: Desk, asking: Asking, break_glass: bool, message: str) -> Fault | None:
    """Whoever breaks the glass is an admin, and says why."""
    if not break_glass:
        return None
    if asking.role != "admin":
        return Fault("forbidden", "To break the glass needs the role admin.", "Without it the change waits for those who approve it.")
    if not message.strip():
        return Fault(
            "invalid_request", "Whoever breaks the glass says why, and `message` is empty.", "Say why, with -m WHY.", param="message"
        )
    # INVARIANT: the entry comes before the effect, so nobody breaks the glass without the audit knowing.
    await note(desk, asking.who, "policy.break_glass", message, "")
    return None


async def concluded(desk: Desk, asking: Asking, what: str, why: str, done: Changed) -> PolicyApplied | Fault:
    """Writes the audit entry, of a refused attempt too. The version itself already holds who, when and why, in one commit with its text."""
    if isinstance(done, ChangeRow):
        current = desk.control.status().policy
        if what.startswith("policy."):
            await note(desk, asking.who, f"{what} waits", why or done.message, done.change)
        return PolicyApplied(**msgspec.structs.asdict(_view(current, current.version)), waiting=change_view(done))
    if isinstance(done, Applied):
        weakens = f", which weakens what is protected: {done.weakened[0]}" if done.weakened else ""
        await note(desk, asking.who, what, why or done.row.message, f"version {done.row.version}{weakens}")
        warnings = tuple(problem for problem in done.warnings if problem.severity == "warning")[:PROBLEMS_MAX]
        view = msgspec.structs.asdict(_view(done.row, done.row.version))
        return PolicyApplied(**view, warnings=warnings, replicas=replicas(done.replicas), weakened=done.weakened)
    fault = _problems_fault(done) if isinstance(done, list) else done
    await note(desk, asking.who, f"{what} refused", why, fault.message)
    return fault


def _problems_fault(problems: list[Problem]) -> Fault:
    errors = [problem for problem in problems if problem.severity == "error"]
    first = errors[0] if errors else None
    where = f" The first one: {first.file}:{first.line}:{first.column}: {first.message}" if first else ""
    return Fault(
        "policy_invalid",
        f"The policy has {len(errors)} {'problem' if len(errors) == 1 else 'problems'}, so nothing was applied.{where}",
        "`orchvynt validate PATH` shows all of them with their places.",
        param="yaml",
        detail={"problems": problems[:PROBLEMS_MAX]},
    )


def _until(text: str) -> int | Fault:
    """In nanoseconds; 0 where nothing is said."""
    found = duration_ns(text) if text else 0
    if found is None:
        return Fault("invalid_request", f"until {text[:20]!r} is no duration.", "Write such as 30m, 2h or 1d.", param="until")
    return found


def _version(asking: Asking) -> int | Fault:
    """The version in the path. Versions are counted from 1 and have at most nine digits."""
    text = asking.path["version"]
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return Fault("not_found", "A policy version is a whole number.", "GET /api/v1/policies lists them.", param="version")


def _view(row: PolicyRow, newest: int) -> PolicyView:
    return PolicyView(
        version=row.version,
        digest=row.digest,
        message=row.message,
        author=row.author,
        applied_at=instant_text(row.applied_at),
        commit=row.commit,
        current=row.version == newest,
        until=instant_text(row.until),
    )


def change_view(row: ChangeRow) -> ChangeView:
    return ChangeView(
        change=row.change,
        status=row.status,
        author=row.author,
        at=instant_text(row.at),
        message=row.message,
        base=row.base,
        weakens=row.weakens,
        approvers=row.approvers,
        quorum=row.quorum,
        not_author=row.not_author,
        approved_by=tuple([one.by for one in row.votes if one.choice == "approve"]),
        decided_at=instant_text(row.decided_at),
        decided_by=row.decided_by,
        reason=row.reason,
        version=row.version or None,
    )
