"""Parts of the compiled policy that say who is told of alerts and reviews, and by which channel."""

from typing import Literal

import msgspec

from orchvynt.language.compiled import SecretRef

Channel = Literal["webhook", "slack", "email", "apprise"]


class SlackChannel(msgspec.Struct, frozen=True):
    """`channel` is a name or an id. Without `signing_secret` its messages have no buttons: nothing could tell who pressed one."""

    channel: str
    signing_secret: SecretRef | None = None


class Mailbox(msgspec.Struct, frozen=True):
    """Who gets the mail, and from whom; `sender` empty: the user of the server's URL, or `orchvynt@` its host."""

    to: tuple[str, ...]
    sender: str = ""


class Destination(msgspec.Struct, frozen=True):
    """Who is told. A webhook and Slack's API are addresses; of mail and of apprise the address is in the secret, and `host` is empty.

    `secret` signs a webhook, is Slack's token, or the URL of the mail server or of apprise. `path` is as written. Messages about reviews
    wait up to `digest_ns` for one another, and hold an `excerpt` of what is to be decided only where the policy says so."""

    name: str
    host: str
    port: int
    tls: bool
    path: str
    secret: SecretRef
    channel: Channel = "webhook"
    slack: SlackChannel | None = None
    mail: Mailbox | None = None
    digest_ns: int = 0
    excerpt: bool = False
