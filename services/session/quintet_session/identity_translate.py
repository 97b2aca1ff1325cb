"""Between the messages of quintet.identity.v1 and the records of the store."""

from collections.abc import Iterator

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_session.identity_store import (
    ApiKeyRecord,
    Revocations,
    SettingsRecord,
    TokenRevocation,
    UserRecord,
    UserRevocation,
)
from quintet_session.translate import to_timestamp
from quintet_tokens import AccessClaims, TokenFormat

REVOCATIONS_A_PART = 5000
"""Most revoked tokens, and most users, of one part of a snapshot; even with the longest ids they fit."""


def to_user(record: UserRecord) -> pb.User:
    """Returns a user as the contract has it."""
    return pb.User(
        user_id=record.user_id,
        email=record.email,
        name=record.name,
        is_admin=record.is_admin,
        create_time=to_timestamp(record.create_us),
        update_time=to_timestamp(record.update_us),
    )


def to_api_key(record: ApiKeyRecord) -> pb.ApiKey:
    """Returns an API key as the contract has it."""
    return pb.ApiKey(
        key_id=record.key_id,
        surface=record.surface,
        owner=record.owner,
        prefix=record.prefix,
        scopes=record.scopes,
        create_time=to_timestamp(record.create_us),
        expire_time=None if record.expire_us is None else to_timestamp(record.expire_us),
        revoke_time=None if record.revoke_us is None else to_timestamp(record.revoke_us),
    )


def to_settings(record: SettingsRecord) -> pb.Settings:
    """Returns a settings document as the contract has it."""
    return pb.Settings(
        values=record.values,
        secret_names=record.secret_names,
        update_time=None if record.update_us is None else to_timestamp(record.update_us),
    )


def to_claims(claims: AccessClaims) -> pb.AccessClaims:
    """Returns what a token says as the contract has it."""
    return pb.AccessClaims(
        user_id=claims.user_id,
        email=claims.email,
        is_admin=claims.is_admin,
        token_id=claims.token_id,
        sign_in_id=claims.sign_in_id,
        expire_time=to_timestamp(claims.expires_at * 1_000_000),
        generation=claims.generation,
    )


def to_token_revocation(record: TokenRevocation) -> pb.TokenRevocation:
    """Returns a revoked token as the contract has it."""
    return pb.TokenRevocation(token_id=record.token_id, expire_time=to_timestamp(record.expire_us))


def to_user_revocation(record: UserRevocation) -> pb.UserRevocation:
    """Returns a user with revoked tokens as the contract has it."""
    return pb.UserRevocation(
        user_id=record.user_id, min_generation=record.min_generation, expire_time=to_timestamp(record.expire_us)
    )


def to_snapshots(token_format: TokenFormat, revocations: Revocations) -> Iterator[pb.CredentialSnapshot]:
    """Yields all that a verifier must know, in parts that fit into one message each."""
    longest = max(1, len(revocations.tokens), len(revocations.users))
    for first in range(0, longest, REVOCATIONS_A_PART):
        end = first + REVOCATIONS_A_PART
        yield pb.CredentialSnapshot(
            verification_key=token_format.key,
            issuer=token_format.issuer,
            audience=token_format.audience,
            revoked_tokens=[to_token_revocation(token) for token in revocations.tokens[first:end]],
            revoked_users=[to_user_revocation(user) for user in revocations.users[first:end]],
            more_follows=end < longest,
        )


def token_revoked(revocation: TokenRevocation) -> pb.WatchCredentialsResponse:
    """Returns the event of a revoked token."""
    return pb.WatchCredentialsResponse(token_revoked=to_token_revocation(revocation))


def user_revoked(revocation: UserRevocation) -> pb.WatchCredentialsResponse:
    """Returns the event of a user with revoked tokens."""
    return pb.WatchCredentialsResponse(user_revoked=to_user_revocation(revocation))


def api_keys_changed(surface: str) -> pb.WatchCredentialsResponse:
    """Returns the event of a surface whose keys have changed."""
    return pb.WatchCredentialsResponse(api_keys_changed=pb.ApiKeysChange(surface=surface))
