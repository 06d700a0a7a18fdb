"""HTTP to a destination of the policy: one POST and its bounded answer, as a coroutine. Redirects are never followed."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.ports.clock import Clock
from orchvynt.ports.upstream import Address, Upstream, UpstreamCall, UpstreamFailure

CONNECT_NS: Final = 5_000_000_000
ANSWER_NS: Final = 15_000_000_000
ANSWER_BYTES_MAX: Final = 64 * 1024
SECOND: Final = 1_000_000_000


class Answer(msgspec.Struct, frozen=True):
    """`cut`: the body was longer than we read."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False


class PostFailedError(Exception):
    """No answer came. The message says why, without a secret."""


class Post:
    """One POST under way: the listener of its call."""

    def __init__(self, due: int) -> None:
        self.due = due
        self.call: UpstreamCall | None = None
        self.ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._status = status
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    def on_data(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > ANSWER_BYTES_MAX:
            self.cancel()
            self._end(cut=True)

    def on_end(self) -> None:
        self._end(cut=False)

    def on_failure(self, failure: UpstreamFailure) -> None:
        self.fail(failure.message)

    def cancel(self) -> None:
        if self.call is not None:
            self.call.cancel()

    def fail(self, why: str) -> None:
        self._forget()
        if not self.ended.done():
            self.ended.set_exception(PostFailedError(why))

    def _forget(self) -> None:
        """The call knows who listens to it: only the garbage collector would end the two."""
        self.call = None

    def _end(self, cut: bool) -> None:
        self._forget()
        if not self.ended.done():
            self.ended.set_result(Answer(self._status, self._headers, bytes(self._body[:ANSWER_BYTES_MAX]), cut))


class Posting:
    """All that are under way; `sweep` ends those that take too long."""

    def __init__(self, upstream: Upstream, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._posts: set[Post] = set()

    async def post(self, address: Address, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        """Raises PostFailedError."""
        post = Post(self._clock.monotonic() + ANSWER_NS)
        self._posts.add(post)
        try:
            post.call = self._upstream.send(address, path, headers, body, CONNECT_NS, post)
            return await post.ended
        finally:
            self._posts.discard(post)
            if not post.ended.done() or post.ended.cancelled():
                post.cancel()

    def sweep(self, now: int) -> None:
        for post in [post for post in self._posts if post.due <= now]:
            post.cancel()
            post.fail(f"no answer within {ANSWER_NS // SECOND} s")
