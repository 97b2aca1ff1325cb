"""What the assistant says about people and their credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from quintet.identity.v1.identity_service_pb2 import ApiKey, TokenPair, User

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True)
class Caller:
    """Who asks. `scopes` are what an API key may do, `read` or `write`; empty means everything.

    The ids of the token and of the sign-in are empty for a caller with an API key; tokens of an older `generation` can
    become invalid together.
    """

    user_id: str
    email: str
    is_admin: bool
    token_id: str = ""
    sign_in_id: str = ""
    scopes: frozenset[str] = frozenset()
    generation: int = 0


@dataclass(frozen=True)
class KeyCheck:
    """Whose API key it is: `key` is None for one that is not valid, `user` on surfaces without users.

    `surface_has_keys` tells whether there ever was a key of the surface.
    """

    key: ApiKey | None
    surface_has_keys: bool
    user: User | None


@dataclass(frozen=True)
class SignedIn:
    """The tokens of a sign-in and whose it is."""

    tokens: TokenPair
    user: User


@dataclass(frozen=True)
class SettingsDocument:
    """Settings by their names; secrets only by their names. `update_time` is None if nothing was ever written."""

    values: Mapping[str, Json]
    secret_names: frozenset[str]
    update_time: Timestamp | None
