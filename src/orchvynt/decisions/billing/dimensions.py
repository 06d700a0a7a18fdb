"""By what receipts may be summed: what was asked and who served it, who asked, and whatever callers say of themselves."""

from typing import Final

import msgspec

from orchvynt.model.faults import Fault

DIMENSIONS: Final = (
    "model", "upstream_model", "provider", "workflow", "agent", "run", "session", "workload", "user", "key", "price_source", "why", "day",
)  # fmt: skip
"""`key` is the key's name, or the digest of the credential where the policy has no keys; `day` is that of UTC, `why` says why a receipt
is an estimate."""
CONTEXT: Final = "context."
BY_MAX: Final = 4
NAME_CHARS_MAX: Final = 200


def dimensions(text: str) -> tuple[str, ...] | Fault:
    """`workflow,context.customer` → its names. At most four, each once."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name in DIMENSIONS or (name.startswith(CONTEXT) and all(name.removeprefix(CONTEXT).split("."))):
            if len(name) > NAME_CHARS_MAX:
                return _refused(f"A name of {len(name)} characters is too long.")
            continue
        return _refused(f"Nothing can be summed by `{name[:NAME_CHARS_MAX]}`.")
    if len(names) > BY_MAX:
        return _refused(f"{len(names)} names are too many: at most {BY_MAX} at once.")
    if len(set(names)) < len(names):
        return _refused("A name stands there twice.")
    return names


def context_value(context: str, path: str) -> str:
    """What a caller's context, as JSON, says under a path such as `user.tier`: texts as they are, all else as JSON, empty for nothing."""
    if not context:
        return ""
    value: object = msgspec.json.decode(context)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _refused(why: str) -> Fault:
    return Fault("invalid_request", why, f"One or several of {', '.join(DIMENSIONS)}, context.NAME, with commas.", param="by")
