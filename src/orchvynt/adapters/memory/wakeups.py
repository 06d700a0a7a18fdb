"""Hints between machines of one process that share a memory store."""

import asyncio

from orchvynt.ports.wakeups import Heard, Topic


class Room:
    """Where they meet. One to a store."""

    def __init__(self) -> None:
        self.members: list[MemoryWakeups] = []


class MemoryWakeups:
    """Implements ports.wakeups.Wakeups."""

    alone = False

    def __init__(self, room: Room) -> None:
        self._room = room
        self._heard: list[Heard] = []

    def listen(self, heard: Heard) -> None:
        self._heard.append(heard)

    def tell(self, topic: Topic, payload: str = "") -> None:
        for member in self._room.members:
            if member is not self:
                member.take(topic, payload)

    def take(self, topic: Topic, payload: str) -> None:
        """A hint of another one; its listeners hear of it in a later turn of the loop."""
        for heard in self._heard:
            asyncio.get_running_loop().call_soon(heard, topic, payload)

    async def start(self) -> None:
        self._room.members.append(self)

    async def close(self) -> None:
        if self in self._room.members:
            self._room.members.remove(self)
