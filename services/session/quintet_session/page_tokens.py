"""Opaque page tokens: a position in one listing, useless for any other one."""

import base64
import binascii
import hashlib
import struct

from quintet_errors import DomainError, Reason

_LAYOUT = struct.Struct(">q8s")


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
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        position, fingerprint = _LAYOUT.unpack(data)
    except (binascii.Error, ValueError, struct.error):
        raise _invalid() from None
    if fingerprint != _fingerprint(listing):
        raise _invalid()
    return int(position)


def _fingerprint(listing: tuple[str, ...]) -> bytes:
    return hashlib.blake2b("\0".join(listing).encode(), digest_size=8).digest()


def _invalid() -> DomainError:
    return DomainError(
        Reason.INVALID_ARGUMENT,
        "The page token is not one of this listing. Start again without a token.",
        {"field": "page_token"},
    )
