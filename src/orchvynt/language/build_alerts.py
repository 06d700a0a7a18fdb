"""Makes the snapshot's alerts, and the destinations that they are told to, out of checked sections."""

from urllib.parse import urlsplit

from orchvynt.language.addresses import AddressError, parse_address
from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.document.operation import NotifyEntry
from orchvynt.language.document.scalars import secret_ref
from orchvynt.language.masking import REFERENCE
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Alert, Destination
from orchvynt.language.source import Source


def build_destination(name: str, item: Item[NotifyEntry], report: Report) -> Destination | None:
    """Reports a webhook that cannot be reached or signed. None also for what this build refuses by its name."""
    entry, path = item.section, f"{item.path}.webhook"
    if entry.webhook is None:
        return None
    if REFERENCE.fullmatch(entry.webhook):
        said = "not supported yet: a webhook whose address is a reference"
        report.error(item.at("webhook"), said, "Write the address; what is secret about it belongs in `secret`.", path)
        return None
    if entry.secret is None:
        said = f"nothing signs what the webhook `{name}` gets, so its receiver could not tell it from what others send"
        report.error(item.at("webhook"), said, 'Add `secret: "${env:HOOK_SECRET}"`.', f"{item.path}.secret")
        return None
    try:
        address = parse_address(entry.webhook)
    except AddressError as error:
        help = "Remove it; a webhook is known by its signature, not by its address." if "query" in str(error) else error.help
        report.error(item.at("webhook"), str(error), help, path)
        return None
    if not address.tls and not address.is_loopback:
        report.warning(item.at("webhook"), "what is told goes over the network in clear text", "Use https://.", path)
    # A slash at the end is part of a webhook's path, where a provider's address goes on.
    return Destination(name, address.host, address.port, address.tls, urlsplit(entry.webhook).path or "/", secret_ref(entry.secret))


def build_alerts(source: Source, conditions: Conditions) -> tuple[Alert, ...]:
    made = []
    for item in source.alerts:
        when = conditions.expression(f"{item.path}.when")
        assert when is not None, "an alert has a condition"
        made.append(Alert(when, item.section.window, item.section.repeat, tuple(item.section.notify)))
    return tuple(made)
