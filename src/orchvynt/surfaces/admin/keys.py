"""Who may call the data plane: the secrets of the policy's keys, issued, rotated, revoked. Each change is an audit entry first."""

import re
from typing import Final

import msgspec

from orchvynt.language.document.scalars import NAME_PATTERN
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.ports.store import KeyRow
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.notes import note
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.key_shapes import KeyBody, KeyIssued, KeyRevoked, KeyRotated, KeyView, RotateBody
from orchvynt.surfaces.operator_shapes import Listing

SECOND_NS: Final = 1_000_000_000
NAME: Final = re.compile(NAME_PATTERN)


async def listed(desk: Desk, asking: Asking) -> Listing[KeyView]:
    return page(
        desk.keyring.rows(),
        lambda row: f"{row.name} {sortable(row.created_at)}{row.id}",
        lambda row: _view(desk, row),
        asking.limit,
        asking.after,
    )


async def issue(desk: Desk, asking: Asking) -> KeyIssued | Fault:
    """Makes a further secret. It is in this answer and nowhere else. The policy may name the key before or after."""
    body = asking.body
    assert isinstance(body, KeyBody)
    if NAME.fullmatch(body.name) is None:
        message = "A key's name is 1 to 100 letters, digits and `._:/@+-`, and begins with a letter or digit."
        return Fault("invalid_request", message, "Take the name that stands in the policy's `keys`.", param="name")
    # INVARIANT: the entry comes before the effect, so no secret exists that the audit does not know.
    await note(desk, asking.who, "key.issue", "", body.name)
    made = await desk.keyring.issue(body.name, asking.who)
    if isinstance(made, Fault):
        return await _refused(desk, asking, "key.issue", made, body.name)
    return KeyIssued(**msgspec.structs.asdict(_view(desk, made.row)), secret=made.secret)


async def rotate(desk: Desk, asking: Asking) -> KeyRotated | Fault:
    """A new secret; those that there are stay valid for the overlap."""
    body = asking.body
    assert isinstance(body, RotateBody)
    name = asking.path["name"]
    await note(desk, asking.who, "key.rotate", f"overlap {body.overlap_seconds} s", name)
    made = await desk.keyring.rotate(name, body.overlap_seconds * SECOND_NS, asking.who)
    if isinstance(made, Fault):
        return await _refused(desk, asking, "key.rotate", made, name)
    before = tuple(_view(desk, row) for row in desk.keyring.rows() if row.name == name and row.id != made.row.id)
    return KeyRotated(**msgspec.structs.asdict(_view(desk, made.row)), secret=made.secret, before=before)


async def revoke(desk: Desk, asking: Asking) -> KeyRevoked | Fault:
    """From the next request on, all secrets of the key, or the one that `id` names, open nothing."""
    name, only = asking.path["name"], asking.query.get("id", "")
    await note(desk, asking.who, "key.revoke", f"id {only}" if only else "all secrets", name)
    ended = await desk.keyring.revoke(name, only)
    if isinstance(ended, Fault):
        return await _refused(desk, asking, "key.revoke", ended, name)
    return KeyRevoked(key=name, ids=tuple(row.id for row in ended), revoked=True)


async def _refused(desk: Desk, asking: Asking, what: str, fault: Fault, name: str) -> Fault:
    await note(desk, asking.who, f"{what} refused", fault.message, name)
    return fault


def _view(desk: Desk, row: KeyRow) -> KeyView:
    return KeyView(
        key=row.name,
        id=row.id,
        state="expired" if 0 < row.expires_at <= desk.clock.now() else "valid",
        in_policy=row.name in desk.control.snapshot.keys,
        created_at=instant_text(row.created_at),
        created_by=row.created_by,
        last_used_at=instant_text(row.used_at),
        expires_at=instant_text(row.expires_at),
    )
