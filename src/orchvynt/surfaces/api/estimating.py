"""`POST /v1/messages/count_tokens`: an estimate from the sizes of the request, marked as one. It asks no provider and is not recorded."""

from typing import Final

import msgspec

from orchvynt.catalog.bounds import input_tokens_estimate
from orchvynt.decisions.identity.credentials import Identity
from orchvynt.decisions.routing.filters import is_allowed
from orchvynt.decisions.routing.names import asked_for
from orchvynt.dialects.anthropic_messages.reading import read_count
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import READ, head

COUNTING: Final = "/v1/messages/count_tokens"
ESTIMATED: Final = (("x-orchvynt-estimated", "true"),)


def counted(snapshot: Snapshot, identity: Identity, request: Request) -> bytes | Fault:
    """The body of the answer."""
    fault = request.derived(head, READ).fault
    if fault is not None:
        return fault
    read = read_count(request.body)
    if isinstance(read, Fault):
        return read
    meant = asked_for(snapshot, read.ask.requested_model)
    if isinstance(meant, Fault):
        return meant
    allowed = identity.key.allow_models if identity.key is not None else None
    if allowed is not None and not is_allowed(meant[0], allowed):
        return Fault("forbidden", f"The key may not use {meant[0]}.", "Ask for a model of `GET /v1/models`.", param="model")
    return msgspec.json.encode({"input_tokens": input_tokens_estimate(read.ask)})
