"""Ways to cut an input, taken from the input itself: a file that failed once fails again, under the same cuts."""

import random
from zlib import crc32

_BYTEWISE_MAX = 512


def ways(data: bytes) -> list[list[bytes]]:
    """The input whole, in two arbitrary cuts, and (if it is short) byte by byte. The whole one comes first."""
    chance = random.Random(crc32(data))
    found = [[data] if data else []]
    for cuts_max in (3, 24):
        places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randint(1, cuts_max)))
        found.append([part for start, end in zip([0, *places], [*places, len(data)], strict=True) if (part := data[start:end])])
    if len(data) <= _BYTEWISE_MAX:
        found.append([data[at : at + 1] for at in range(len(data))])
    return found
