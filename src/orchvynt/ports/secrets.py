"""Where secrets come from. Values never leave the object that asked for them."""

from typing import Protocol

from orchvynt.language.snapshot import SecretRef


class SecretMissingError(Exception):
    """The reference cannot be resolved here. The message names the reference and the setting that allows it, never a value."""


class Secrets(Protocol):
    def resolve(self, ref: SecretRef) -> str:
        """The value. Raises SecretMissingError."""
        ...

    def forget(self, ref: SecretRef) -> None:
        """A provider refused the value: what is kept of a file is read anew the next time."""
        ...
