"""Client of quintet.identity.v1."""

from collections.abc import AsyncGenerator, Mapping, Sequence

import grpc

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.channel import READ_DEADLINE_S, WRITE_DEADLINE_S

# A watch goes on for ever; opening it anew now and then spreads the watchers over the replicas of the service.
_WATCH_S = 3600.0


class IdentityClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.IdentityServiceStub(channel)

    async def register(self, email: str, password: str, name: str) -> pb.CreateUserResponse:
        """Creates a user who is signed in and no administrator."""
        request = pb.CreateUserRequest(email=email, password=password, name=name, sign_in=True)
        return await call_unary(self._stub.CreateUser, request, deadline_s=WRITE_DEADLINE_S)

    async def user(self, user_id: str) -> pb.User:
        """Returns one user."""
        request = pb.GetUserRequest(user_id=user_id)
        return (await call_unary(self._stub.GetUser, request, deadline_s=READ_DEADLINE_S)).user

    async def update_user(self, request: pb.UpdateUserRequest) -> pb.User:
        """Changes the fields that are set."""
        return (await call_unary(self._stub.UpdateUser, request, deadline_s=WRITE_DEADLINE_S)).user

    async def sign_in(self, email: str, password: str) -> pb.SignInResponse:
        """Checks a password and begins a sign-in."""
        request = pb.SignInRequest(email=email, password=password)
        return await call_unary(self._stub.SignIn, request, deadline_s=WRITE_DEADLINE_S)

    async def refresh(self, refresh_token: str) -> pb.RefreshSignInResponse:
        """Returns a new access token of a sign-in."""
        request = pb.RefreshSignInRequest(refresh_token=refresh_token)
        return await call_unary(self._stub.RefreshSignIn, request, deadline_s=WRITE_DEADLINE_S)

    async def sign_out(self, user_id: str, token_id: str) -> None:
        """Ends all sign-ins of a user, and makes one access token invalid."""
        request = pb.SignOutRequest(user_id=user_id, token_id=token_id)
        await call_unary(self._stub.SignOut, request, deadline_s=WRITE_DEADLINE_S)

    async def verify_access_token(self, token: str) -> pb.AccessClaims:
        """Lets the service check an access token."""
        request = pb.VerifyAccessTokenRequest(access_token=token)
        return (await call_unary(self._stub.VerifyAccessToken, request, deadline_s=READ_DEADLINE_S)).claims

    async def create_api_key(self, surface: str, owner: str, scopes: Sequence[str]) -> pb.CreateApiKeyResponse:
        """Creates an API key."""
        request = pb.CreateApiKeyRequest(surface=surface, owner=owner, scopes=scopes)
        return await call_unary(self._stub.CreateApiKey, request, deadline_s=WRITE_DEADLINE_S)

    async def verify_api_key(self, surface: str, secret: str) -> pb.VerifyApiKeyResponse:
        """Finds out whose API key it is."""
        request = pb.VerifyApiKeyRequest(surface=surface, secret=secret)
        return await call_unary(self._stub.VerifyApiKey, request, deadline_s=READ_DEADLINE_S)

    async def settings(self, surface: str, subject: str) -> pb.Settings:
        """Returns a settings document."""
        request = pb.GetSettingsRequest(key=pb.SettingsKey(surface=surface, subject=subject))
        return (await call_unary(self._stub.GetSettings, request, deadline_s=READ_DEADLINE_S)).settings

    async def update_settings(
        self, surface: str, subject: str, values: Mapping[str, str], secrets: Mapping[str, str]
    ) -> pb.Settings:
        """Changes some values of a settings document; values are JSON texts."""
        key = pb.SettingsKey(surface=surface, subject=subject)
        request = pb.UpdateSettingsRequest(key=key, values=values, secrets=secrets)
        return (await call_unary(self._stub.UpdateSettings, request, deadline_s=WRITE_DEADLINE_S)).settings

    def watch(self) -> AsyncGenerator[pb.WatchCredentialsResponse, None]:
        """Yields what a verifier of credentials must know; it ends after an hour and is to be opened again."""
        return call_stream(self._stub.WatchCredentials, pb.WatchCredentialsRequest(), deadline_s=_WATCH_S)
