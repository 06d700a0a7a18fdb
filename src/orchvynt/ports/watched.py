"""A policy file that somebody else writes: what stands in it, whole, and when it may have changed."""

from typing import Protocol


class FileUnreadableError(Exception):
    """The file cannot be read as a whole policy now. The message names the file and the cause."""


class WatchedFile(Protocol):
    path: str

    def stamp(self) -> object:
        """What stands there now, without reading it: equal stamps mean that nothing changed."""
        ...

    async def read(self) -> str:
        """The whole text: never what a writer has not finished. Raises FileUnreadableError."""
        ...

    async def commit(self) -> str:
        """The git commit that holds exactly this file; empty where there is none."""
        ...

    async def wait(self, seconds: float) -> None:
        """Returns when the file may have changed, at the latest after so long."""
        ...
