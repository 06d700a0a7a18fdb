"""Checks policies in this process. Where nothing is served meanwhile, that is all it takes."""

import asyncio

from orchvynt.language.bindings import new_bindings
from orchvynt.language.compile import Loaded, load
from orchvynt.language.diff import diff
from orchvynt.ports.checking import Compared


class InlineChecking:
    """Implements ports.checking.Checking on a thread, which takes the interpreter's lock from the event loop as it pleases."""

    async def load(self, text: str, file: str) -> Loaded:
        return await asyncio.to_thread(load, text, file)

    async def compare(self, old: tuple[str, str], new: tuple[str, str]) -> Compared:
        return await asyncio.to_thread(compare, old, new)


def compare(old: tuple[str, str], new: tuple[str, str]) -> Compared:
    """The change from one policy to another, each given as text and file name."""
    before, after = load(*old), load(*new)
    if before.snapshot is None or after.snapshot is None:
        return Compared(problems=tuple(one for one in (*before.problems, *after.problems) if one.severity == "error"))
    bindings = tuple(binding.text for binding in new_bindings(before.snapshot, after.snapshot))
    same = before.snapshot.digest == after.snapshot.digest
    return Compared(tuple(diff(before.snapshot, after.snapshot)), bindings, same)
