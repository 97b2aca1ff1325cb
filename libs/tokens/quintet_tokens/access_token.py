"""Makes and checks access tokens (RFC 7519, HS256)."""

from dataclasses import dataclass
from typing import Any

import jwt

from quintet_errors import DomainError, Reason

# Pinned: a token must never choose how it is checked.
_ALGORITHM = "HS256"
_REQUIRED = ["sub", "jti", "sid", "gen", "name", "admin", "iat", "exp", "iss", "aud"]
# Clocks of machines differ a little.
_LEEWAY_S = 5
LONGEST_TOKEN = 4096
"""Characters of the longest token that is looked at; ours have a tenth of that."""


@dataclass(frozen=True)
class TokenFormat:
    """What every token of one installation has in common; the key has at least 32 bytes."""

    key: bytes
    issuer: str = "quintet"
    audience: str = "quintet"


@dataclass(frozen=True)
class AccessClaims:
    """What a token says. Times are seconds since 1970; tokens of an older `generation` can be revoked together."""

    user_id: str
    email: str
    is_admin: bool
    token_id: str
    sign_in_id: str
    generation: int
    issued_at: int
    expires_at: int


def issue(claims: AccessClaims, token_format: TokenFormat) -> str:
    """Returns a signed token."""
    payload = {
        "sub": claims.user_id,
        "name": claims.email,
        "admin": claims.is_admin,
        "jti": claims.token_id,
        "sid": claims.sign_in_id,
        "gen": claims.generation,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "iss": token_format.issuer,
        "aud": token_format.audience,
    }
    return jwt.encode(payload, token_format.key, algorithm=_ALGORITHM)


def verify(token: str, token_format: TokenFormat) -> AccessClaims:
    """Returns what a token says if it is ours, whole, and of the present; revocation is the caller's question.

    Raises:
        DomainError: UNAUTHENTICATED; the sentence never says why, and never repeats the token.
    """
    if len(token) > LONGEST_TOKEN:
        raise refusal()
    try:
        payload = jwt.decode(
            token,
            token_format.key,
            algorithms=[_ALGORITHM],
            audience=token_format.audience,
            issuer=token_format.issuer,
            leeway=_LEEWAY_S,
            options={"require": _REQUIRED},
        )
    except jwt.PyJWTError:
        raise refusal() from None
    except (ValueError, RecursionError):
        # A header or a body that is no JSON object of ours can fail below the library's own errors.
        raise refusal() from None
    return _claims(payload)


def refusal() -> DomainError:
    """Returns the one error of every credential that is not valid."""
    return DomainError(Reason.UNAUTHENTICATED, "The credential is not valid.")


def _claims(payload: dict[str, Any]) -> AccessClaims:
    claims = AccessClaims(
        user_id=payload["sub"],
        email=payload["name"],
        is_admin=payload["admin"],
        token_id=payload["jti"],
        sign_in_id=payload["sid"],
        generation=payload["gen"],
        issued_at=int(payload["iat"]),
        expires_at=int(payload["exp"]),
    )
    texts = (claims.user_id, claims.email, claims.token_id, claims.sign_in_id)
    if not all(isinstance(text, str) for text in texts) or not isinstance(claims.generation, int):
        raise refusal()
    if not isinstance(claims.is_admin, bool):
        raise refusal()
    return claims
