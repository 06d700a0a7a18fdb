"""The header fields of a request to Anthropic: its version, and what a caller of the same API says of versions and betas."""

from typing import Final

API_VERSION: Final = "2023-06-01"
"""The last version that takes `temperature` and `top_p` at all; 2026-10-21 refuses them for every model."""

_JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))
_STREAM: Final = (("content-type", "application/json"), ("accept", "text/event-stream"))
_VERSION: Final = (("anthropic-version", API_VERSION),)


def headers(stream: bool, forwarded: tuple[tuple[str, str], ...] = ()) -> tuple[tuple[str, str], ...]:
    """Header pairs without credentials. `forwarded` are the caller's own, from an allowlist."""
    said = forwarded if any(name == "anthropic-version" for name, _ in forwarded) else (*_VERSION, *forwarded)
    return (*(_STREAM if stream else _JSON), *said)
