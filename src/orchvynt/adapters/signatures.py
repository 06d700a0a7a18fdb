"""Verifies signatures of JWTs over joserfc. The algorithms are the caller's list, never the token's word."""

import binascii
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from orchvynt.ports.signatures import SignatureError

KEYS_MAX: Final = 100
TOKEN_CHARS_MAX: Final = 65_536
KINDS: Final[dict[str, tuple[str, type[RSAKey] | type[ECKey] | type[OKPKey]]]] = {
    "RS": ("RSA", RSAKey),
    "PS": ("RSA", RSAKey),
    "ES": ("EC", ECKey),
    "Ed": ("OKP", OKPKey),
}


class JoseSignatures:
    """Implements ports.signatures.Signatures."""

    def claims(self, token: str, jwks: bytes, algorithms: Sequence[str]) -> dict[str, Any]:
        algorithm, key_id = _header(token)
        if algorithm not in algorithms or algorithm[:2] not in KINDS:
            raise SignatureError("it is signed by an algorithm that is not allowed")
        kind, importer = KINDS[algorithm[:2]]
        fitting = [key for key in _keys(jwks) if key.get("kty") == kind and key.get("use", "sig") == "sig"]
        named = [key for key in fitting if not key_id or key.get("kid", key_id) == key_id]
        for key in named:
            try:
                # INVARIANT: a key is read as what the algorithm takes, so a public key is never taken for a shared secret.
                return dict(jwt.decode(token, importer.import_key(key), algorithms=[algorithm]).claims)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
        raise SignatureError("its signature is by none of the provider's keys", unknown_key=True)


def _header(token: str) -> tuple[str, str]:
    if len(token) > TOKEN_CHARS_MAX:
        raise SignatureError("it is larger than a token can be")
    try:
        head = token.partition(".")[0]
        header = msgspec.json.decode(binascii.a2b_base64(head.replace("-", "+").replace("_", "/") + "=" * (-len(head) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise SignatureError("it is no token") from None
    if not isinstance(header, dict) or "crit" in header or not isinstance(header.get("alg"), str):
        raise SignatureError("its header is not usable")
    key_id = header.get("kid", "")
    return header["alg"], key_id if isinstance(key_id, str) else ""


def _keys(jwks: bytes) -> list[dict[str, Any]]:
    try:
        keys = msgspec.json.decode(jwks, type=dict[str, Any]).get("keys")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SignatureError("the provider's keys are no JWK set") from None
    if not isinstance(keys, list) or len(keys) > KEYS_MAX:
        raise SignatureError("the provider's keys are no JWK set of a usable size")
    return [key for key in keys if isinstance(key, dict)]
