"""Ends the rest of a refused credential as soon as its file holds another secret: who renews a key must not wait for the rest to end."""

from orchvynt.decisions.fallback.health import Health
from orchvynt.language.snapshot import Provider, SecretRef
from orchvynt.ports.secrets import SecretMissingError, Secrets


class Renewing:
    """Remembers what was refused, by the provider's name: at most one secret for each."""

    def __init__(self, secrets: Secrets, health: Health) -> None:
        self._secrets = secrets
        self._health = health
        self._refused: dict[str, tuple[SecretRef, str]] = {}

    def refused(self, provider: Provider, secret: str) -> None:
        """`secret` is what the provider did not accept, empty where there was none. One from the environment never changes."""
        ref = provider.api_key
        if ref is None:
            return
        self._secrets.forget(ref)
        if ref.source == "file":
            self._refused[provider.name] = ref, secret

    def look(self) -> None:
        """Reads again what was refused. A file that is away, or holds the same, changes nothing."""
        for name, (ref, secret) in list(self._refused.items()):
            try:
                renewed = self._secrets.resolve(ref) != secret
            except SecretMissingError:
                continue
            if renewed and self._health.renewed(name):
                del self._refused[name]
