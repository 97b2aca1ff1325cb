"""`quintet keys`: the API keys of a surface."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.session_link import Identities
from quintet_cli.terminal_text import harmless
from quintet_cli.user_commands import find_user

DEFAULT_OWNER = "operator"


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
    if user:
        request.owner = (await find_user(identities, user)).user_id
    response: pb.CreateApiKeyResponse = await identities.call("CreateApiKey", request)
    print(response.secret)
    key = response.api_key
    _say(console, f"Key {key.key_id} opens {key.surface} for {key.owner} ({_scopes(key)}, {_end(key)}).")
    _say(console, "It is shown only now; keep it in a safe place.")


async def list_keys(identities: Identities, surface: str) -> None:
    """Prints every key of a surface on a line: id, prefix, owner, scopes, state."""
    request = pb.ListApiKeysRequest(surface=surface, page_size=1000)
    while True:
        page: pb.ListApiKeysResponse = await identities.call("ListApiKeys", request)
        for key in page.api_keys:
            print(harmless("\t".join((key.key_id, key.prefix, " ".join(key.owner.split()), _scopes(key), _state(key)))))
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
