"""quintet.identity.v1 over a store."""

from collections.abc import AsyncIterator

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_rpc.context import Context
from quintet_rpc.request_context import shutting_down
from quintet_session.api_key_servicer import ApiKeyMethods
from quintet_session.credential_watch import HEARTBEAT_S
from quintet_session.identity import Identity
from quintet_session.identity_translate import to_snapshots
from quintet_session.settings_servicer import SettingsMethods
from quintet_session.sign_in_servicer import SignInMethods
from quintet_session.user_servicer import UserMethods

_HEARTBEAT = pb.WatchCredentialsResponse(heartbeat=pb.Heartbeat())


class IdentityServicer(UserMethods, SignInMethods, ApiKeyMethods, SettingsMethods, rpc.IdentityServiceServicer):
    """All methods; each subject has a class of its own."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._identity = identity

    async def WatchCredentials(
        self, request: pb.WatchCredentialsRequest, context: Context
    ) -> AsyncIterator[pb.WatchCredentialsResponse]:
        """Sends all that is known, then what happens, until the caller or this process ends it."""
        # Watched before the snapshot is taken: what happens in between is told twice rather than never.
        with self._identity.watch.watch() as watcher:
            revocations = await self._identity.store.revocations()
            for part in to_snapshots(self._identity.tokens.format, revocations):
                yield pb.WatchCredentialsResponse(snapshot=part)
            while not shutting_down.is_set():
                yield await watcher.next(HEARTBEAT_S) or _HEARTBEAT
