"""Sends messages about alerts to their destinations, signed; never in the way of an invocation. Of an answer it takes the status only."""

from collections.abc import Callable, Sequence
from typing import Final

from orchvynt.decisions.alerts.outbox import Message, Outbox
from orchvynt.dialects.standard_webhooks import UnusableSecretError, signed_headers
from orchvynt.language.snapshot import Destination
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.upstream import Address, Upstream, UpstreamCall, UpstreamFailure
from orchvynt.runtime import metrics as m
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.series import Series

CONNECT_NS: Final = 5_000_000_000
ANSWER_NS: Final = 15_000_000_000
ANSWER_BYTES_MAX: Final = 64 * 1024
SECOND: Final = 1_000_000_000
HEADERS: Final = (("content-type", "application/json"), ("user-agent", "orchvynt"))


class Post:
    """One message under way: the listener of its call. `over` is told once, with why it was not taken, empty if it was."""

    def __init__(self, message: Message, due: int, over: Callable[["Post", str], None]) -> None:
        self.message = message
        self.due = due
        self.call: UpstreamCall | None = None
        self._over = over
        self._status = 0
        self._answer_bytes = 0

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:  # noqa: ARG002 - the port's signature
        self._status = status

    def on_data(self, data: bytes) -> None:
        self._answer_bytes += len(data)
        if self._answer_bytes > ANSWER_BYTES_MAX:
            self._cancel()
            self.on_end()

    def on_end(self) -> None:
        # A redirect is no delivery: messages go to the address that the policy names, and nowhere else.
        self._over(self, "" if 200 <= self._status < 300 else f"it answered {self._status}")

    def on_failure(self, failure: UpstreamFailure) -> None:
        self._over(self, failure.message)

    def time_out(self) -> None:
        self._cancel()
        self._over(self, f"no answer within {ANSWER_NS // SECOND} s")

    def _cancel(self) -> None:
        if self.call is not None:
            self.call.cancel()


class Delivering:
    """The outbox of one process, and what is under way from it. A destination is looked up when a message is sent: the policy in force
    says where it is."""

    def __init__(
        self, upstream: Upstream, secrets: Secrets, clock: Clock, ids: Ids, policies: Policies, say: Callable[[str], None]
    ) -> None:
        self.outbox = Outbox()
        self.sends = Series(m.ALERT_MESSAGES)
        self._upstream = upstream
        self._secrets = secrets
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._say = say
        self._posts: dict[str, Post] = {}

    def put(self, destination: str, line: str, body: bytes) -> None:
        """One message to one destination. Those of one line arrive in their order."""
        message = Message(self._ids.new("msg"), destination, line, body)
        self._drop(self.outbox.add(message, self._clock.monotonic()), "too many newer ones wait")

    def sweep(self) -> None:
        """Ends what took too long, drops what is too old, sends what is due. Asked about once a second."""
        now = self._clock.monotonic()
        for post in [post for post in self._posts.values() if post.due <= now]:
            post.time_out()
        self._drop(self.outbox.too_old(now), "it could not be delivered for a day")
        for message in self.outbox.due(now):
            self._send(message, now)

    def _send(self, message: Message, now: int) -> None:
        destination = self._policies.current.destinations.get(message.destination)
        post = self._posts[message.id] = Post(message, now + ANSWER_NS, self._ended)
        if destination is None:
            del self._posts[message.id]
            self.outbox.delivered(message.id)
            self._drop([message], "the policy no longer has this destination")
            return
        try:
            signed = self._signed(destination, message)
        except SecretMissingError as error:
            self._ended(post, f"it cannot be signed: {error}")
            return
        except UnusableSecretError as error:
            self._ended(post, f"it cannot be signed: the secret is of no use: {error}")
            return
        address = Address(destination.host, destination.port, destination.tls)
        post.call = self._upstream.send(address, destination.path, signed, message.body, CONNECT_NS, post, HEADERS)

    def _signed(self, destination: Destination, message: Message) -> tuple[tuple[str, str], ...]:
        secret = self._secrets.resolve(destination.secret)
        return signed_headers(secret, message.id, self._clock.now() // SECOND, message.body)

    def _ended(self, post: Post, why: str) -> None:
        message = post.message
        if self._posts.pop(message.id, None) is None:
            return
        if not why:
            self.outbox.delivered(message.id)
            self.sends.add((message.destination, "delivered"))
            return
        self.sends.add((message.destination, "failed"))
        failures = self.outbox.failed(message.id, self._clock.monotonic(), self._ids.chance())
        if failures == 1:
            said = why.rstrip(".")
            self._say(f"alert message {message.id} was not taken by {message.destination}: {said}; it is sent again for a day")

    def _drop(self, messages: list[Message], why: str) -> None:
        for message in messages:
            self.sends.add((message.destination, "dropped"))
            self._say(f"alert message {message.id} to {message.destination} is dropped: {why}")
