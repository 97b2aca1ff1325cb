"""quintet.session.v1 over a store."""

from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet_errors import DomainError
from quintet_rpc.context import Context
from quintet_session import page_tokens, validation
from quintet_session.event_validation import optional_event
from quintet_session.store import Append, MessageListing, SessionBounds, SessionListing, Store
from quintet_session.translate import from_message, to_message, to_scope, to_session
from quintet_session.webhook_store import EventRecord

# A page ends early rather than outgrow the largest gRPC message.
_LARGEST_PAGE_BYTES = 4 << 20


class SessionServicer(rpc.SessionServiceServicer):
    """Checks arguments, asks the store, and translates."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def CreateSession(self, request: pb.CreateSessionRequest, context: Context) -> pb.CreateSessionResponse:
        """Creates an empty session within the bounds of its owner."""
        bounds, event = _bounds(request), optional_event(request, "created_event")
        created = await self._store.create_session(
            validation.scope(request.scope),
            validation.title(request.title),
            validation.attributes(request.attributes),
            bounds=bounds,
            event=event,
        )
        self._tell(event, bounds.evicted_event)
        return pb.CreateSessionResponse(session=to_session(created.session), evicted_session_ids=created.evicted_ids)

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> pb.GetSessionResponse:
        """Returns one session."""
        scope = validation.scope(request.scope)
        session = await self._store.get_session(scope, validation.required(request.session_id, "session_id"))
        return pb.GetSessionResponse(session=to_session(session))

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        """Returns one page of an owner's sessions."""
        scope = validation.scope(request.scope)
        listing = ("sessions", scope.surface, scope.owner)
        page = await self._store.list_sessions(
            scope,
            SessionListing(
                limit=validation.page_size(request.page_size),
                max_bytes=_LARGEST_PAGE_BYTES,
                position=page_tokens.decode(request.page_token, *listing),
                offset=validation.offset(request.offset, request.page_token),
            ),
        )
        return pb.ListSessionsResponse(
            sessions=[to_session(session) for session in page.sessions],
            next_page_token=page_tokens.encode(page.next_position, *listing),
            total_count=page.total_count,
        )

    async def UpdateSession(self, request: pb.UpdateSessionRequest, context: Context) -> pb.UpdateSessionResponse:
        """Changes the title or the attributes of a session."""
        scope = validation.scope(request.scope)
        session_id = validation.required(request.session_id, "session_id")
        attributes = validation.attributes(request.attributes)
        title = None
        if request.title or not attributes:
            title = validation.required(request.title, "title", validation.LONGEST_TITLE)
        session = await self._store.update_session(scope, session_id, title, attributes)
        return pb.UpdateSessionResponse(session=to_session(session))

    async def DeleteSession(self, request: pb.DeleteSessionRequest, context: Context) -> pb.DeleteSessionResponse:
        """Deletes a session and its messages."""
        scope = validation.scope(request.scope)
        event = optional_event(request, "event")
        await self._store.delete_session(scope, validation.required(request.session_id, "session_id"), event)
        self._tell(event)
        return pb.DeleteSessionResponse()

    async def AppendMessages(self, request: pb.AppendMessagesRequest, context: Context) -> pb.AppendMessagesResponse:
        """Appends messages, all or none."""
        scope = validation.scope(request.scope)
        session_id = validation.required(request.session_id, "session_id")
        validation.contents(request.messages)
        append = Append(
            messages=tuple(from_message(message) for message in request.messages),
            idempotency_key=validation.required(request.idempotency_key, "idempotency_key", validation.LONGEST_KEY),
            title_if_first=validation.title(request.title_if_first, "title_if_first"),
            attributes=validation.attributes(request.attributes),
            event=optional_event(request, "event"),
        )
        appended = await self._store.append_messages(scope, session_id, append)
        self._tell(append.event)
        return pb.AppendMessagesResponse(
            messages=[to_message(message) for message in appended.messages], session=to_session(appended.session)
        )

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        """Returns one page of a session's messages."""
        scope = validation.scope(request.scope)
        session_id = validation.required(request.session_id, "session_id")
        newest_first = _newest_first(request)
        listing = ("messages", session_id, str(newest_first))
        page = await self._store.list_messages(
            scope,
            session_id,
            MessageListing(
                limit=validation.page_size(request.page_size),
                max_bytes=_LARGEST_PAGE_BYTES,
                position=page_tokens.decode(request.page_token, *listing),
                newest_first=newest_first,
                offset=validation.offset(request.offset, request.page_token),
            ),
        )
        return pb.ListMessagesResponse(
            messages=[to_message(message) for message in page.messages],
            next_page_token=page_tokens.encode(page.next_position, *listing),
            session=to_session(page.session),
        )

    async def GetMessage(self, request: pb.GetMessageRequest, context: Context) -> pb.GetMessageResponse:
        """Returns one message by the id that its writer gave it."""
        scope = validation.scope(request.scope)
        found = await self._store.get_message(scope, validation.required(request.message_id, "message_id"))
        return pb.GetMessageResponse(message=to_message(found.message), session_id=found.session_id)

    async def ClearMessages(self, request: pb.ClearMessagesRequest, context: Context) -> pb.ClearMessagesResponse:
        """Removes all messages of a session."""
        scope = validation.scope(request.scope)
        await self._store.clear_messages(scope, validation.required(request.session_id, "session_id"))
        return pb.ClearMessagesResponse()

    async def CountSessions(self, request: pb.CountSessionsRequest, context: Context) -> pb.CountSessionsResponse:
        """Counts the sessions of a surface."""
        surface = validation.required(request.surface, "surface", validation.LONGEST_SURFACE)
        return pb.CountSessionsResponse(session_count=await self._store.count_sessions(surface))

    async def GetSessionOwner(self, request: pb.GetSessionOwnerRequest, context: Context) -> pb.GetSessionOwnerResponse:
        """Tells who owns a session."""
        surface = validation.required(request.surface, "surface", validation.LONGEST_SURFACE)
        session_id = validation.required(request.session_id, "session_id")
        return pb.GetSessionOwnerResponse(scope=to_scope(await self._store.get_session_owner(surface, session_id)))

    def _tell(self, *stored: EventRecord | None) -> None:
        """Wakes who waits for deliveries if there may be some."""
        if any(stored):
            self._store.webhooks.notify()


def _bounds(request: pb.CreateSessionRequest) -> SessionBounds:
    return SessionBounds(
        reuse_newest=request.reuse_newest,
        max_sessions=validation.max_sessions(request.max_sessions),
        idle_us=validation.idle_us(request.idle_lifetime) if request.HasField("idle_lifetime") else None,
        evicted_event=optional_event(request, "evicted_event"),
    )


def _newest_first(request: pb.ListMessagesRequest) -> bool:
    if request.order not in pb.ListMessagesRequest.Order.values():
        raise _unknown_order()
    return request.order == pb.ListMessagesRequest.ORDER_NEWEST_FIRST


def _unknown_order() -> DomainError:
    return validation.invalid("order", "oldest first or newest first")
