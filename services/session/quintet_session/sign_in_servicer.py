"""The methods of quintet.identity.v1 about sign-ins and their tokens."""

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_errors import DomainError
from quintet_observability import get_logger
from quintet_rpc.context import Context
from quintet_session import identity_validation, validation
from quintet_session.access_tokens import digest, wrong_password
from quintet_session.identity import Identity
from quintet_session.identity_store import Credentials, EmailAddress
from quintet_session.identity_translate import to_claims, to_user, token_revoked
from quintet_tokens import refusal

_log = get_logger(__name__)


class SignInMethods:
    """Signs people in, keeps them signed in, and signs them out."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        """Checks a password and begins a sign-in."""
        email = validation.required(request.email, "email")
        password = identity_validation.given(request.password, "password")
        checked = await self._check(email, password)
        sign_in, refresh_token = self._identity.new_sign_in(checked.user.user_id, checked.user.generation)
        user = await self._identity.store.begin_sign_in(sign_in)
        if user is None:
            # The password was changed while the old one was checked.
            raise wrong_password()
        _log.info("signed_in", user_id=user.user_id)
        tokens = self._identity.tokens.pair(user, sign_in.sign_in_id, refresh_token)
        return pb.SignInResponse(tokens=tokens, user=to_user(user))

    async def RefreshSignIn(self, request: pb.RefreshSignInRequest, context: Context) -> pb.RefreshSignInResponse:
        """Returns a new access token."""
        refresh_token = validation.required(request.refresh_token, "refresh_token")
        found = await self._identity.store.find_sign_in(digest(refresh_token))
        if found is None:
            raise refusal()
        tokens = self._identity.tokens.pair(found.user, found.sign_in_id, refresh_token)
        return pb.RefreshSignInResponse(tokens=tokens, user=to_user(found.user))

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        """Ends all sign-ins of a user; a user who is gone has none."""
        user_id = validation.required(request.user_id, "user_id")
        token_id = request.token_id
        if len(token_id) > identity_validation.LONGEST_ID:
            raise validation.invalid("token_id", f"at most {identity_validation.LONGEST_ID} characters long")
        await self._identity.watch.change(
            self._identity.store.end_sign_ins(user_id, token_id),
            lambda revocation: [] if revocation is None else [token_revoked(revocation)],
        )
        _log.info("signed_out", user_id=user_id)
        return pb.SignOutResponse()

    async def VerifyAccessToken(
        self, request: pb.VerifyAccessTokenRequest, context: Context
    ) -> pb.VerifyAccessTokenResponse:
        """Checks the signature, the times and the revocations."""
        claims = self._identity.tokens.verify(validation.required(request.access_token, "access_token"))
        if await self._identity.store.is_revoked(claims.token_id, claims.user_id, claims.generation):
            raise refusal()
        return pb.VerifyAccessTokenResponse(claims=to_claims(claims))

    async def _check(self, email: str, password: str) -> Credentials:
        """Returns the account that the password opens, or raises the one error; both ways take the same time."""
        if len(email) > identity_validation.LONGEST_EMAIL or len(password) > identity_validation.LONGEST_PASSWORD:
            raise _failed("")
        found = await self._identity.store.credentials(EmailAddress(email))
        right = await self._identity.passwords.verify(found.password_hash if found else None, password)
        if found is None or not right:
            raise _failed(found.user.user_id if found else "")
        if self._identity.passwords.is_outdated(found.password_hash):
            await self._rehash(found, password)
        return found

    async def _rehash(self, found: Credentials, password: str) -> None:
        try:
            new_hash = await self._identity.passwords.hash(password)
            await self._identity.store.replace_password_hash(found.user.user_id, found.password_hash, new_hash)
        except DomainError as error:
            # The next sign-in tries again.
            _log.warning("rehash_failed", user_id=found.user.user_id, reason=error.reason.value)


def _failed(user_id: str) -> DomainError:
    _log.warning("sign_in_failed", user_id=user_id)
    return wrong_password()
