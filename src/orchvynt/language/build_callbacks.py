"""Makes the destinations of keys: where a key's callers are told that a review of theirs is decided. Only the policy names the address."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from orchvynt.language.addresses import AddressError, parse_address
from orchvynt.language.document.scalars import secret_ref
from orchvynt.language.masking import REFERENCE
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Destination
from orchvynt.language.source import Source


def callback_of(key: str) -> str:
    """The name of its destination. No destination of `notify` can have it, for a name holds no blank."""
    return f"key {key}"


def build_callbacks(source: Source, report: Report) -> Iterator[tuple[str, Destination]]:
    """Reports an address that cannot be used."""
    for item in source.keys:
        webhook, path = item.section.webhook, f"{item.path}.webhook.url"
        if webhook is None:
            continue
        at = item.at("webhook", "url")
        if REFERENCE.fullmatch(webhook.url):
            said = "not supported yet: a webhook whose address is a reference"
            report.error(at, said, "Write the address; what is secret about it belongs in `secret`.", path)
            continue
        try:
            address = parse_address(webhook.url)
        except AddressError as error:
            report.error(at, str(error), error.help, path)
            continue
        if not address.tls and not address.is_loopback:
            report.warning(at, "what is told goes over the network in clear text", "Use https://.", path)
        name = callback_of(item.section.name)
        where = urlsplit(webhook.url).path or "/"
        yield name, Destination(name, address.host, address.port, address.tls, where, secret_ref(webhook.secret))
