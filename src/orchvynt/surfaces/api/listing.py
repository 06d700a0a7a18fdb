"""What clients of each API are shown of the policy's models, and Ollama's two ways to look at them."""

from importlib.metadata import version
from typing import Any, Final

import msgspec

from orchvynt.decisions.identity.credentials import Identity
from orchvynt.decisions.routing.names import AUTO, resolve
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import DialectName
from orchvynt.surfaces.api import models
from orchvynt.surfaces.api.models import UNDATED, names

LISTS: Final = frozenset({"/v1/models", "/api/tags", "/api/version"})
SHOW: Final = "/api/show"
# A name of the policy is no file of weights: it has no date, size or digest.
_DETAILS: Final = {"parent_model": "", "format": "", "family": "", "families": None, "parameter_size": "", "quantization_level": ""}

_encode = msgspec.json.Encoder().encode


class _Shown(msgspec.Struct):
    """The body of `/api/show`; `name` is the older word for `model`."""

    model: str = ""
    name: str = ""


_decode_shown = msgspec.json.Decoder(_Shown).decode


def listed(path: str, snapshot: Snapshot, identity: Identity, dialect: DialectName) -> bytes:
    """The answer to GET of one of LISTS, as callers of `dialect` read it."""
    if path == "/api/version":
        return _encode({"version": version("orchvynt")})
    if path == "/api/tags":
        return _encode({"models": [_tag(name) for name in names(snapshot, identity)]})
    return models.listed(snapshot, identity, dialect == "anthropic_messages")


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
    return _encode({"details": _DETAILS, "model_info": info, "capabilities": takes, "modified_at": UNDATED})


def _tag(name: str) -> dict[str, Any]:
    return {"name": name, "model": name, "modified_at": UNDATED, "size": 0, "digest": "", "details": _DETAILS}
