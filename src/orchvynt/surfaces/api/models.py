"""`GET /v1/models`: the policy's names, as far as the caller's key may use them, in the words of the API that the caller speaks."""

from typing import Any, Final

import msgspec

from orchvynt.decisions.identity.credentials import Identity
from orchvynt.decisions.routing.filters import is_allowed
from orchvynt.decisions.routing.names import AUTO, resolve
from orchvynt.language.snapshot import Snapshot

# Anthropic's own page says: an epoch value where the date is not known.
UNDATED: Final = "1970-01-01T00:00:00Z"


def listed(snapshot: Snapshot, identity: Identity, anthropic: bool) -> bytes:
    """The whole list in one page, whatever page was asked for."""
    known = names(snapshot, identity)
    if anthropic:
        ends = {"first_id": known[0] if known else None, "last_id": known[-1] if known else None}
        return msgspec.json.encode({"data": [_anthropic(snapshot, name) for name in known], "has_more": False, **ends})
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "orchvynt"} for name in known]
    return msgspec.json.encode({"object": "list", "data": models})


def names(snapshot: Snapshot, identity: Identity) -> list[str]:
    """What may stand as `model` in a request of this key."""
    known = [*([AUTO] if snapshot.default else []), *snapshot.models, *snapshot.aliases]
    allowed = identity.key.allow_models if identity.key is not None else None
    if allowed is None:
        return known
    return [name for name in known if name == AUTO or is_allowed(snapshot.aliases.get(name, name), allowed)]


def _anthropic(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """Shape: platform.claude.com/docs/en/api/models-list. Limits that nobody knows are null."""
    model = resolve(snapshot, name)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": UNDATED,
        "lifecycle": "active",
        "max_input_tokens": (model.context_window or None) if model is not None else None,
        "max_tokens": (model.max_output_tokens or None) if model is not None else None,
    }
