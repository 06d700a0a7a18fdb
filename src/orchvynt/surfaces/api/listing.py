"""The models that a key may ask for, as clients of each API list them: the policy's names, and `auto`."""

from importlib.metadata import version
from typing import Any, Final

import msgspec

from orchvynt.decisions.identity.credentials import Identity
from orchvynt.decisions.routing.filters import is_allowed
from orchvynt.decisions.routing.names import AUTO, resolve
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault

LISTS: Final = frozenset({"/v1/models", "/api/tags", "/api/version"})
SHOW: Final = "/api/show"
# A name of the policy is no file of weights: it has no date, size or digest.
_UNDATED: Final = "1970-01-01T00:00:00Z"
_DETAILS: Final = {"parent_model": "", "format": "", "family": "", "families": None, "parameter_size": "", "quantization_level": ""}

_encode = msgspec.json.Encoder().encode


class _Shown(msgspec.Struct):
    """The body of `/api/show`; `name` is the older word for `model`."""

    model: str = ""
    name: str = ""


_decode_shown = msgspec.json.Decoder(_Shown).decode


def listed(path: str, snapshot: Snapshot, identity: Identity) -> bytes:
    """The answer to GET of one of LISTS."""
    if path == "/api/version":
        return _encode({"version": version("orchvynt")})
    allowed = names(snapshot, identity)
    if path == "/api/tags":
        return _encode({"models": [_tag(name) for name in allowed]})
    entries = [{"id": name, "object": "model", "created": 0, "owned_by": "orchvynt"} for name in allowed]
    return _encode({"object": "list", "data": entries})


def names(snapshot: Snapshot, identity: Identity) -> list[str]:
    """What may stand as `model` in a request of this key."""
    known = [*([AUTO] if snapshot.default else []), *snapshot.models, *snapshot.aliases]
    allowed = identity.key.allow_models if identity.key is not None else None
    if allowed is None:
        return known
    return [name for name in known if name == AUTO or is_allowed(snapshot.aliases.get(name, name), allowed)]


def shown(body: bytes, snapshot: Snapshot, identity: Identity) -> bytes | Fault:
    """What is known of one model, for `/api/show`: what it can take besides text, and how much it can read."""
    try:
        asked = _decode_shown(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return Fault("invalid_request", f"The body cannot be used: {error}.", 'Send {"model": NAME}.', param="model")
    name = asked.model or asked.name
    known = names(snapshot, identity)
    if name not in known:
        return Fault("model_not_found", f"There is no model {name[:200]!r} for this key.", f"There is: {', '.join(known[:20])}.", "model")
    model = resolve(snapshot, snapshot.default if name == AUTO else name)
    takes = ["completion"]
    info: dict[str, Any] = {}
    if model is not None:
        takes += ["tools"] if model.capabilities.tools else []
        takes += ["vision"] if model.capabilities.images else []
        if model.context_window:
            info = {"general.architecture": "orchvynt", "orchvynt.context_length": model.context_window}
    return _encode({"details": _DETAILS, "model_info": info, "capabilities": takes, "modified_at": _UNDATED})


def _tag(name: str) -> dict[str, Any]:
    return {"name": name, "model": name, "modified_at": _UNDATED, "size": 0, "digest": "", "details": _DETAILS}
