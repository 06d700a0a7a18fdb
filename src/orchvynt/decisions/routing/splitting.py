"""Which side of a split an invocation is on: always the same for the same sticky value, and as many on each side as its share says.

Weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005): every side draws an
exponential number by a hash of the value, at a rate that is its share, and the lowest wins. The order of the sides means nothing. A
changed share moves invocations to sides that grew, or from sides that shrank; between two sides, exactly that share.
"""

from collections.abc import Mapping
from hashlib import blake2b
from math import log

from orchvynt.language.snapshot import EvaluationError, Rule, Split

_ABOVE = 1 << 64


def side_of(rule: Rule, split: Split, values: Mapping[str, object], invocation: str) -> tuple[str, str]:
    """The model of the side, and why in words. Without a sticky value, each invocation is drawn by its own id."""
    sticky, by = _sticky(split, values)
    model, share = draw(rule.name, split.shares, sticky or f"invocation {invocation}")
    return model, f"rule {rule.name}: the {share / 100:g} % side, by {by}"


def draw(salt: str, shares: tuple[tuple[str, int], ...], value: str) -> tuple[str, int]:
    """The side of one value. `salt` keeps two splits apart: who is on the small side of one is anywhere in another."""
    key = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=32, key=_key(salt)).digest()
    best, lowest = shares[0], float("inf")
    for side in shares:
        if side[1] > 0:
            number = int.from_bytes(blake2b(side[0].encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest(), "big")
            drawn = -log((number + 0.5) / _ABOVE) / side[1]
            if drawn < lowest:
                best, lowest = side, drawn
    return best


def _key(salt: str) -> bytes:
    return blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=32).digest()


def _sticky(split: Split, values: Mapping[str, object]) -> tuple[str, str]:
    """The sticky value as text, empty where there is none, and what decided in words."""
    if split.sticky is None:
        return "", "invocation"
    name = split.sticky.text
    try:
        value = split.sticky.evaluate(values)
    except EvaluationError as error:
        return "", f"invocation, because {name} failed: {error}"
    if value is None or value == "":
        return "", f"invocation, because {name} is empty"
    if isinstance(value, bool):
        return ("true" if value else "false"), name
    if isinstance(value, int | float):
        return repr(float(value)), name
    # Callers may put anything under a key of their context.
    return (value, name) if isinstance(value, str) else ("", f"invocation, because {name} is neither text nor number")
