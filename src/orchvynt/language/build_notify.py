"""Makes the snapshot's destinations out of checked sections: who is told of alerts and reviews."""

from urllib.parse import urlsplit

from msgspec.structs import replace

from orchvynt.language.addresses import Address, AddressError, parse_address
from orchvynt.language.document.notify import EmailEntry, NotifyEntry, SlackEntry
from orchvynt.language.document.scalars import secret_ref
from orchvynt.language.masking import REFERENCE
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Destination, Mailbox, SecretRef, SlackChannel


def build_destination(name: str, item: Item[NotifyEntry], report: Report) -> Destination | None:
    """Reports a destination that cannot be reached, or a webhook that nothing signs."""
    entry = item.section
    made = _channel(name, item, report)
    return replace(made, digest_ns=entry.digest, excerpt=entry.content == "excerpt") if made is not None else None


def _channel(name: str, item: Item[NotifyEntry], report: Report) -> Destination | None:
    entry = item.section
    if entry.slack is not None:
        return _slack(name, item, entry.slack, report)
    if entry.email is not None:
        return Destination(name, "", 0, True, "", secret_ref(entry.email.smtp), "email", mail=_mailbox(entry.email))
    if entry.apprise is not None:
        return Destination(name, "", 0, True, "", secret_ref(entry.apprise), "apprise")
    return _webhook(name, item, report)


def _mailbox(entry: EmailEntry) -> Mailbox:
    return Mailbox(tuple(entry.to), entry.from_ or "")


def _slack(name: str, item: Item[NotifyEntry], entry: SlackEntry, report: Report) -> Destination | None:
    address = _address(item, "slack", entry.base_url, report)
    if address is None:
        return None
    signing: SecretRef | None = secret_ref(entry.signing_secret) if entry.signing_secret is not None else None
    channel = SlackChannel(entry.channel, signing)
    return Destination(name, address.host, address.port, address.tls, address.path_prefix, secret_ref(entry.token), "slack", channel)


def _webhook(name: str, item: Item[NotifyEntry], report: Report) -> Destination | None:
    entry = item.section
    assert entry.webhook is not None, "a destination has one channel"
    if entry.secret is None:
        said = f"nothing signs what the webhook `{name}` gets, so its receiver could not tell it from what others send"
        report.error(item.at("webhook"), said, 'Add `secret: "${env:HOOK_SECRET}"`.', f"{item.path}.secret")
        return None
    address = _address(item, "webhook", entry.webhook, report)
    if address is None:
        return None
    # A slash at the end is part of a webhook's path, where a provider's address goes on.
    path = urlsplit(entry.webhook).path or "/"
    return Destination(name, address.host, address.port, address.tls, path, secret_ref(entry.secret))


def _address(item: Item[NotifyEntry], field: str, written: str, report: Report) -> Address | None:
    path = f"{item.path}.{field}"
    if REFERENCE.fullmatch(written):
        said = f"not supported yet: a {field} whose address is a reference"
        report.error(item.at(field), said, "Write the address; what is secret about it belongs in a secret.", path)
        return None
    try:
        address = parse_address(written)
    except AddressError as error:
        help = "Remove it; a webhook is known by its signature, not by its address." if "query" in str(error) else error.help
        report.error(item.at(field), str(error), help, path)
        return None
    if not address.tls and not address.is_loopback:
        report.warning(item.at(field), "what is told goes over the network in clear text", "Use https://.", path)
    return address
