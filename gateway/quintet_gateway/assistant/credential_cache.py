"""What one process knows about credentials, so that it need not ask for every request."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from quintet.identity.v1.identity_service_pb2 import (
    CredentialSnapshot,
    TokenRevocation,
    UserRevocation,
    WatchCredentialsResponse,
)
from quintet_gateway.assistant.identity_records import Caller, KeyCheck
from quintet_tokens import AccessClaims, TokenFormat, verify

# The service speaks twice a second; longer silence means that a revocation may have been missed.
_TRUSTED_S = 1.0
# Revocations outlive their tokens by this, so that a clock that is set back brings no token to life again.
_KEPT_S = 2 * 3600
# How long a revocation of our own is kept, until the service tells the token's real end.
_OWN_S = 24 * 3600
_PRUNED_AT = 1024


class KnownCredentials:
    """The key of access tokens and what is revoked, as the service's watch told it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._format: TokenFormat | None = None
        self._heard_at = float("-inf")
        self._ended_tokens: dict[str, float] = {}
        self._generations: dict[str, tuple[int, float]] = {}
        self._waiting: dict[asyncio.Future[None], Caller] = {}
        self._heard: set[asyncio.Future[None]] = set()
        self._pruned_at = _PRUNED_AT

    @property
    def fresh(self) -> bool:
        """Whether tokens may be judged by what is known."""
        return self._format is not None and self._clock() - self._heard_at < _TRUSTED_S

    def lose(self) -> None:
        """Notes that the watch has ended: nothing that is known may be trusted."""
        self._heard_at = float("-inf")

    def apply(self, event: WatchCredentialsResponse) -> None:
        """Takes in one event of the watch."""
        kind = event.WhichOneof("event")
        if kind == "snapshot":
            self._take_snapshot(event.snapshot)
        elif kind == "token_revoked":
            self._end_token(event.token_revoked)
        elif kind == "user_revoked":
            self._end_generations(event.user_revoked)
        if event.snapshot.more_follows:
            return
        self._heard_at = self._clock()
        if self._format is not None:
            for listener in self._heard:
                if not listener.done():
                    listener.set_result(None)
        if kind in {"snapshot", "token_revoked", "user_revoked"}:
            self._wake()

    async def heard(self) -> None:
        """Returns once the watch speaks again."""
        listener = asyncio.get_running_loop().create_future()
        self._heard.add(listener)
        try:
            await listener
        finally:
            self._heard.discard(listener)

    def claims(self, token: str) -> AccessClaims:
        """Returns what a valid token says; revocation is another question.

        Raises:
            DomainError: UNAUTHENTICATED.
        """
        assert self._format is not None  # noqa: S101 - callers ask only while it is fresh
        return verify(token, self._format)

    def is_revoked(self, caller: Caller) -> bool:
        """Tells whether the token of a caller was made invalid."""
        least, _ = self._generations.get(caller.user_id, (caller.generation, 0.0))
        return caller.token_id in self._ended_tokens or caller.generation < least

    def revoke(self, token_id: str) -> None:
        """Makes a token invalid here, ahead of the watch."""
        self._ended_tokens.setdefault(token_id, time.time() + _OWN_S)
        self._wake()

    async def revoked(self, caller: Caller) -> None:
        """Returns once the token of a caller is invalid."""
        if self.is_revoked(caller):
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = caller
        try:
            await waiter
        finally:
            del self._waiting[waiter]

    def _take_snapshot(self, snapshot: CredentialSnapshot) -> None:
        self._format = TokenFormat(snapshot.verification_key, snapshot.issuer, snapshot.audience)
        for token in snapshot.revoked_tokens:
            self._end_token(token)
        for user in snapshot.revoked_users:
            self._end_generations(user)

    def _end_token(self, revocation: TokenRevocation) -> None:
        self._ended_tokens[revocation.token_id] = revocation.expire_time.seconds
        self._prune()

    def _end_generations(self, revocation: UserRevocation) -> None:
        known, _ = self._generations.get(revocation.user_id, (0, 0.0))
        least = max(known, revocation.min_generation)
        self._generations[revocation.user_id] = (least, revocation.expire_time.seconds)
        self._prune()

    def _wake(self) -> None:
        for waiter, caller in self._waiting.items():
            if self.is_revoked(caller) and not waiter.done():
                waiter.set_result(None)

    def _prune(self) -> None:
        if len(self._ended_tokens) + len(self._generations) < self._pruned_at:
            return
        oldest = time.time() - _KEPT_S
        self._ended_tokens = {token: end for token, end in self._ended_tokens.items() if end > oldest}
        self._generations = {user: known for user, known in self._generations.items() if known[1] > oldest}
        self._pruned_at = max(_PRUNED_AT, 2 * (len(self._ended_tokens) + len(self._generations)))


@dataclass(frozen=True)
class _Remembered:
    check: KeyCheck
    until_epoch_s: float


_Place = tuple[str, bytes]


class ApiKeyCache:
    """Remembers checks of API keys by the digests of the secrets.

    Keys that are not valid have a place of their own, so that made-up ones push out nobody's key.
    """

    def __init__(self, valid: int = 4096, invalid: int = 1024, invalid_s: float = 60.0) -> None:
        self._sizes = (valid, invalid)
        self._invalid_s = invalid_s
        self._valid: OrderedDict[_Place, _Remembered] = OrderedDict()
        self._invalid: OrderedDict[_Place, _Remembered] = OrderedDict()
        self.changes = 0
        """Grows with everything that is forgotten; an answer that was asked for before a change is not remembered."""

    def find(self, surface: str, secret: str) -> KeyCheck | None:
        """Returns what is known of a key."""
        place = _place(surface, secret)
        for kept in (self._valid, self._invalid):
            known = kept.get(place)
            if known is not None and known.until_epoch_s > time.time():
                kept.move_to_end(place)
                return known.check
        return None

    def remember(self, surface: str, secret: str, check: KeyCheck, changes: int) -> None:
        """Keeps a check that was asked for when `changes` was the number of changes."""
        if changes != self.changes:
            return
        kept, size = (self._valid, self._sizes[0]) if check.key else (self._invalid, self._sizes[1])
        until = time.time() + self._invalid_s
        if check.key is not None:
            until = check.key.expire_time.ToNanoseconds() / 1e9 if check.key.HasField("expire_time") else float("inf")
        place = _place(surface, secret)
        kept[place] = _Remembered(check, until)
        kept.move_to_end(place)
        while len(kept) > size:
            kept.popitem(last=False)

    def apply(self, event: WatchCredentialsResponse) -> None:
        """Forgets what an event of the watch makes doubtful."""
        kind = event.WhichOneof("event")
        if kind == "snapshot":
            self._forget(lambda _surface, _check: True)
        elif kind == "api_keys_changed":
            self._forget(lambda surface, _check: surface == event.api_keys_changed.surface)
        elif kind == "user_revoked":
            user_id = event.user_revoked.user_id
            self._forget(lambda _surface, check: check.user is not None and check.user.user_id == user_id)

    def _forget(self, doubtful: Callable[[str, KeyCheck], bool]) -> None:
        self.changes += 1
        for kept in (self._valid, self._invalid):
            for place in [place for place, known in kept.items() if doubtful(place[0], known.check)]:
                del kept[place]


def _place(surface: str, secret: str) -> _Place:
    return surface, hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
