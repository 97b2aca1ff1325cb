"""Identity in memory: real tokens, real revocations, no service behind it."""

import asyncio
import itertools
import json
import time

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from quintet.identity.v1.identity_service_pb2 import ApiKey, TokenPair, User
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Caller, KeyCheck, SettingsDocument, SignedIn
from quintet_tokens import AccessClaims, TokenFormat, issue, verify

FORMAT = TokenFormat(b"k" * 64)
CREATED_AT = Timestamp(seconds=1_705_314_600)
PASSWORD = "secure_password"


def claims(user_id, email, *, token_id, is_admin=False, generation=0, issued_at=None, expires_at=None):
    now = int(time.time())
    return AccessClaims(user_id, email, is_admin, token_id, "si", generation, issued_at or now, expires_at or now + 900)


class ScriptedIdentity:
    def __init__(self):
        self.users = {}
        self.passwords = {}
        self.refresh_tokens = {}
        self.keys = {}
        self.had_keys = set()
        self.documents = {}
        self.secrets = {}
        self.ended = set()
        self.generations = {}
        self.failure = None
        self.sign_ins = []
        self.checks = 0
        self._changed = asyncio.Condition()
        self._numbers = itertools.count(1)

    def add(self, email="user@example.com", *, is_admin=False, password=PASSWORD, name=""):
        number = next(self._numbers)
        user = User(user_id=f"user_{number}", email=email, name=name or email.partition("@")[0], is_admin=is_admin)
        user.create_time.CopyFrom(CREATED_AT)
        user.update_time.CopyFrom(CREATED_AT)
        self.users[user.user_id], self.passwords[user.user_id] = user, password
        return user

    def token(self, user, **chosen):
        chosen.setdefault("token_id", f"t{next(self._numbers)}")
        chosen.setdefault("generation", self.generations.get(user.user_id, 0))
        return issue(claims(user.user_id, user.email, is_admin=user.is_admin, **chosen), FORMAT)

    def add_key(self, surface, secret, owner="", scopes=()):
        self.had_keys.add(surface)
        self.keys[surface, secret] = ApiKey(key_id="k", surface=surface, owner=owner, scopes=scopes)
        return secret

    async def revoke(self, user_id):
        async with self._changed:
            self.generations[user_id] = self.generations.get(user_id, 0) + 1
            self._changed.notify_all()

    async def verify_token(self, token):
        self._fail()
        said = verify(token, FORMAT)
        caller = Caller(
            said.user_id,
            said.email,
            said.is_admin,
            said.token_id,
            said.sign_in_id,
            generation=said.generation,
        )
        if self._is_revoked(caller):
            raise refusal()
        return caller

    async def confirm(self, caller):
        if self._is_revoked(caller):
            raise refusal()

    async def revoked(self, caller):
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_revoked(caller))

    def known_api_key(self, surface, secret):
        return None

    async def verify_api_key(self, surface, secret):
        self.checks += 1
        self._fail()
        key = self.keys.get((surface, secret))
        return KeyCheck(key, surface in self.had_keys, self.users.get(key.owner) if key else None)

    async def sign_in(self, email, password):
        self._fail()
        self.sign_ins.append(email)
        for user in self.users.values():
            if user.email.lower() == email.lower() and self.passwords[user.user_id] == password:
                return self._signed_in(user)
        raise refusal()

    async def refresh(self, refresh_token):
        self._fail()
        user_id = self.refresh_tokens.get(refresh_token)
        if user_id not in self.users:
            raise refusal()
        return self._signed_in(self.users[user_id], refresh_token)

    async def sign_out(self, user_id, token_id=""):
        self.refresh_tokens = {token: owner for token, owner in self.refresh_tokens.items() if owner != user_id}
        async with self._changed:
            self.ended.add(token_id)
            self._changed.notify_all()

    async def register(self, email, password, name=""):
        self._check_address("", email)
        return self._signed_in(self.add(email, password=password, name=name))

    async def user(self, user_id):
        self._fail()
        if user_id not in self.users:
            raise DomainError(Reason.USER_NOT_FOUND, "No such user.")
        return self.users[user_id]

    async def update_user(self, user_id, *, email=None, name=None, password=None, is_admin=None, kept_sign_in_id=""):
        user = await self.user(user_id)
        if email is not None:
            self._check_address(user_id, email)
        user.email, user.name = email or user.email, name or user.name
        if is_admin is not None:
            user.is_admin = is_admin
        if password is not None:
            self.passwords[user_id] = password
            await self.revoke(user_id)
        return user

    async def create_api_key(self, surface, owner, scopes=()):
        secret = self.add_key(surface, f"ql_{next(self._numbers)}", owner, scopes)
        self.keys[surface, secret].create_time.CopyFrom(CREATED_AT)
        return self.keys[surface, secret], secret

    async def settings(self, surface, subject):
        self._fail()
        values = self.documents.get((surface, subject), {})
        written = CREATED_AT if (surface, subject) in self.documents else None
        return SettingsDocument(dict(values), frozenset(self.secrets.get((surface, subject), {})), written)

    async def update_settings(self, surface, subject, values, secrets=None):
        document = self.documents.setdefault((surface, subject), {})
        document.update(json.loads(json.dumps(dict(values))))
        hidden = {**self.secrets.get((surface, subject), {}), **(secrets or {})}
        self.secrets[surface, subject] = {name: value for name, value in hidden.items() if value}
        return await self.settings(surface, subject)

    def _signed_in(self, user, refresh_token=""):
        refresh_token = refresh_token or f"refresh-{next(self._numbers)}"
        self.refresh_tokens[refresh_token] = user.user_id
        pair = TokenPair(
            access_token=self.token(user), refresh_token=refresh_token, access_token_lifetime=Duration(seconds=900)
        )
        return SignedIn(pair, user)

    def _check_address(self, user_id, email):
        if "@" not in email:
            raise DomainError(Reason.INVALID_ARGUMENT, "This is no e-mail address.", {"field": "email"})
        if any(user.email == email and user.user_id != user_id for user in self.users.values()):
            raise DomainError(Reason.EMAIL_TAKEN, "Somebody has this address.")

    def _is_revoked(self, caller):
        gone = caller.user_id not in self.users
        return gone or caller.token_id in self.ended or caller.generation < self.generations.get(caller.user_id, 0)

    def _fail(self):
        if self.failure:
            raise self.failure


def refusal():
    return DomainError(Reason.UNAUTHENTICATED, "The credential is not valid.")
