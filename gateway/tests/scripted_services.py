"""The services behind the assistant, scripted, on a real gRPC server of this process."""

import asyncio
import itertools

from scripted_speech import SttService, TtsService

from quintet.chat.v1 import chat_service_pb2 as chat
from quintet.chat.v1 import chat_service_pb2_grpc as chat_rpc
from quintet.media.v1.engine_pb2 import Engine
from quintet.session.v1 import session_service_pb2 as session
from quintet.session.v1 import session_service_pb2_grpc as session_rpc
from quintet.stt.v1 import stt_service_pb2 as stt
from quintet.stt.v1 import stt_service_pb2_grpc as stt_rpc
from quintet.tts.v1 import tts_service_pb2 as tts
from quintet.tts.v1 import tts_service_pb2_grpc as tts_rpc
from quintet.usage.v1 import usage_service_pb2 as usage
from quintet.usage.v1 import usage_service_pb2_grpc as usage_rpc
from quintet_errors import DomainError, Reason

EMBEDDED = Engine(name="grounded", kind=Engine.KIND_EMBEDDED, model="grounded-1", loaded=True)
REMOTE = Engine(name="provider", kind=Engine.KIND_REMOTE, model="gpt-4o", provider="openai", loaded=True)


class SessionService(session_rpc.SessionServiceServicer):
    """Keeps sessions in memory; `calls` names what was called in which order."""

    def __init__(self, calls):
        self.calls = calls
        self.kept = {}
        self.messages = {}
        self.appended = []
        self.may_append = asyncio.Event()
        self.may_append.set()
        self.failure = None
        self.listing_failure = None
        self.appending_failure = None
        self.may_list = asyncio.Event()
        self.may_list.set()
        self.listing = asyncio.Event()
        self._numbers = itertools.count(1)

    def put(self, session_id, owner, surface="aegis", count=0):
        scope = session.Scope(surface=surface, owner=owner)
        self.kept[session_id] = session.Session(session_id=session_id, scope=scope)
        self.messages[session_id] = []
        for number in range(count):
            self._add(session_id, session.Message(role=session.Message.ROLE_USER, content=f"m{number}"))

    def _add(self, session_id, message):
        stored = session.Message(message_id=message.message_id or f"id{next(self._numbers)}")
        stored.MergeFrom(message)
        stored.sequence = len(self.messages[session_id]) + 1
        self.messages[session_id].append(stored)
        self.kept[session_id].message_count = stored.sequence
        return stored

    def _find(self, request):
        if self.failure:
            raise self.failure
        found = self.kept.get(request.session_id)
        if found is None or found.scope != request.scope:
            raise DomainError(Reason.SESSION_NOT_FOUND, "Session not found", {})
        return found

    async def CreateSession(self, request, context):
        session_id = f"s{next(self._numbers)}"
        self.put(session_id, request.scope.owner, request.scope.surface)
        self.kept[session_id].title = request.title
        self.kept[session_id].attributes.update(request.attributes)
        return session.CreateSessionResponse(session=self.kept[session_id])

    async def GetSession(self, request, context):
        return session.GetSessionResponse(session=self._find(request))

    async def UpdateSession(self, request, context):
        found = self._find(request)
        for name, value in request.attributes.items():
            found.attributes[name] = value
            if not value:
                del found.attributes[name]
        return session.UpdateSessionResponse(session=found)

    async def ListSessions(self, request, context):
        mine = [one for one in self.kept.values() if one.scope == request.scope]
        start = int(request.page_token or request.offset)
        # Pages may be smaller than asked for.
        end = start + min(request.page_size or 100, 3)
        token = str(end) if end < len(mine) else ""
        return session.ListSessionsResponse(sessions=mine[start:end], next_page_token=token, total_count=len(mine))

    async def ListMessages(self, request, context):
        found = self._find(request)
        self.listing.set()
        await self.may_list.wait()
        if self.listing_failure:
            raise self.listing_failure
        messages = self.messages[request.session_id]
        if request.order == session.ListMessagesRequest.ORDER_NEWEST_FIRST:
            messages = messages[::-1]
        start = int(request.page_token or request.offset)
        end = start + min(request.page_size or 100, 4)
        token = str(end) if end < len(messages) else ""
        return session.ListMessagesResponse(messages=messages[start:end], next_page_token=token, session=found)

    async def AppendMessages(self, request, context):
        found = self._find(request)
        await self.may_append.wait()
        if self.appending_failure:
            raise self.appending_failure
        if request.title_if_first and not found.message_count:
            found.title = request.title_if_first
        found.attributes.update(request.attributes)
        stored = [self._add(request.session_id, message) for message in request.messages]
        self.calls.append(f"stored {session.Message.Role.Name(stored[0].role)}")
        return session.AppendMessagesResponse(messages=stored, session=found)

    async def GetMessage(self, request, context):
        for session_id, messages in self.messages.items():
            for message in messages:
                if message.message_id == request.message_id and self.kept[session_id].scope == request.scope:
                    return session.GetMessageResponse(message=message, session_id=session_id)
        raise DomainError(Reason.MESSAGE_NOT_FOUND, "Message not found", {})

    async def GetSessionOwner(self, request, context):
        found = self.kept.get(request.session_id)
        if found is None or found.scope.surface != request.surface:
            raise DomainError(Reason.SESSION_NOT_FOUND, "Session not found", {})
        return session.GetSessionOwnerResponse(scope=found.scope)

    async def CountSessions(self, request, context):
        count = sum(one.scope.surface == request.surface for one in self.kept.values())
        return session.CountSessionsResponse(session_count=count)


class ChatService(chat_rpc.ChatServiceServicer):
    """Says `deltas`, waits for `release`, and ends with `finished` or `failure`."""

    def __init__(self, calls):
        self.calls = calls
        self.engine = EMBEDDED
        self.models = ["grounded-1", "grounded-2"]
        self.deltas = ["It is ", "144."]
        self.finished = chat.ChatFinished(input_tokens=7, output_tokens=3)
        self.failure = None
        self.refusal = None
        self.release = asyncio.Event()
        self.release.set()
        self.stopped = asyncio.Event()
        self.requests = []
        self.asked = {"engine": 0, "models": 0}
        self.engine_failure = None

    async def StreamChat(self, request, context):
        self.requests.append(request)
        self.calls.append("asked")
        if self.refusal:
            raise self.refusal
        model = request.model or self.models[0]
        try:
            yield chat.StreamChatResponse(started=chat.ChatStarted(engine=self.engine.name, model=model))
            for delta in self.deltas:
                yield chat.StreamChatResponse(text_delta=delta)
            await self.release.wait()
            if self.failure:
                raise self.failure
            yield chat.StreamChatResponse(finished=self.finished)
        finally:
            self.stopped.set()

    async def ListModels(self, request, context):
        self.asked["models"] += 1
        models = [chat.Model(name=name, engine=self.engine.name) for name in self.models]
        start = int(request.page_token or 0)
        token = str(start + 1) if start + 1 < len(models) else ""
        return chat.ListModelsResponse(models=models[start : start + 1], next_page_token=token)

    async def GetEngine(self, request, context):
        self.asked["engine"] += 1
        if self.engine_failure:
            raise self.engine_failure
        return chat.GetEngineResponse(engine=self.engine)


class UsageService(usage_rpc.UsageServiceServicer):
    """Keeps the records of each call; `failures` are raised first, and `refused` names records that are bad."""

    def __init__(self):
        self.batches = []
        self.failures = []
        self.refused = set()
        self.attempts = 0
        self.release = asyncio.Event()
        self.release.set()
        self.summaries = []

    @property
    def records(self):
        return [record for batch in self.batches for record in batch]

    async def RecordUsage(self, request, context):
        self.attempts += 1
        await self.release.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.refused & {record.record_id for record in request.records}:
            raise DomainError(Reason.INVALID_ARGUMENT, "A record is bad.", {})
        self.batches.append(list(request.records))
        return usage.RecordUsageResponse()

    async def SummarizeUsage(self, request, context):
        self.summaries.append(request)
        return usage.SummarizeUsageResponse(groups=[usage.UsageSummary(model="grounded-1", call_count=2)])

    async def ListUsage(self, request, context):
        records = self.records[::-1]
        start = int(request.page_token or 0)
        end = start + min(request.page_size or 100, 2)
        token = str(end) if end < len(records) else ""
        return usage.ListUsageResponse(records=records[start:end], next_page_token=token)


class ScriptedServices:
    """All of them, to be registered with `quintet_testing.serve`."""

    def __init__(self):
        self.calls = []
        self.session = SessionService(self.calls)
        self.chat = ChatService(self.calls)
        self.usage = UsageService()
        self.stt = SttService()
        self.tts = TtsService()

    def register(self, server):
        session_rpc.add_SessionServiceServicer_to_server(self.session, server)
        chat_rpc.add_ChatServiceServicer_to_server(self.chat, server)
        usage_rpc.add_UsageServiceServicer_to_server(self.usage, server)
        stt_rpc.add_SttServiceServicer_to_server(self.stt, server)
        tts_rpc.add_TtsServiceServicer_to_server(self.tts, server)
        files = (
            (session, "SessionService"),
            (chat, "ChatService"),
            (usage, "UsageService"),
            (stt, "SttService"),
            (tts, "TtsService"),
        )
        return [file.DESCRIPTOR.services_by_name[name] for file, name in files]


class ScriptedPassages:
    """Finds `found`, or fails with `failure`."""

    def __init__(self):
        self.found = []
        self.failure = None
        self.asked = []
        self.is_filled = True

    async def passages(self, question):
        self.asked.append(question)
        if self.failure:
            raise self.failure
        return self.found

    async def has_documents(self):
        return self.is_filled


class ScriptedPrices:
    """Two dollars for a million tokens of anything."""

    def __init__(self):
        self.ready = asyncio.Event()
        self.may_tell = asyncio.Event()
        self.may_tell.set()

    async def get_ready(self):
        self.ready.set()

    async def cost_micro_usd(self, provider, model, input_tokens, output_tokens):
        await self.may_tell.wait()
        assert (provider, model) == ("openai", "gpt-4o")
        return 2 * (input_tokens + output_tokens)
