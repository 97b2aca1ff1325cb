"""The methods of quintet.identity.v1 about users."""

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_observability import get_logger
from quintet_rpc.context import Context
from quintet_session import identity_validation, page_tokens, validation
from quintet_session.identity import Identity, default_name
from quintet_session.identity_store import UserChange
from quintet_session.identity_translate import api_keys_changed, to_user, user_revoked

_log = get_logger(__name__)
_LISTING = "users"


class UserMethods:
    """Creates, finds, changes and deletes users."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def CreateUser(self, request: pb.CreateUserRequest, context: Context) -> pb.CreateUserResponse:
        """Creates a user, signed in if that is asked for."""
        address = identity_validation.email(request.email)
        password = identity_validation.new_password(request.password)
        name = identity_validation.name(request.name or default_name(address))
        if not request.sign_in:
            user = await self._identity.add_user(address, password, name, is_admin=request.is_admin)
            return pb.CreateUserResponse(user=to_user(user))
        user, tokens = await self._identity.register(address, password, name, is_admin=request.is_admin)
        return pb.CreateUserResponse(user=to_user(user), tokens=tokens)

    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.GetUserResponse:
        """Returns one user."""
        if request.WhichOneof("user") == "email":
            user = await self._identity.store.find_user(identity_validation.email(request.email))
        else:
            user = await self._identity.store.get_user(validation.required(request.user_id, "user_id"))
        return pb.GetUserResponse(user=to_user(user))

    async def ListUsers(self, request: pb.ListUsersRequest, context: Context) -> pb.ListUsersResponse:
        """Returns one page of users."""
        position = page_tokens.decode(request.page_token, _LISTING)
        page = await self._identity.store.list_users(validation.page_size(request.page_size), position)
        return pb.ListUsersResponse(
            users=[to_user(user) for user in page.users],
            next_page_token=page_tokens.encode(page.next_position, _LISTING),
        )

    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Context) -> pb.UpdateUserResponse:
        """Changes a user, and tells verifiers if that makes tokens invalid."""
        user_id = validation.required(request.user_id, "user_id")
        change = await self._change(request)
        updated = await self._identity.watch.change(
            self._identity.store.update_user(user_id, change),
            lambda update: [] if update.revocation is None else [user_revoked(update.revocation)],
        )
        _log.info("user_updated", user_id=user_id, tokens_revoked=updated.revocation is not None)
        return pb.UpdateUserResponse(user=to_user(updated.user))

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Context) -> pb.DeleteUserResponse:
        """Deletes a user."""
        user_id = validation.required(request.user_id, "user_id")
        await self._identity.watch.change(
            self._identity.store.delete_user(user_id),
            lambda removal: [user_revoked(removal.revocation), *map(api_keys_changed, removal.surfaces)],
        )
        _log.info("user_deleted", user_id=user_id)
        return pb.DeleteUserResponse()

    async def _change(self, request: pb.UpdateUserRequest) -> UserChange:
        # Everything is checked before the password is hashed, which is what takes time.
        address = identity_validation.email(request.email) if request.HasField("email") else None
        name = identity_validation.name(request.name) if request.HasField("name") else None
        password_hash = None
        if request.HasField("password"):
            password = identity_validation.new_password(request.password)
            await self._identity.store.get_user(request.user_id)
            password_hash = await self._identity.passwords.hash(password)
        return UserChange(
            address=address,
            name=name,
            is_admin=request.is_admin if request.HasField("is_admin") else None,
            password_hash=password_hash,
            kept_sign_in_id=request.kept_sign_in_id,
        )
