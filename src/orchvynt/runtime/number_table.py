"""A table from keys of 64 bits to numbers of 32, for hundreds of thousands: 15 bytes an entry, where a dict of the same takes 110.

Keys are hashes: two that are equal by chance are taken for one, so whoever looks something up checks what it found.
"""

from typing import Final

KEYS: Final = (1 << 64) - 1
ENTRY_BYTES: Final = 12
KEY_BYTES: Final = 8
# On average; a bucket has up to twice as many before it is split, and is looked through by `bytes.find`.
ENTRIES: Final = 16


def key_of(text: str) -> int:
    """The key of a text, in this process."""
    return hash(text) & KEYS


class NumberTable:
    """Grows by one bucket at a time (linear hashing), so that no event loop stands still for it."""

    def __init__(self) -> None:
        self._buckets = [b""]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, key: int) -> int:
        """0 if there is none."""
        bucket = self._buckets[self._place(key)]
        at = _found(bucket, key)
        return int.from_bytes(bucket[at + KEY_BYTES : at + ENTRY_BYTES], "little") if at >= 0 else 0

    def put(self, key: int, number: int) -> None:
        """In place of what was there; 0 takes it out."""
        place = self._place(key)
        bucket = self._buckets[place]
        at = _found(bucket, key)
        if at >= 0:
            bucket = bucket[:at] + bucket[at + ENTRY_BYTES :]
            self._count -= 1
        if number:
            bucket += key.to_bytes(KEY_BYTES, "little") + number.to_bytes(ENTRY_BYTES - KEY_BYTES, "little")
            self._count += 1
        self._buckets[place] = bucket
        if self._count > ENTRIES * len(self._buckets):
            self._split()

    def _place(self, key: int) -> int:
        """By as many of the key's low bits as number the buckets; by one fewer where that bucket is not there yet."""
        buckets = len(self._buckets)
        half = 1 << (buckets.bit_length() - 1)
        place = key & (2 * half - 1)
        return place if place < buckets else place - half

    def _split(self) -> None:
        """The next bucket in turn gives away what belongs into a new one."""
        source = len(self._buckets) - (1 << (len(self._buckets).bit_length() - 1))
        bucket = self._buckets[source]
        self._buckets.append(b"")
        stays: list[bytes] = []
        goes: list[bytes] = []
        for at in range(0, len(bucket), ENTRY_BYTES):
            entry = bucket[at : at + ENTRY_BYTES]
            (stays if self._place(int.from_bytes(entry[:KEY_BYTES], "little")) == source else goes).append(entry)
        self._buckets[source], self._buckets[-1] = b"".join(stays), b"".join(goes)


def _found(bucket: bytes, key: int) -> int:
    """Where the key's entry begins; below 0 for nowhere."""
    wanted = key.to_bytes(KEY_BYTES, "little")
    at = bucket.find(wanted)
    while at % ENTRY_BYTES and at > 0:
        at = bucket.find(wanted, at + 1)
    return at
