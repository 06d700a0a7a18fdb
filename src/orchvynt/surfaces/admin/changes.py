"""Changes of what the policy protects: those that wait, and the votes on them."""

from orchvynt.model.faults import Fault
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.notes import note
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.admin.policies import change_view, concluded
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.surfaces.policy_shapes import ChangeDecisionBody, ChangeDetail, ChangeView, PolicyApplied


async def listed(desk: Desk, asking: Asking) -> Listing[ChangeView]:
    """Those that wait, the longest waiting first; with `status=all` those that were decided too."""
    rows = await desk.store.changes(only_open=asking.query.get("status", "open") != "all")
    return page(rows, lambda row: f"{sortable(row.at)}.{row.change}", change_view, asking.limit, asking.after)


async def one(desk: Desk, asking: Asking) -> ChangeDetail | Fault:
    """One change with its text."""
    row = await desk.store.change(asking.path["change"])
    if row is None:
        return Fault("not_found", "There is no such change.", "`orchvynt changes list --all` shows them.", param="change")
    return ChangeDetail(**{name: getattr(change_view(row), name) for name in ChangeView.__struct_fields__}, yaml=row.yaml)


async def decide(desk: Desk, asking: Asking) -> PolicyApplied | Fault:
    """One vote. The last approval that was missing puts the change in force."""
    body = asking.body
    assert isinstance(body, ChangeDecisionBody)
    change = asking.path["change"]
    # INVARIANT: the entry comes before the effect, so no policy comes in force by a vote that the audit does not know.
    await note(desk, asking.who, f"change.{body.decision}", body.reason, change)
    return await concluded(
        desk,
        asking,
        f"change.{body.decision}",
        body.reason,
        await desk.control.decide_change(change, body.decision, asking.voter, body.reason),
    )
