"""What a caller that asks for one invocation says, and that there is none of it."""

from orchvynt.model.faults import Fault


def no_invocation(inv: str) -> Fault:
    return Fault("not_found", f"There is no invocation {inv[:100]} for this key.", "An invocation is shown to the key that asked for it.")


def seconds_asked(query: str) -> float | Fault:
    """`wait=30s` or `wait=30` in a query; 0 without it."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "wait":
            number = value.removesuffix("s")
            if not (number.isascii() and number.isdigit()) or len(number) > 4:
                return Fault("invalid_request", f"wait={value[:20]} is no duration.", "Write wait=30s, at most 60s.", param="wait")
            return float(number)
    return 0.0
