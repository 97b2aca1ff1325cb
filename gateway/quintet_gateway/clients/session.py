"""Client of quintet.session.v1."""

import grpc

from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import READ_DEADLINE_S, WRITE_DEADLINE_S


class SessionClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.SessionServiceStub(channel)

    async def create(self, scope: pb.Scope, title: str) -> pb.Session:
        """Creates an empty session."""
        request = pb.CreateSessionRequest(scope=scope, title=title)
        return (await call_unary(self._stub.CreateSession, request, deadline_s=WRITE_DEADLINE_S)).session

    async def list_page(self, scope: pb.Scope, page_token: str, page_size: int) -> pb.ListSessionsResponse:
        """Returns one page of the owner's sessions, the most recently updated first."""
        request = pb.ListSessionsRequest(scope=scope, page_token=page_token, page_size=page_size)
        return await call_unary(self._stub.ListSessions, request, deadline_s=READ_DEADLINE_S)

    async def delete(self, scope: pb.Scope, session_id: str) -> None:
        """Deletes a session and its messages."""
        request = pb.DeleteSessionRequest(scope=scope, session_id=session_id)
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
