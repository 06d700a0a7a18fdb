"""Sends through the library Apprise, an extra, which blocks: each message on a thread of a small pool."""

import asyncio
import importlib
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from orchvynt.ports.channels import Refusal

THREADS_MAX: Final = 2
TIMEOUT_S: Final = 60.0
INSTALL: Final = "pip install 'orchvynt[apprise]'"


def is_installed() -> bool:
    return importlib.util.find_spec("apprise") is not None


class LibraryApprising:
    """Implements ports.channels.Apprising. The library is loaded when it is first needed: it knows a hundred services."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="orchvynt-apprise")

    async def send(self, url: str, title: str, text: str) -> Refusal | None:
        if not is_installed():
            return Refusal(f"Apprise is not installed: {INSTALL}")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, _send, url, title, text)
        except TimeoutError:
            return Refusal(f"Apprise was not done within {TIMEOUT_S:g} s")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _send(url: str, title: str, text: str) -> Refusal | None:
    library: Any = importlib.import_module("apprise")
    # A redirect is no delivery: messages go to the address that the policy names, and nowhere else.
    sender = library.Apprise(asset=library.AppriseAsset(http_redirects=False))
    if not sender.add(url):
        return Refusal("Apprise does not understand the URL")
    taken = sender.notify(body=text, title=title, body_format="text")
    return None if taken else Refusal("Apprise could not deliver it; the service refused it or is away")
