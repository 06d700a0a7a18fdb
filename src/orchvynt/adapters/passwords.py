"""argon2id over argon2-cffi (RFC 9106), in threads of its own. At most two at a time: each takes 64 MiB for a moment."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from orchvynt.ports.passwords import TooBusyError

T = TypeVar("T")

THREADS: Final = 2
WAITING_MAX: Final = 32
# RFC 9106, section 4, second choice: 64 MiB, three passes. One lane, because a thread of ours is one core.
MEMORY_KIB: Final = 65_536
PASSES: Final = 3


class Argon2Passwords:
    """Implements ports.passwords.Passwords, from one event loop. Threads are started by the first hash."""

    def __init__(self, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="orchvynt-passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        return await self._apart(lambda: self._hasher.hash(_bytes(password)))

    async def matches(self, password: str, hashed: str) -> bool:
        return await self._apart(lambda: self._verified(_bytes(password), hashed))

    def outdated(self, hashed: str) -> bool:
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verified(self, password: bytes, hashed: str) -> bool:
        if not hashed:
            # As much work as a wrong password: how long an answer takes must not say who has an account.
            self._hasher.hash(password)
            return False
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _apart(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise TooBusyError(f"{WAITING_MAX} passwords are being checked already.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    return password.encode(errors="surrogatepass")
