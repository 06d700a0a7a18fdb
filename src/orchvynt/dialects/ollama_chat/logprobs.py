"""Asks Ollama for log probabilities, which 0.12.11 and later know, and hides them: it leaves the name out where nobody asked.

Source: https://github.com/ollama/ollama/blob/main/api/types.go (`Logprobs []Logprob`, `json:"logprobs,omitempty"`).
"""

from typing import Final

import msgspec

from orchvynt.dialects.hiding import NAME, removed

_TRUE: Final = msgspec.Raw(b"true")
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def gives_logprobs(_upstream_model: str) -> bool:
    """Whatever the model; an older server ignores the request and gives none."""
    return True


def asking_for_logprobs(body: bytes) -> bytes:
    """The same request with `logprobs: true`; all other values stay as they are."""
    top = _decode(body)
    if bytes(top.get("logprobs", b"")) == b"true":
        return body
    top["logprobs"] = _TRUE
    return _encode(top)


def without_logprobs(body: bytes) -> bytes:
    """A whole answer, or a line of a stream, without them."""
    if NAME not in body:
        return body
    top = _decode(body)
    if "logprobs" not in top:
        return body
    hidden = removed(body, bytes(top["logprobs"]))
    if "logprobs" not in _decode(hidden):
        return hidden
    del top["logprobs"]
    return _encode(top) + (b"\n" if body.endswith(b"\n") else b"")
