"""The tokens that people get when they sign in, and the digests under which secrets are stored."""

import hashlib
import secrets
import time

from google.protobuf.duration_pb2 import Duration

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_session.identity_store import UserRecord
from quintet_tokens import AccessClaims, TokenFormat, issue, verify

_SECRET_BYTES = 32
# Ours are much shorter; what is longer matches nothing and is not worth reading to its end.
_LONGEST_SECRET = 1024


class AccessTokens:
    """Signs and checks access tokens that live for `lifetime_s`."""

    def __init__(self, key: bytes, lifetime_s: int) -> None:
        self.format = TokenFormat(key=key)
        self._lifetime_s = lifetime_s

    def pair(self, user: UserRecord, sign_in_id: str, refresh_token: str) -> pb.TokenPair:
        """Returns a new access token of a sign-in beside its refresh token."""
        now = int(time.time())
        claims = AccessClaims(
            user_id=user.user_id,
            email=user.email,
            is_admin=user.is_admin,
            token_id=secrets.token_hex(16),
            sign_in_id=sign_in_id,
            generation=user.generation,
            issued_at=now,
            expires_at=now + self._lifetime_s,
        )
        return pb.TokenPair(
            access_token=issue(claims, self.format),
            refresh_token=refresh_token,
            access_token_lifetime=Duration(seconds=self._lifetime_s),
        )

    def verify(self, token: str) -> AccessClaims:
        """Returns what a token says if it is ours and of the present; raises UNAUTHENTICATED."""
        return verify(token, self.format)


def new_secret() -> str:
    """Returns 256 random bits as text."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Returns the SHA-256 of a secret: random secrets need no slow hash."""
    return hashlib.sha256(secret[:_LONGEST_SECRET].encode()).digest()


def wrong_password() -> DomainError:
    """Returns the one error of a sign-in that fails, whatever is wrong with it."""
    return DomainError(Reason.UNAUTHENTICATED, "Invalid credentials")
