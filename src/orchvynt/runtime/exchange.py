"""One attempt under way: carries the provider's bytes and says what they amount to. It never decides what follows.

A whole answer is gathered and read; a stream goes through a relay, and to the caller once the machine has said `flow`.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from orchvynt.dialects.outcomes import retry_after_of
from orchvynt.dialects.quotas import REMAINING, quota_rest_ns
from orchvynt.dialects.shapes import Answer, Failure, ProviderDialect, Relay, Seen
from orchvynt.lifecycle.rescue import RESCUED_BYTES_MAX
from orchvynt.model.chat import Reply
from orchvynt.ports.clock import Clock
from orchvynt.ports.upstream import UpstreamCall, UpstreamFailure
from orchvynt.runtime.life import Life

HELD_STREAM_BYTES_MAX: Final = 16 * 1024 * 1024
ERROR_BODY_BYTES_MAX: Final = 256 * 1024
SCRUBBED: Final = "***"
MAY_STILL_RUN: Final = frozenset({408, 504, 524})
STREAM_TYPES: Final = ("text/event-stream", "application/x-ndjson")

_SAYS_WHAT_IS_LEFT: Final = frozenset(REMAINING)
# Providers send twenty fields and more; each costs one look at this.
_HEARD: Final = frozenset((b"content-type", b"x-request-id", b"request-id", *REMAINING))

CONNECT_OUTCOMES: Final = {"connect_timeout": "timeout", "malformed": "malformed", "too_large": "malformed", "busy": "overloaded"}


class Watcher(Protocol):
    """Who hears of an attempt, from the event loop. One of the last three comes once, and is the last."""

    def spent(self, exchange: "Exchange") -> None:
        """For `quota_ns` nothing is left of the provider's own rate limit, as the head of its answer says."""
        ...

    def started(self, exchange: "Exchange") -> None:
        """The first content of a stream is here; it is kept until `flow`."""
        ...

    def wrote(self, exchange: "Exchange", data: bytes) -> None: ...

    def answered(self, exchange: "Exchange", answer: Answer) -> None: ...

    def stream_ended(self, exchange: "Exchange") -> None: ...

    def failed(self, exchange: "Exchange", failure: Failure, may_have_run: bool, connected: bool) -> None: ...

    def alive(self, exchange: "Exchange") -> None:
        """Something came that is no ping, though nothing that a caller sees: the model thinks."""
        ...

    def broken(self, exchange: "Exchange", error: Exception) -> None:
        """A defect of ours came up while the provider's bytes were carried."""
        ...


class Exchange:
    """The listener of one upstream call. `flows` is switched on by the machine; until then bytes are kept, bounded."""

    # What most exchanges never change stands here and not in `__init__`, as in `Life`.
    dropped: tuple[str, ...] = ()
    call: UpstreamCall | None = None
    status: int = 0
    content_type: str = ""
    retry_after: str = ""
    provider_request_id: str = ""
    quota_ns: int = 0
    parts_bytes: int = 0
    streaming: bool = False
    flows: bool = False
    held_bytes: int = 0
    delivered_bytes: int = 0
    progress: int = -1
    announced: bool = False
    breathes: bool = False
    paused: bool = False
    was_paused: bool = False
    stale: bool = False
    secret: str = ""
    over: bool = False

    def __init__(
        self, life: Life, dialect: ProviderDialect, relay: Relay | None, watcher: Watcher, clock: Clock, keeps: bool = False
    ) -> None:
        self.life = life
        self.dialect = dialect
        self.relay = relay
        # Whether a relay that flows collects what it gave out, for another provider to go on with.
        self.keeps = keeps
        self.watcher = watcher
        self.clock = clock
        self.sent_mono = clock.monotonic()
        self.parts: list[bytes] = []
        self.held: list[bytes] = []

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.status = status
        spent = False
        for name, value in headers:
            if name not in _HEARD:
                continue
            if name == b"content-type":
                self.content_type = value.decode("latin-1")
            elif name not in _SAYS_WHAT_IS_LEFT:
                self.provider_request_id = self._without_secret(value.decode("latin-1"))[:200]
            elif value[:1] == b"0":
                spent = True
        self.retry_after = retry_after_of(headers) if status >= 400 else ""
        if spent and (quota_ns := quota_rest_ns(headers, self.clock.now())):
            self.quota_ns = quota_ns
            self.watcher.spent(self)
        self.streaming = self.relay is not None and status == 200 and self.content_type.lower().startswith(STREAM_TYPES)

    def on_data(self, data: bytes) -> None:
        if self.over:
            return
        if not self.streaming:
            self.parts_bytes += len(data)
            if self.status == 200 or self.parts_bytes <= ERROR_BODY_BYTES_MAX:
                self.parts.append(data)
            return
        try:
            self._relay(data)
        except Exception as error:  # noqa: BLE001 - a loop top: what a dialect stumbles over ends this attempt only
            self._break(error)

    def _relay(self, data: bytes) -> None:
        relay = self.relay
        assert relay is not None
        out = relay.feed(data)
        seen = relay.seen
        self._relayed(relay, seen, out)
        if seen.terminal and not self.over:
            self.over = True
            self.watcher.stream_ended(self)

    def _relayed(self, relay: Relay, seen: Seen, out: bytes) -> None:
        """Passes on what the relay gave; the failure that it saw, if any, comes after what was good."""
        if self.flows:
            if self.keeps and seen.output_bytes > RESCUED_BYTES_MAX:
                self.keeps = False
                relay.forget()
            if out:
                self.delivered_bytes += len(out)
                self.watcher.wrote(self, out)
        else:
            if out:
                self.held.append(out)
                self.held_bytes += len(out)
            if self.held_bytes > HELD_STREAM_BYTES_MAX:
                self._fail(Failure("malformed", 200, f"a held stream is larger than {HELD_STREAM_BYTES_MAX} bytes"), True, True)
                return
            if seen.alive and not self.breathes:
                self.breathes = True
                self.watcher.alive(self)
            # An error event after content is a cut, however both came; beside what cannot be read the content is in doubt, too.
            if seen.started and not self.announced and (seen.failure is None or seen.failure.outcome == "cut"):
                self.announced = True
                self.watcher.started(self)
        if seen.failure is not None and not self.over:
            self._fail(seen.failure, True, True)

    def on_end(self) -> None:
        if self.over:
            self.call = None
            return
        try:
            if self.streaming:
                self._take_end()
            else:
                self._read_whole()
        except Exception as error:  # noqa: BLE001 - a loop top: a defect in its end ends this attempt, and no other
            self._break(error)

    def _break(self, error: Exception) -> None:
        self.over = True
        self.watcher.broken(self, error)

    def _take_end(self) -> None:
        relay = self.relay
        assert relay is not None
        out = relay.end_of_input()
        self._relayed(relay, relay.seen, out)
        if self.over:
            return
        if relay.seen.terminal:
            self.over = True
            self.call = None
            self.watcher.stream_ended(self)
        else:
            self._fail(relay.seen.failure or Failure("cut", 200, "the stream ended without its terminal marker"), True, True)

    def _read_whole(self) -> None:
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        if self.status != 200 and self.secret:
            # A provider may repeat the key it refuses, and only a part of its words may be kept: the key goes first.
            body = body.replace(self.secret.encode(), SCRUBBED.encode())
        if self.relay is not None and self.status == 200:
            self._fail(Failure("malformed", 200, f"a stream was asked for, {self.content_type or 'nothing'} came"), True, True)
            return
        read = self.dialect.read_answer(self.status, self.content_type, self.retry_after, body, self.clock.now())
        if isinstance(read, Failure):
            # A provider bills no request that it refused with an error status; a gateway that gave up waiting proves nothing.
            self._fail(read, self.status == 200 or self.status in MAY_STILL_RUN, True)
            return
        self.over = True
        self.call = None
        self.watcher.answered(self, read)

    def on_failure(self, failure: UpstreamFailure) -> None:
        if self.over:
            return
        connected = failure.kind not in ("connect", "tls", "dns", "connect_timeout", "busy")
        if failure.kind in CONNECT_OUTCOMES:
            outcome = CONNECT_OUTCOMES[failure.kind]
        elif self.streaming and failure.bytes_seen:
            outcome = "cut"
        else:
            outcome = "malformed" if failure.bytes_seen and self.status else "connection"
        self.stale = failure.stale
        self._fail(Failure(outcome, self.status, failure.message), failure.sent, connected)

    def time_out(self, outcome: str, message: str) -> None:
        """A limit of the policy passed: the call is closed at once. It may have run."""
        if not self.over:
            self._fail(Failure(outcome, self.status, message), True, True)

    def cancel(self) -> None:
        self.over = True
        self._hang_up()

    def _fail(self, failure: Failure, may_have_run: bool, connected: bool) -> None:
        self.over = True
        self._hang_up()
        if self.secret and self.secret in failure.message:
            failure = msgspec.structs.replace(failure, message=self._without_secret(failure.message))
        self.watcher.failed(self, failure, may_have_run, connected)

    def _hang_up(self) -> None:
        """The call is closed, and forgotten: it knows who listens to it, and only the garbage collector would end the two."""
        call, self.call = self.call, None
        if call is not None:
            call.cancel()

    def _without_secret(self, text: str) -> str:
        return text.replace(self.secret, SCRUBBED) if self.secret else text

    @property
    def seen(self) -> Seen | None:
        return self.relay.seen if self.relay is not None else None

    def made_progress(self) -> bool:
        """Whether content came since the last question; pings are no progress."""
        seen = self.seen
        count = seen.output_bytes + seen.started if seen is not None else 0
        moved = count != self.progress
        self.progress = count
        return moved

    def pause(self) -> None:
        self.paused = self.was_paused = True
        if self.call is not None:
            self.call.pause()

    def resume(self) -> None:
        self.paused = False
        if self.call is not None:
            self.call.resume()

    def said(self) -> Reply | None:
        """What of the answer went to the caller; None where nothing did, or it is not kept."""
        return self.relay.reply() if self.keeps and self.flows and self.relay is not None else None

    def take_held(self) -> bytes:
        """What was kept so far; from now on it is not kept any more."""
        held, self.held, self.held_bytes = b"".join(self.held), [], 0
        return held

    def whole(self, kept: bool = False) -> tuple[Reply | None, bytes]:
        """The reply and the bytes of a stream that was held to its end; of one that flowed only the reply, where it is `kept` for people
        and was not too long for that."""
        if self.relay is None or self.flows:
            return self.said() if kept else None, b""
        return self.relay.reply(), self.take_held() + self.relay.finish(())
