"""Sends one message through one destination's channel, once, and says what came back. No secret is in what it says."""

from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from orchvynt.dialects.mail import plain, subject_of, written
from orchvynt.dialects.slack_blocks import posted, updated
from orchvynt.dialects.slack_requests import Verdict, read_answer
from orchvynt.dialects.standard_webhooks import UnusableSecretError, read_status, signed_headers
from orchvynt.dialects.telling import Event, read_event
from orchvynt.language.snapshot import Destination
from orchvynt.model.emails import normalised
from orchvynt.ports.channels import Apprising, Mail, Mailing
from orchvynt.ports.clock import Clock
from orchvynt.ports.outbox import MessageRow
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.store import Store
from orchvynt.ports.upstream import Address
from orchvynt.runtime.posting import PostFailedError, Posting

SECOND: Final = 1_000_000_000
HEADERS: Final = (("content-type", "application/json"), ("user-agent", "orchvynt"))
SLACK_HEADERS: Final = (("content-type", "application/json; charset=utf-8"), ("user-agent", "orchvynt"))
FORM_HEADERS: Final = (("content-type", "application/x-www-form-urlencoded"), ("user-agent", "orchvynt"))


class Sent(msgspec.Struct, frozen=True):
    """`why` is empty if it was taken, and `said` then what the receiver answered, in a word. `reference` is where it went. `wait_ns`: the
    receiver asks for so much patience; `final`: to send it again is of no use."""

    why: str = ""
    said: str = ""
    reference: str = ""
    wait_ns: int = 0
    final: bool = False


class Channels:
    def __init__(self, posting: Posting, secrets: Secrets, clock: Clock, store: Store, mailing: Mailing, apprising: Apprising) -> None:
        self.posting = posting
        self._secrets = secrets
        self._clock = clock
        self._store = store
        self._mailing = mailing
        self._apprising = apprising

    async def send(self, destination: Destination, message: MessageRow) -> Sent:
        """Raises StoreUnavailableError, if it cannot be found out which thread it belongs in."""
        try:
            secret = self._secrets.resolve(destination.secret)
            return await self._send(destination, message, secret)
        except SecretMissingError as error:
            return Sent(f"it cannot be {'signed' if destination.channel == 'webhook' else 'sent'}: {error}")
        except UnusableSecretError as error:
            return Sent(f"it cannot be signed: the secret is of no use: {error}")
        except PostFailedError as error:
            return Sent(str(error))
        except msgspec.MsgspecError:
            return Sent("its text cannot be read by this build", final=True)

    async def _send(self, destination: Destination, message: MessageRow, secret: str) -> Sent:
        if destination.channel == "webhook":
            return await self._webhook(destination, message, secret)
        event = read_event(message.body)
        if destination.channel == "slack":
            return await self._slack(destination, message, event, secret)
        if destination.channel == "email":
            return await self._email(destination, message, event, secret)
        refused = await self._apprising.send(secret, subject_of(event), plain(event))
        return Sent(refused.why, final=refused.final) if refused is not None else Sent(said="taken")

    async def _webhook(self, destination: Destination, message: MessageRow, secret: str) -> Sent:
        headers = signed_headers(secret, message.id, self._clock.now() // SECOND, message.body)
        address = Address(destination.host, destination.port, destination.tls)
        answer = await self.posting.post(address, destination.path, (*HEADERS, *headers), message.body)
        read = read_status(answer.status, answer.headers, self._clock.now())
        return Sent(read.why, wait_ns=read.wait_ns, final=read.final) if read.why else Sent(said=f"it answered {answer.status}")

    async def _email(self, destination: Destination, message: MessageRow, event: Event, url: str) -> Sent:
        assert destination.mail is not None, "a destination of mail has recipients"
        sender = destination.mail.sender or sender_of(url)
        content = written(event, destination.name, sender, destination.mail.to, message.id, self._clock.now() // SECOND, message.answers)
        refused = await self._mailing.send(url, Mail(sender, destination.mail.to, content))
        return Sent(refused.why, final=refused.final) if refused is not None else Sent(said="the mail server took it")

    async def _slack(self, destination: Destination, message: MessageRow, event: Event, token: str) -> Sent:
        assert destination.slack is not None, "a destination of Slack has a channel"
        channel, thread = destination.slack.channel, ""
        if message.answers and (reference := await self._store.reference(message.answers)):
            channel, _, thread = reference.partition(" ")
            if message.closes:
                update = await self.slack(destination, "chat.update", updated(event, channel, thread), token)
                if update.why and not update.gone:
                    return _unsent(update)
        # In a thread the message that it answers has them.
        buttons = destination.slack.signing_secret is not None and not thread
        done = await self.slack(destination, "chat.postMessage", posted(event, channel, message.id, thread, buttons), token)
        if done.gone and thread:
            # Somebody removed the message: what is told stands alone then.
            done = await self.slack(destination, "chat.postMessage", posted(event, destination.slack.channel, message.id), token)
        if done.why:
            return _unsent(done)
        where, ts = done.said.get("channel"), done.said.get("ts")
        kept = isinstance(where, str) and isinstance(ts, str)
        return Sent(said="Slack took it", reference=f"{where} {ts}" if kept else "")

    async def slack(self, destination: Destination, method: str, arguments: dict[str, Any], token: str) -> Verdict:
        """One call of Slack's API. Raises PostFailedError."""
        address = Address(destination.host, destination.port, destination.tls)
        headers = (*SLACK_HEADERS, ("authorization", f"Bearer {token}"))
        answer = await self.posting.post(address, f"{destination.path}/{method}", headers, msgspec.json.encode(arguments))
        return read_answer(answer.status, answer.headers, answer.body)

    async def slack_user(self, destination: Destination, user: str, token: str) -> Verdict:
        """users.info, which takes no JSON. `user` is an id of letters and digits. Raises PostFailedError."""
        address = Address(destination.host, destination.port, destination.tls)
        headers = (*FORM_HEADERS, ("authorization", f"Bearer {token}"))
        answer = await self.posting.post(address, f"{destination.path}/users.info", headers, b"user=" + user.encode())
        return read_answer(answer.status, answer.headers, answer.body)


def sender_of(url: str) -> str:
    """Who sends, where the policy does not say: the user of the server's URL if it is an address, else `orchvynt@` its host."""
    try:
        parts = urlsplit(url)
        names = (unquote(parts.username or ""), f"orchvynt@{parts.hostname or ''}")
    except ValueError:
        names = ("", "")
    return next((name for name in names if normalised(name) is not None), "orchvynt@localhost")


def _unsent(verdict: Verdict) -> Sent:
    return Sent(verdict.why, wait_ns=verdict.wait_s * SECOND, final=verdict.final)
