"""People who press buttons in Slack: whose signature holds, who it is by a confirmed e-mail address, and then a vote like any other.

INVARIANT: a vote from Slack has the power of the person alone: it takes the same path, and the same groups, as one of the admin API.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.decisions.people.membership import groups_of
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.dialects.inert import one_line
from orchvynt.dialects.slack_blocks import escaped, modal
from orchvynt.dialects.slack_requests import AGE_S_MAX, Pressed, Private, UnreadableError, email_of, read_pressed, signature_holds
from orchvynt.language.snapshot import Destination
from orchvynt.model.emails import normalised
from orchvynt.model.faults import Fault
from orchvynt.model.roles import may
from orchvynt.ports.clock import Clock
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.store import AuditRow, ReviewRow, Store, StoreUnavailableError
from orchvynt.runtime.channels import Channels
from orchvynt.runtime.control import Control
from orchvynt.runtime.posting import PostFailedError
from orchvynt.runtime.tasks import Tasks
from orchvynt.runtime.telling import hears_of

SECOND: Final = 1_000_000_000
SEEN_MAX: Final = 10_000
KNOWN_MAX: Final = 1_000
KNOWN_NS: Final = 300 * SECOND
BODY_BYTES_MAX: Final = 256 * 1024
WHY_CHARS_MAX: Final = 2_000


class SlackVotes:
    def __init__(
        self, control: Control, channels: Channels, secrets: Secrets, clock: Clock, tasks: Tasks, say: Callable[[str], None]
    ) -> None:
        self._control = control
        self._channels = channels
        self._secrets = secrets
        self._clock = clock
        self._tasks = tasks
        self._say = say
        # Signatures that were seen, and when (monotonic); people by destination and Slack's id, and since when they are known.
        self._seen: dict[str, int] = {}
        self._known: dict[tuple[str, str], tuple[str, int]] = {}

    @property
    def _store(self) -> Store:
        return self._control.store

    async def take(self, timestamp: str, signature: str, body: bytes) -> Fault | None:
        """One request of Slack, which waits three seconds for the answer: what takes longer goes on behind it. None: it is taken.
        Raises StoreUnavailableError."""
        signed = [one for one in self._control.snapshot.destinations.values() if self._signs(one, timestamp, signature, body)]
        if not signed:
            said = "No signing secret of a Slack destination fits this request, or it is older than five minutes."
            return Fault("unauthorized", said, "Compare `signing_secret` with the app's page, and the clocks.")
        if (fault := self._again(signature)) is not None:
            return fault
        try:
            pressed = read_pressed(body)
        except UnreadableError as error:
            return Fault("invalid_request", f"Slack's request cannot be read: {error}.")
        if pressed.asked == "open":
            return None
        row = await self._store.review(pressed.review)
        heard = hears_of(self._control.snapshot, row) if row is not None else []
        destination = next((one for one in signed if one.name in heard), None)
        if row is None or destination is None:
            return Fault("forbidden", "The policy does not tell this Slack app of such a review.", "Decide it with `orchvynt reviews`.")
        if row.require_reason and pressed.reason is None and row.status == "open":
            self._tasks.start(self._ask_why(destination, pressed), f"ask why {row.review}")
        else:
            self._tasks.start(self._vote(destination, pressed), f"vote on {row.review}")
        return None

    def _signs(self, destination: Destination, timestamp: str, signature: str, body: bytes) -> bool:
        if destination.slack is None or destination.slack.signing_secret is None:
            return False
        try:
            secret = self._secrets.resolve(destination.slack.signing_secret)
        except SecretMissingError:
            return False
        return bool(secret) and signature_holds(secret, timestamp, signature, body, self._clock.now() // SECOND)

    def _again(self, signature: str) -> Fault | None:
        """A request counts once. What is remembered is bounded, and only what was signed gets into it."""
        now = self._clock.monotonic()
        # A timestamp may lie as far ahead as behind.
        while self._seen and now - next(iter(self._seen.values())) > 2 * AGE_S_MAX * SECOND:
            del self._seen[next(iter(self._seen))]
        if signature in self._seen:
            return Fault("unauthorized", "This request came before; each counts once.", "Press the button again.")
        if len(self._seen) >= SEEN_MAX:
            return Fault("overloaded", "Too many requests of Slack came within minutes.", "Try again later.", retry_after_seconds=60)
        self._seen[signature] = now
        return None

    async def _ask_why(self, destination: Destination, pressed: Pressed) -> None:
        private = msgspec.json.encode(Private(pressed.review, pressed.channel, pressed.ts)).decode()
        view = modal(pressed.review, pressed.asked, private)
        try:
            token = self._secrets.resolve(destination.secret)
            done = await self._channels.slack(destination, "views.open", {"trigger_id": pressed.trigger, "view": view}, token)
        except (SecretMissingError, PostFailedError) as error:
            self._say(f"the form for a reason could not be opened in {destination.name}: {error}")
            return
        if done.why:
            self._say(f"the form for a reason could not be opened in {destination.name}: {done.why}")

    async def _vote(self, destination: Destination, pressed: Pressed) -> None:
        """Whatever comes of it, who pressed is told so, and nobody else; the outcome itself is told in the thread."""
        try:
            token = self._secrets.resolve(destination.secret)
            email = await self._email(destination, pressed.user, token)
            said = await self._decide(pressed, email) if isinstance(email, str) else email.message
            await self._answer(destination, pressed, said, token)
        except (SecretMissingError, PostFailedError, StoreUnavailableError) as error:
            self._say(f"a button pressed in {destination.name} for review {pressed.review} did not get its answer: {error}")

    async def _email(self, destination: Destination, user: str, token: str) -> str | Fault:
        """The person's address, in lower case. Raises PostFailedError."""
        now = self._clock.monotonic()
        known = self._known.get((destination.name, user))
        if known is not None and now - known[1] < KNOWN_NS:
            return known[0]
        if not (user.isascii() and user.isalnum()):
            return Fault("forbidden", "Slack did not say who pressed the button.")
        found = await self._channels.slack_user(destination, user, token)
        account = found.said.get("user")
        email = normalised(email_of(account)) if isinstance(account, dict) else None
        if not email:
            said = found.why or "the account is a guest's or a bot's, or its e-mail address is not confirmed"
            return Fault("forbidden", f"Your Slack account is no person that may vote: {said}.")
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known.pop((destination.name, user), None)
        self._known[destination.name, user] = (email, now)
        return email

    async def _decide(self, pressed: Pressed, email: str) -> str:
        """Raises StoreUnavailableError."""
        assert pressed.asked != "open"
        person = await self._store.person(email)
        if person is not None and (person.disabled or not may(person.role, "reviewer")):
            return f"{email} may not decide here: ask an admin for the role reviewer."
        # Of an identity provider's groups Slack knows nothing.
        voter = Voter(email, groups_of(email, (), self._control.snapshot.groups))
        reason = pressed.reason or ""
        done = await self._control.decide(pressed.review, pressed.asked, voter, reason)
        if isinstance(done, Fault):
            # What counted is noted with its fact; what did not is noted here.
            what, why = f"review.{pressed.asked} refused", done.message[:WHY_CHARS_MAX]
            await self._store.audit(AuditRow(self._clock.now(), email, what, why, pressed.review))
            return f"{done.message} {done.help}".strip()
        return _counted(done, pressed)

    async def _answer(self, destination: Destination, pressed: Pressed, said: str, token: str) -> None:
        """Only the person sees it. Raises PostFailedError."""
        if not pressed.channel:
            return
        arguments = {"channel": pressed.channel, "user": pressed.user, "text": escaped(one_line(said, 1_000)), "parse": "none"}
        done = await self._channels.slack(destination, "chat.postEphemeral", arguments, token)
        if done.why:
            self._say(f"a vote by a button in {destination.name} could not be answered: {done.why}")


def _counted(row: ReviewRow, pressed: Pressed) -> str:
    if row.status == "open":
        return f"Your vote on {pressed.review} counts; more are needed."
    return f"Review {pressed.review} is {row.status}."
