"""Encrypts the secrets of settings documents and webhooks, so that a copy of the database does not give them away."""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"quintet settings secrets 1"
_NONCE_BYTES = 12


class SecretBox:
    """AES-256-GCM with a key that follows from the signing key; another signing key makes old secrets unreadable."""

    def __init__(self, signing_key: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(signing_key)
        self._cipher = AESGCM(key)

    def seal(self, secret: str, *place: str) -> bytes:
        """Encrypts a secret for one place (such as document and name); it cannot be opened in another place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), _context(place))

    def unseal(self, sealed: bytes, *place: str) -> str:
        """Decrypts what `seal` made for the same place.

        Raises:
            cryptography.exceptions.InvalidTag: if it was made for another place, with another key, or was changed.
        """
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _context(place)).decode()


def _context(place: tuple[str, ...]) -> bytes:
    return "\0".join(place).encode()
