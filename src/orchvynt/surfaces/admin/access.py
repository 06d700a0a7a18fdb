"""Who may come in: the admin tokens."""

from typing import Final

from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.ports.store import TokenRow
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.notes import note as note
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.admin.tokens import NAME_PATTERN, digest, new_secret
from orchvynt.surfaces.operator_shapes import Listing, TokenBody, TokenIssued, TokenRevoked, TokenView

TOKENS_MAX: Final = 1_000


async def tokens(desk: Desk, asking: Asking) -> Listing[TokenView]:
    rows = [*desk.fixed_tokens, *await desk.store.tokens()]
    return page(rows, lambda row: row.name, _token_view, asking.limit, asking.after)


async def issue(desk: Desk, asking: Asking) -> TokenIssued | Fault:
    """Makes a token. Its secret is in this answer and nowhere else."""
    body = asking.body
    assert isinstance(body, TokenBody)
    if NAME_PATTERN.fullmatch(body.name) is None:
        message = "A token's name is 1 to 63 letters, digits and `._@-`, and begins with a letter or digit."
        return Fault("invalid_request", message, "For example: ana, ci-deploy.", param="name")
    rows = [*desk.fixed_tokens, *await desk.store.tokens()]
    if any(row.name == body.name for row in rows):
        return _taken(body.name)
    if len(rows) >= TOKENS_MAX:
        return Fault("conflict", f"There are {TOKENS_MAX} tokens already.", "Revoke those that nobody uses: orchvynt tokens revoke NAME.")
    secret = new_secret()
    row = TokenRow(body.name, body.role, digest(secret), desk.clock.now(), asking.who)
    # INVARIANT: the entry comes before the effect, so no token exists that the audit does not know.
    await note(desk, asking.who, "token.issue", f"role {body.role}", body.name)
    if not await desk.store.add_token(row):
        await note(desk, asking.who, "token.issue refused", "the name was taken meanwhile", body.name)
        return _taken(body.name)
    return TokenIssued(name=row.name, role=row.role, created_at=instant_text(row.created_at), created_by=row.created_by, secret=secret)


async def revoke(desk: Desk, asking: Asking) -> TokenRevoked | Fault:
    """From the next request on the token opens nothing."""
    name = asking.path["name"]
    if any(row.name == name for row in desk.fixed_tokens):
        message = f"The token {name} was given by the server's environment."
        return Fault("conflict", message, "Unset ORCHVYNT_ADMIN_TOKEN there and restart.", param="name")
    if not any(row.name == name for row in await desk.store.tokens()):
        return Fault("not_found", "There is no token of this name.", "`orchvynt tokens list` shows them.", param="name")
    # INVARIANT: the entry comes before the effect, so no token vanishes without a trace.
    await note(desk, asking.who, "token.revoke", "", name)
    await desk.store.remove_token(name)
    return TokenRevoked(name=name, revoked=True)


def _taken(name: str) -> Fault:
    return Fault("conflict", f"There is a token {name} already.", "Revoke it first, or take another name.", param="name")


def _token_view(row: TokenRow) -> TokenView:
    return TokenView(name=row.name, role=row.role, created_at=instant_text(row.created_at), created_by=row.created_by)
