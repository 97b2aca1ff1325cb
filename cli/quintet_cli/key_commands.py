"""`quintet keys`: the API keys of a surface."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.session_link import Identities
from quintet_cli.terminal_text import harmless
from quintet_cli.user_commands import all_users, cell, find_user

DEFAULT_OWNER = "operator"
_USER_ID = "user_"
# Their documents ask for no key, so that nobody is asked for one before the operator wants it.
_KEYLESS = ("aegis", "sight")


def new_key(surface: str, owner: str, scopes: Sequence[str], expires_days: int | None) -> pb.CreateApiKeyRequest:
    """Returns the request for a key; raises CommandError for an end that no calendar has."""
    request = pb.CreateApiKeyRequest(surface=surface, owner=owner, scopes=scopes)
    if expires_days is not None:
        try:
            request.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=expires_days))
        except OverflowError:
            raise CommandError("--expires-days is too large.", ExitCode.USAGE) from None
    return request


async def create_key(identities: Identities, request: pb.CreateApiKeyRequest, user: str, console: Console) -> None:
    """Creates a key for a user (by address) or for the owner of the request, and prints the key alone."""
    owner = request.owner
    if user:
        found = await find_user(identities, user)
        request.owner, owner = found.user_id, found.email
    response: pb.CreateApiKeyResponse = await identities.call("CreateApiKey", request)
    print(response.secret)
    key = response.api_key
    _say(console, f"Key {key.key_id} opens {key.surface} for {owner} ({_scopes(key)}, {_end(key)}).")
    _say(console, "It is shown only now; keep it in a safe place.")
    if key.surface in _KEYLESS:
        _say(
            console,
            f"The documents of {key.surface} ask for no key: "
            "this one counts only on a closed gateway (QUINTET_GATEWAY_REQUIRE_CREDENTIALS=true).",
        )


async def list_keys(identities: Identities, surface: str) -> None:
    """Prints every key of a surface on a line: id, prefix, owner (a user by e-mail address), scopes, state."""
    keys = [key async for key in _all_keys(identities, surface)]
    addresses: dict[str, str] = {}
    if any(key.owner.startswith(_USER_ID) for key in keys):
        addresses = {user.user_id: user.email async for user in all_users(identities)}
    for key in keys:
        owner = cell(addresses.get(key.owner, key.owner))
        print(harmless("\t".join((key.key_id, key.prefix, owner, _scopes(key), _state(key)))))


async def _all_keys(identities: Identities, surface: str) -> AsyncIterator[pb.ApiKey]:
    request = pb.ListApiKeysRequest(surface=surface, page_size=1000)
    while True:
        page: pb.ListApiKeysResponse = await identities.call("ListApiKeys", request)
        for key in page.api_keys:
            yield key
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def revoke_key(identities: Identities, surface: str, key_id: str, console: Console) -> None:
    """Revokes a key by its id or its prefix."""
    request = pb.RevokeApiKeyRequest(surface=surface, key_id=key_id)
    response: pb.RevokeApiKeyResponse = await identities.call("RevokeApiKey", request)
    _say(console, f"Key {response.api_key.key_id} opens {surface} no more.")


def _scopes(key: pb.ApiKey) -> str:
    return " and ".join(key.scopes) or "read and write"


def _state(key: pb.ApiKey) -> str:
    if key.HasField("revoke_time"):
        return f"revoked on {_date(key.revoke_time)}"
    if key.HasField("expire_time") and key.expire_time.ToDatetime(UTC) <= datetime.now(UTC):
        return f"expired on {_date(key.expire_time)}"
    return _end(key)


def _end(key: pb.ApiKey) -> str:
    return f"valid until {_date(key.expire_time)}" if key.HasField("expire_time") else "valid until it is revoked"


def _date(moment: Timestamp) -> str:
    return moment.ToDatetime(UTC).date().isoformat()


def _say(console: Console, sentence: str) -> None:
    console.print(harmless(sentence), highlight=False, markup=False, soft_wrap=True)
