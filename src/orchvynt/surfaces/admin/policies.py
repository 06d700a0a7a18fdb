"""The policy's history, and the changes to it: apply, validate, roll back."""

from typing import Final

import msgspec

from orchvynt.language.problems import Problem
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.ports.store import PolicyRow
from orchvynt.surfaces.admin.access import note
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.operator_shapes import (
    ApplyBody,
    Listing,
    PolicyApplied,
    PolicyDetail,
    PolicyView,
    RollbackBody,
    RollbackToBody,
    ValidateBody,
    Validity,
)

PROBLEMS_MAX: Final = 100


async def history(desk: Desk, asking: Asking) -> Listing[PolicyView]:
    rows = await desk.store.policies()
    newest = max((row.version for row in rows), default=0)
    return page(rows, lambda row: sortable(row.version), lambda row: _view(row, newest), asking.limit, asking.after, newest_first=True)


async def one(desk: Desk, asking: Asking) -> PolicyDetail | Fault:
    """One version with its text; `current` names the one in force."""
    wanted = _version(asking)
    if isinstance(wanted, Fault):
        return wanted
    rows = await desk.store.policies()
    newest = max((row.version for row in rows), default=0)
    row = next((row for row in rows if row.version == wanted), None)
    if row is None:
        known = f"There are versions 1 to {newest}." if newest else "No policy was applied yet."
        return Fault("not_found", f"There is no policy version {wanted}.", known, param="version")
    return PolicyDetail(
        version=row.version,
        digest=row.digest,
        message=row.message,
        author=row.author,
        applied_at=instant_text(row.applied_at),
        commit=row.commit,
        current=row.version == newest,
        yaml=row.yaml,
    )


async def validate(desk: Desk, asking: Asking) -> Validity:
    assert isinstance(asking.body, ValidateBody)
    problems = desk.control.validate(asking.body.yaml, asking.body.file)
    return Validity(valid=not any(problem.severity == "error" for problem in problems), problems=tuple(problems[:PROBLEMS_MAX]))


async def apply(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    body = asking.body
    assert isinstance(body, ApplyBody)
    if not body.message.strip():
        return Fault(
            "invalid_request", "A policy is applied with a reason, and `message` is empty.", "Say why, with -m WHY.", param="message"
        )
    done = await desk.control.apply(body.yaml, body.message, asking.who, body.expected_version, body.commit)
    if isinstance(done, list):
        done = [msgspec.structs.replace(problem, file=body.file) for problem in done]
    warnings = _warnings(desk, body.yaml, body.file) if isinstance(done, PolicyRow) else ()
    return await _concluded(desk, asking, "policy.apply", body.message, done, warnings)


async def rollback(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    body = asking.body
    assert isinstance(body, RollbackBody)
    return await _roll_back(desk, asking, body.version, body.message)


async def rollback_to(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    body = asking.body
    assert isinstance(body, RollbackToBody)
    wanted = _version(asking)
    return wanted if isinstance(wanted, Fault) else await _roll_back(desk, asking, wanted, body.message)


async def _roll_back(desk: Desk, asking: Asking, version: int | None, message: str) -> PolicyApplied | Fault:
    done = await desk.control.rollback(version, message, asking.who)
    return await _concluded(desk, asking, "policy.rollback", message, done, ())


async def _concluded(
    desk: Desk, asking: Asking, what: str, why: str, done: PolicyRow | list[Problem] | Fault, warnings: tuple[Problem, ...]
) -> PolicyApplied | Fault:
    """Writes the audit entry, of a refused attempt too. The version itself already holds who, when and why, in one commit with its text."""
    if isinstance(done, PolicyRow):
        await note(desk, asking.who, what, why or done.message, f"version {done.version}")
        return PolicyApplied(
            version=done.version,
            digest=done.digest,
            message=done.message,
            author=done.author,
            applied_at=instant_text(done.applied_at),
            commit=done.commit,
            current=True,
            warnings=warnings,
        )
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


def _warnings(desk: Desk, yaml: str, file: str) -> tuple[Problem, ...]:
    return tuple(problem for problem in desk.control.validate(yaml, file) if problem.severity == "warning")[:PROBLEMS_MAX]


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
    )
