"""What the service needs from a database to know people: records, and the `IdentityStore` protocol over them.

All times are microseconds since 1970 (UTC). Every method raises DomainError: what its docstring names, STORAGE_FULL, or
STORAGE_FAILED.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

LONGEST_TOKEN_LIFETIME_S = 3600
"""The longest life of an access token that can be set."""
REVOCATION_KEPT_US = (LONGEST_TOKEN_LIFETIME_S + 60) * 1_000_000
"""How long stores keep a revocation, by the wall clock and by one that nobody sets: whatever the life of tokens was set
to, and however clocks differ, the tokens that it is about have ended by then."""


@dataclass(frozen=True)
class EmailAddress:
    """An e-mail address as it was written."""

    text: str

    @property
    def key(self) -> str:
        """The same text for every way to write the address in capital and small letters."""
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", self.text).casefold())


FIRST_GENERATION = 1
"""The generation of a new user's access tokens."""


@dataclass(frozen=True)
class UserRecord:
    """One person with an account; access tokens of an older `generation` are invalid."""

    user_id: str
    email: str
    name: str
    is_admin: bool
    generation: int
    create_us: int
    update_us: int


@dataclass(frozen=True)
class NewUser:
    """A user that is not stored yet."""

    user_id: str
    address: EmailAddress
    name: str
    is_admin: bool
    password_hash: str = field(repr=False)


@dataclass(frozen=True)
class UserChange:
    """What changes of a user; None stays as it is. A new password ends every sign-in but `kept_sign_in_id`."""

    address: EmailAddress | None = None
    name: str | None = None
    is_admin: bool | None = None
    password_hash: str | None = field(default=None, repr=False)
    kept_sign_in_id: str = ""


@dataclass(frozen=True)
class Credentials:
    """A user and the hash of the password."""

    user: UserRecord
    password_hash: str = field(repr=False)


@dataclass(frozen=True)
class UserPage:
    """A page of users; `next_position` is None on the last page."""

    users: tuple[UserRecord, ...]
    next_position: int | None


@dataclass(frozen=True)
class TokenRevocation:
    """Makes one access token invalid until it has ended by itself."""

    token_id: str
    expire_us: int


@dataclass(frozen=True)
class UserRevocation:
    """Makes the access tokens of a user invalid that are of a generation below `min_generation`."""

    user_id: str
    min_generation: int
    expire_us: int


@dataclass(frozen=True)
class Revocations:
    """Everything that is revoked now."""

    tokens: tuple[TokenRevocation, ...]
    users: tuple[UserRevocation, ...]


@dataclass(frozen=True)
class UserUpdate:
    """A user after a change, and the revocation that the change came with."""

    user: UserRecord
    revocation: UserRevocation | None


@dataclass(frozen=True)
class UserRemoval:
    """What the removal of a user took away: tokens, and API keys of these surfaces."""

    revocation: UserRevocation
    surfaces: tuple[str, ...]


@dataclass(frozen=True)
class NewSignIn:
    """A sign-in that is not stored yet; `generation` is the one that the password was checked against."""

    sign_in_id: str
    user_id: str
    generation: int
    lifetime_us: int
    token_hash: bytes = field(repr=False)


@dataclass(frozen=True)
class SignInRecord:
    """A sign-in that goes on, with its user."""

    sign_in_id: str
    user: UserRecord


@dataclass(frozen=True)
class NewApiKey:
    """An API key that is not stored yet."""

    key_id: str
    surface: str
    owner: str
    prefix: str
    scopes: tuple[str, ...]
    expire_us: int | None
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True)
class ApiKeyRecord:
    """One API key; `prefix` are its first characters, no scopes mean all."""

    key_id: str
    surface: str
    owner: str
    prefix: str
    scopes: tuple[str, ...]
    create_us: int
    expire_us: int | None
    revoke_us: int | None


@dataclass(frozen=True)
class ApiKeyPage:
    """A page of API keys; `next_position` is None on the last page."""

    keys: tuple[ApiKeyRecord, ...]
    next_position: int | None


@dataclass(frozen=True)
class ApiKeyCheck:
    """What is known of a secret: its valid key, whether the surface ever had a key, the user whose id is the owner."""

    key: ApiKeyRecord | None
    surface_has_keys: bool
    user: UserRecord | None


@dataclass(frozen=True)
class SettingsKey:
    """Names one settings document."""

    surface: str
    subject: str


@dataclass(frozen=True)
class SettingsChange:
    """What changes of a settings document: values and sealed secrets to set, or (None) to remove."""

    values: Mapping[str, str | None]
    secrets: Mapping[str, bytes | None] = field(repr=False)


@dataclass(frozen=True)
class SettingsLimits:
    """How much one settings document may hold."""

    entries: int
    value_bytes: int


@dataclass(frozen=True)
class SettingsRecord:
    """A settings document without its secrets; `update_us` None means that it was never written."""

    values: Mapping[str, str]
    secret_names: tuple[str, ...]
    update_us: int | None


class UserStore(Protocol):
    """Keeps users. Methods with a `user_id` raise USER_NOT_FOUND."""

    async def create_user(self, user: NewUser, sign_in: NewSignIn | None = None) -> UserRecord:
        """Stores a user, together with a sign-in of the user if there is one, or raises EMAIL_TAKEN."""

    async def get_user(self, user_id: str) -> UserRecord:
        """Returns one user."""

    async def find_user(self, address: EmailAddress) -> UserRecord:
        """Returns the user with an address, or raises USER_NOT_FOUND."""

    async def credentials(self, address: EmailAddress) -> Credentials | None:
        """Returns what a password is checked against; None if nobody has the address."""

    async def list_users(self, limit: int, position: int | None = None) -> UserPage:
        """Lists the users behind `position`, the first created first."""

    async def update_user(self, user_id: str, change: UserChange) -> UserUpdate:
        """Changes a user; another password or right revokes all tokens of the user.

        Raises:
            DomainError: EMAIL_TAKEN, or PERMISSION_DENIED if no administrator would be left.
        """

    async def delete_user(self, user_id: str) -> UserRemoval:
        """Removes a user with tokens, sign-ins and settings, and revokes the API keys.

        Raises:
            DomainError: PERMISSION_DENIED for the last administrator.
        """

    async def has_admin(self) -> bool:
        """Tells whether there is any administrator."""

    async def replace_password_hash(self, user_id: str, old: str, new: str) -> None:
        """Puts another hash of the same password in the place of `old`; does nothing if that changed meanwhile."""


class SignInStore(Protocol):
    """Keeps sign-ins and what is revoked."""

    async def begin_sign_in(self, sign_in: NewSignIn) -> UserRecord | None:
        """Stores a sign-in and returns its user; None, and nothing stored, if the user's generation has changed."""

    async def find_sign_in(self, token_hash: bytes) -> SignInRecord | None:
        """Returns the sign-in of a refresh token, None if it is unknown or has expired."""

    async def end_sign_ins(self, user_id: str, token_id: str) -> TokenRevocation | None:
        """Ends all sign-ins of a user, and revokes one access token unless `token_id` is empty."""

    async def revocations(self) -> Revocations:
        """Returns everything that is revoked, also what the clock says has expired until it is purged."""

    async def is_revoked(self, token_id: str, user_id: str, generation: int) -> bool:
        """Tells whether an access token was revoked; one of a user who does not exist was."""

    async def purge_step(self) -> bool:
        """Removes a little of what has expired, and tells whether there was anything."""


class ApiKeyStore(Protocol):
    """Keeps API keys."""

    async def create_api_key(self, key: NewApiKey, *, owner_is_user: bool) -> ApiKeyRecord:
        """Stores a key; raises USER_NOT_FOUND if the owner must be a user and is none."""

    async def list_api_keys(self, surface: str, limit: int, position: int | None = None, owner: str = "") -> ApiKeyPage:
        """Lists the keys behind `position`, the newest first; of all owners if `owner` is empty."""

    async def revoke_api_key(self, surface: str, id_or_prefix: str) -> ApiKeyRecord:
        """Revokes a key; a revoked one stays as it is.

        Raises:
            DomainError: API_KEY_NOT_FOUND, or INVALID_ARGUMENT if several keys have the prefix.
        """

    async def check_api_key(self, surface: str, secret_hash: bytes) -> ApiKeyCheck:
        """Finds out whose key it is."""


class SettingsStore(Protocol):
    """Keeps settings documents."""

    async def get_settings(self, key: SettingsKey) -> SettingsRecord:
        """Returns a document, an empty one if it was never written."""

    async def update_settings(self, key: SettingsKey, change: SettingsChange, limits: SettingsLimits) -> SettingsRecord:
        """Changes a document; raises PAYLOAD_TOO_LARGE if it would outgrow the limits."""


class IdentityStore(UserStore, SignInStore, ApiKeyStore, SettingsStore, Protocol):
    """Everything that is known of people."""
