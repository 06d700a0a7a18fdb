"""Channels that are no HTTP: mail, and what the library Apprise speaks. Each call is one attempt, bounded in time; neither retries."""

from typing import Protocol

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """Why a message was not taken, in words without a secret. `final`: sending it again is of no use."""

    why: str
    final: bool = False


class Mail(msgspec.Struct, frozen=True):
    """`content` is a whole MIME message. Sender and recipients are those of the envelope."""

    sender: str
    to: tuple[str, ...]
    content: bytes


class Mailing(Protocol):
    async def send(self, url: str, mail: Mail) -> Refusal | None:
        """`url` is `smtps://`, `smtp+starttls://` or `smtp://`, with user and password where the server wants them. None: it was taken."""
        ...


class Apprising(Protocol):
    async def send(self, url: str, title: str, text: str) -> Refusal | None:
        """`url` is one of Apprise's. None: it was taken."""
        ...
