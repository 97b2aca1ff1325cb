"""Access tokens: JWTs with one algorithm, a short life and an id that can be revoked."""

from quintet_tokens.access_token import AccessClaims, TokenFormat, issue, refusal, verify

__all__ = ["AccessClaims", "TokenFormat", "issue", "refusal", "verify"]
