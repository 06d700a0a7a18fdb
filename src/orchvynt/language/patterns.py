"""What a name becomes that only a pattern knows: the pattern's model, asked for by that name, at the price the catalog knows for it."""

import msgspec

from orchvynt.catalog.continues import continues
from orchvynt.catalog.models import known
from orchvynt.language.snapshot import Capabilities, Destination, Model, Provider


def matched(template: Model, name: str) -> Model:
    """The model for one match. What the pattern itself says wins over the catalog. The catalog remembers what it was asked."""
    found = known(template.provider.kind, base_url(template.provider), name)
    return msgspec.structs.replace(
        template,
        name=name,
        upstream_model=name,
        price=template.price if template.price is not None else found.price,
        context_window=template.context_window or found.context_window,
        max_output_tokens=template.max_output_tokens or found.max_output_tokens,
        continues=template.continues or continues(template.provider.kind, name),
        capabilities=Capabilities(
            *(
                getattr(found.capabilities, one) if getattr(template.capabilities, one) is None else getattr(template.capabilities, one)
                for one in Capabilities.__struct_fields__
            )
        ),
    )


def base_url(provider: Provider) -> str:
    """The address that a provider was declared with, in its full form."""
    return _url(provider.host, provider.port, provider.tls, provider.path_prefix)


def destination_url(destination: Destination) -> str:
    """The address of a webhook or of Slack's API, in its full form; of mail and of apprise the reference that holds it."""
    if not destination.host:
        return f"${{{destination.secret.source}:{destination.secret.name}}}"
    return _url(destination.host, destination.port, destination.tls, destination.path)


def _url(host: str, port: int, tls: bool, path: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    default = port == (443 if tls else 80)
    return f"{'https' if tls else 'http'}://{shown}{'' if default else f':{port}'}{path}"
