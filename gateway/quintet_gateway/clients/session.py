"""Client of quintet.session.v1."""

from collections.abc import Mapping

import grpc

from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet.session.v1.event_pb2 import Event
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import READ_DEADLINE_S, WRITE_DEADLINE_S


class SessionClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.SessionServiceStub(channel)

    async def create(self, request: pb.CreateSessionRequest) -> pb.CreateSessionResponse:
        """Creates an empty session, or finds the one that is to be used again."""
        return await call_unary(self._stub.CreateSession, request, deadline_s=WRITE_DEADLINE_S)

    async def get(self, scope: pb.Scope, session_id: str) -> pb.Session:
        """Returns one session."""
        request = pb.GetSessionRequest(scope=scope, session_id=session_id)
        return (await call_unary(self._stub.GetSession, request, deadline_s=READ_DEADLINE_S)).session

    async def set_attributes(self, scope: pb.Scope, session_id: str, attributes: Mapping[str, str]) -> pb.Session:
        """Sets attributes; an empty value removes one."""
        request = pb.UpdateSessionRequest(scope=scope, session_id=session_id, attributes=attributes)
        return (await call_unary(self._stub.UpdateSession, request, deadline_s=WRITE_DEADLINE_S)).session

    async def list_page(self, request: pb.ListSessionsRequest) -> pb.ListSessionsResponse:
        """Returns one page of the owner's sessions, the most recently updated first."""
        return await call_unary(self._stub.ListSessions, request, deadline_s=READ_DEADLINE_S)

    async def owner(self, surface: str, session_id: str) -> pb.Scope:
        """Tells who owns a session."""
        request = pb.GetSessionOwnerRequest(surface=surface, session_id=session_id)
        return (await call_unary(self._stub.GetSessionOwner, request, deadline_s=READ_DEADLINE_S)).scope

    async def count(self, surface: str) -> int:
        """Counts the sessions of all owners."""
        request = pb.CountSessionsRequest(surface=surface)
        return (await call_unary(self._stub.CountSessions, request, deadline_s=READ_DEADLINE_S)).session_count

    async def delete(self, scope: pb.Scope, session_id: str, event: Event | None = None) -> None:
        """Deletes a session and its messages, and tells webhooks of it."""
        request = pb.DeleteSessionRequest(scope=scope, session_id=session_id, event=event)
        await call_unary(self._stub.DeleteSession, request, deadline_s=WRITE_DEADLINE_S)

    async def clear(self, scope: pb.Scope, session_id: str) -> None:
        """Removes the messages of a session."""
        request = pb.ClearMessagesRequest(scope=scope, session_id=session_id)
        await call_unary(self._stub.ClearMessages, request, deadline_s=WRITE_DEADLINE_S)

    async def append(self, request: pb.AppendMessagesRequest) -> pb.AppendMessagesResponse:
        """Appends messages; safe to repeat with the same idempotency key."""
        return await call_unary(self._stub.AppendMessages, request, deadline_s=WRITE_DEADLINE_S)

    async def messages_page(self, request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        """Returns one page of a session's messages."""
        return await call_unary(self._stub.ListMessages, request, deadline_s=READ_DEADLINE_S)

    async def message(self, scope: pb.Scope, message_id: str) -> pb.GetMessageResponse:
        """Returns one message and its session's id."""
        request = pb.GetMessageRequest(scope=scope, message_id=message_id)
        return await call_unary(self._stub.GetMessage, request, deadline_s=READ_DEADLINE_S)
