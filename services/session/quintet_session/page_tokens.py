"""Opaque page tokens: a position in one listing, useless for any other one."""

import base64
import binascii
import hashlib
import struct

from quintet_errors import DomainError, Reason

_LAYOUT = struct.Struct(">q8s")
_FINGERPRINT_BYTES = 8


def encode(position: int | None, *listing: str) -> str:
    """Packs a position; `listing` names what is listed and how. None makes the empty token of the last page."""
    if position is None:
        return ""
    return base64.urlsafe_b64encode(_LAYOUT.pack(position, _fingerprint(listing))).decode().rstrip("=")


def decode(token: str, *listing: str) -> int | None:
    """Unpacks a position; None for the empty token.

    Raises:
        DomainError: INVALID_ARGUMENT for anything that `encode` did not make for the same listing.
    """
    if not token:
        return None
    try:
        position, fingerprint = _LAYOUT.unpack(_unpacked(token))
    except struct.error:
        raise _invalid() from None
    if fingerprint != _fingerprint(listing):
        raise _invalid()
    return int(position)


def encode_name(name: str | None, *listing: str) -> str:
    """Packs the name behind which a listing by name goes on; see `encode`."""
    if name is None:
        return ""
    return base64.urlsafe_b64encode(_fingerprint(listing) + name.encode()).decode().rstrip("=")


def decode_name(token: str, *listing: str) -> str | None:
    """Unpacks a name; None for the empty token.

    Raises:
        DomainError: INVALID_ARGUMENT for anything that `encode_name` did not make for the same listing.
    """
    if not token:
        return None
    data = _unpacked(token)
    if data[:_FINGERPRINT_BYTES] != _fingerprint(listing):
        raise _invalid()
    try:
        return data[_FINGERPRINT_BYTES:].decode()
    except UnicodeDecodeError:
        raise _invalid() from None


def _unpacked(token: str) -> bytes:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None


def _fingerprint(listing: tuple[str, ...]) -> bytes:
    return hashlib.blake2b("\0".join(listing).encode(), digest_size=_FINGERPRINT_BYTES).digest()


def _invalid() -> DomainError:
    return DomainError(
        Reason.INVALID_ARGUMENT,
        "The page token is not one of this listing. Start again without a token.",
        {"field": "page_token"},
    )
