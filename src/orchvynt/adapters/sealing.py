"""Seals with AES-256-GCM (NIST SP 800-38D): a random nonce of 96 bits for each record, and the record's name as associated data.

One key seals at most 2^32 records with random nonces (section 8.3 there), which is more than people can review.
"""

import base64
import binascii
import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchvynt.ports.sealing import Sealed, SealingError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_NAME: Final = b"orchvynt evidence key 1\n"


class AesGcm:
    """Implements ports.sealing.Sealing. A key is 32 bytes, written as 64 hex digits or in base64."""

    def key_id(self, key: str) -> str:
        return _id(_bytes(key))

    def seal(self, key: str, plain: bytes, bound_to: bytes) -> Sealed:
        raw, nonce = _bytes(key), os.urandom(NONCE_BYTES)
        name = _id(raw)
        return Sealed(name, nonce, AESGCM(raw).encrypt(nonce, plain, _data(name, bound_to)))

    def unseal(self, key: str, sealed: Sealed, bound_to: bytes) -> bytes:
        raw = _bytes(key)
        if _id(raw) != sealed.key_id:
            raise SealingError(f"it was sealed with the key {sealed.key_id}, and this one is another")
        try:
            return AESGCM(raw).decrypt(sealed.nonce, sealed.sealed, _data(sealed.key_id, bound_to))
        except InvalidTag:
            raise SealingError("what is sealed was changed, or belongs to another record") from None


def _id(raw: bytes) -> str:
    return hashlib.sha256(_NAME + raw).hexdigest()[:16]


def _data(key_id: str, bound_to: bytes) -> bytes:
    return b"orchvynt evidence 1\n" + key_id.encode() + b"\n" + bound_to


def _bytes(key: str) -> bytes:
    try:
        raw = bytes.fromhex(key) if len(key) == 2 * KEY_BYTES else base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise SealingError("a key of evidence is 32 random bytes, as 64 hex digits or in base64: openssl rand -hex 32")
    return raw
