"""The caller's own Messages request for Anthropic, with only what must change: model, output limit (and the budget of
thinking below it), `orchvynt_*` metadata.

Thoughts that no provider signed are taken out as well: they came from a model elsewhere, and Anthropic refuses them.
"""

import re
from typing import Any, Final

import msgspec

from orchvynt.dialects.anthropic_messages.headers import headers
from orchvynt.dialects.anthropic_messages.reading import METADATA_PREFIX
from orchvynt.dialects.anthropic_messages.thinking import fitted
from orchvynt.dialects.plain import THOUGHTS
from orchvynt.dialects.shapes import UnsupportedError, UpstreamAsk
from orchvynt.model.invocation import Ask

PATH: Final = "/v1/messages"
"""Below the base_url that the official SDK takes, which has no path."""

_UNSIGNED: Final = re.compile(rb'"signature"\s*:\s*""')

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_messages = msgspec.json.Decoder(list[dict[str, Any]]).decode
_encode = msgspec.json.Encoder().encode


def pass_request(ask: Ask, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """Splices the caller's own body. Raises UnsupportedError for nesting at the edge of the stack, and for thinking that a
    lowered limit leaves no room for.

    The values that stay are the caller's own bytes. A key that stands twice at the top collapses to the one that was read, so
    that the provider cannot read another than was judged.
    """
    try:
        top = _decode(ask.body)
        changed = _splice(top, ask, upstream_model, output_tokens_max)
        stripped = _UNSIGNED.search(ask.body) is not None and _strip_thoughts(top)
    except RecursionError as error:
        raise UnsupportedError("The body is nested too deeply.", "") from error
    body = _encode(top)
    if not (changed or stripped) and len(body) == len(ask.body):
        body = ask.body
    return UpstreamAsk(path=PATH, headers=headers(ask.stream, ask.forwarded), body=body, dropped=(THOUGHTS,) if stripped else ())


def _splice(top: dict[str, msgspec.Raw], ask: Ask, upstream_model: str, output_tokens_max: int | None) -> bool:
    changed = False
    if ask.requested_model != upstream_model:
        top["model"] = msgspec.Raw(_encode(upstream_model))
        changed = True
    asked = ask.max_output_tokens
    if output_tokens_max is not None and (asked is None or output_tokens_max < asked):
        top["max_tokens"] = msgspec.Raw(b"%d" % output_tokens_max)
        if asked is not None and "thinking" in top:
            top["thinking"] = msgspec.Raw(_encode(fitted(msgspec.json.decode(top["thinking"]), output_tokens_max, asked)))
        changed = True
    if "metadata" in top:
        changed |= _strip_metadata(top)
    return changed


def _strip_metadata(top: dict[str, msgspec.Raw]) -> bool:
    raw = top["metadata"]
    if bytes(raw) == b"null":
        return False
    metadata = _decode(raw)
    kept = {key: value for key, value in metadata.items() if not key.startswith(METADATA_PREFIX)}
    if len(kept) == len(metadata):
        return False
    if kept:
        top["metadata"] = msgspec.Raw(_encode(kept))
    else:
        del top["metadata"]
    return True


def _strip_thoughts(top: dict[str, msgspec.Raw]) -> bool:
    messages = _decode_messages(top["messages"])
    found = False
    for message in messages:
        content = message["content"]
        if message["role"] != "assistant" or isinstance(content, str):
            continue
        kept = [block for block in content if block.get("type") != "thinking" or block.get("signature")]
        # The API refuses an empty turn; one of nothing but unsigned thoughts is for it to refuse.
        if kept and len(kept) != len(content):
            message["content"] = kept
            found = True
    if found:
        top["messages"] = msgspec.Raw(_encode(messages))
    return found
