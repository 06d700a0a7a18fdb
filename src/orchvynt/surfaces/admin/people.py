"""Who may come in as a person: listed, added, changed. Each change is an audit entry first."""

from orchvynt.decisions.people.membership import groups_of
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.emails import normalised
from orchvynt.model.faults import Fault
from orchvynt.ports.people import PersonRow
from orchvynt.runtime.people import Wanted
from orchvynt.surfaces.admin.access import note
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.surfaces.people_shapes import PersonBody, PersonChange, PersonView


async def listed(desk: Desk, asking: Asking) -> Listing[PersonView]:
    return page(await desk.store.people(), lambda row: row.email, lambda row: _view(desk, row), asking.limit, asking.after)


async def add(desk: Desk, asking: Asking) -> PersonView | Fault:
    """A new person, who may log in from then on."""
    body = asking.body
    assert isinstance(body, PersonBody)
    email = normalised(body.email)
    if email is None:
        return _no_address()
    person = PersonRow(email, body.name, body.role, desk.clock.now(), asking.who)
    # INVARIANT: the entry comes before the effect, so that there is nobody whom the audit does not know.
    await note(desk, asking.who, "person.add", f"role {body.role}{', with a password' if body.password else ''}", email)
    added = await desk.people.add(asking.role, person, body.password)
    if isinstance(added, Fault):
        await note(desk, asking.who, "person.add refused", added.message, email)
        return added
    return _view(desk, added)


async def change(desk: Desk, asking: Asking) -> PersonView | Fault:
    """From the next request on: whoever is disabled, or got a new password, has no session any more."""
    body = asking.body
    assert isinstance(body, PersonChange)
    email = normalised(asking.path["email"])
    if email is None:
        return _no_address()
    said = _said(body)
    if not said:
        return Fault("invalid_request", "Nothing is to be changed.", "Give name, role, disabled, password or unlink.")
    await note(desk, asking.who, "person.change", said, email)
    wanted = Wanted(body.name, body.role, body.disabled, body.password, body.unlink)
    changed = await desk.people.change(asking.role, email, wanted)
    if isinstance(changed, Fault):
        await note(desk, asking.who, "person.change refused", changed.message, email)
        return changed
    return _view(desk, changed)


def _said(body: PersonChange) -> str:
    """What is asked for, in words without the password."""
    words = [f"role {body.role}"] if body.role is not None else []
    words += ["disabled" if body.disabled else "enabled"] if body.disabled is not None else []
    words += ["a new password"] if body.password is not None else []
    words += ["a new name"] if body.name is not None else []
    words += ["unlinked from the identity provider"] if body.unlink else []
    return ", ".join(words)


def _no_address() -> Fault:
    help_text = "Write it as ana@example.com, other letters of a domain as xn--…."
    return Fault("invalid_request", "That is no e-mail address.", help_text, param="email")


def _view(desk: Desk, row: PersonRow) -> PersonView:
    return PersonView(
        **{name: getattr(row, name) for name in ("email", "name", "role", "disabled", "role_from", "created_by")},
        groups=tuple(sorted(groups_of(row.email, (), desk.control.snapshot.groups))),
        has_password=bool(row.password),
        has_oidc=bool(row.provider),
        created_at=instant_text(row.created_at),
        last_login_at=instant_text(row.login_at),
    )
