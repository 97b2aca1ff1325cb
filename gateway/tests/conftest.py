"""A scripted assistant in memory, and the real application around it on a loopback port."""

import asyncio
import itertools
import sys
import time
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from google.protobuf.timestamp_pb2 import Timestamp

from quintet.jobs.v1.job_service_pb2 import Job, JobError
from quintet.media.v1.engine_pb2 import Engine, Limitation
from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_errors import DomainError, Reason
from quintet_gateway.app import build_app
from quintet_gateway.assistant import Created, LocalEventHub, Outcome, ServiceHealth
from quintet_gateway.settings import GatewaySettings
from quintet_testing import eventually

# Test modules are imported by their paths, so that the module beside them has to be made findable.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("aegis_requests", "nexus_requests", "omni_requests", "sight_requests")

from scripted_identity import ScriptedIdentity  # noqa: E402 - findable from here on
from scripted_looks import ScriptedLooks  # noqa: E402
from scripted_voice import ScriptedVoice  # noqa: E402
from scripted_webhooks import ScriptedWebhooks  # noqa: E402

WRITTEN_AT = Timestamp(seconds=1705314600, nanos=999_000_000)


class ScriptedSessions:
    def __init__(self):
        self.kept = {}
        self.told = []
        self.failure = None
        numbers = itertools.count(1)
        self.new_id = lambda: f"s{next(numbers)}"

    async def create_within(self, owner, bounds, title="", attributes=None, event=None):
        if bounds.only_one and (mine := await self.list_all(owner)):
            return Created(mine[-1], ())
        session = await self.create(owner, title, attributes)
        mine = [key for key in self.kept if key[0] == owner]
        evicted = [key for _, key in mine[: -bounds.most]] if bounds.most else []
        self._tell(session.session_id, event)
        for session_id in evicted:
            await self.delete(owner, session_id, bounds.evicted)
        return Created(session, tuple(evicted))

    async def create(self, owner, title, attributes=None):
        self._fail()
        scope = owner.scope()
        session = Session(session_id=self.new_id(), scope=scope, title=title, attributes=attributes)
        session.create_time.CopyFrom(WRITTEN_AT)
        session.update_time.CopyFrom(WRITTEN_AT)
        self.kept[owner, session.session_id] = (session, [])
        return session

    async def list_all(self, owner):
        self._fail()
        return [session for (whose, _), (session, _) in self.kept.items() if whose == owner]

    async def get(self, owner, session_id):
        return self._find(owner, session_id)[0]

    async def page(self, owner, limit, offset=0):
        newest = list(reversed(await self.list_all(owner)))
        return newest[offset : offset + limit], len(newest)

    async def messages(self, owner, session_id):
        return self._find(owner, session_id)

    async def messages_page(self, owner, session_id, limit, offset=0):
        session, messages = self._find(owner, session_id)
        return session, messages[offset : offset + limit]

    async def message(self, owner, message_id):
        self._fail()
        mine = (messages for (whose, _), (_, messages) in self.kept.items() if whose == owner)
        for message in itertools.chain.from_iterable(mine):
            if message.message_id == message_id:
                return message
        raise DomainError(Reason.MESSAGE_NOT_FOUND, "Message not found", {"messageId": message_id})

    async def owner_of(self, surface, session_id):
        self._fail()
        for owner, key in self.kept:
            if (owner.surface, key) == (surface, session_id):
                return owner
        raise DomainError(Reason.SESSION_NOT_FOUND, "Session not found", {"sessionId": session_id})

    async def set_attributes(self, owner, session_id, attributes):
        session = self._find(owner, session_id)[0]
        kept = {**session.attributes, **attributes}
        session.attributes.clear()
        session.attributes.update({name: value for name, value in kept.items() if value})
        return session

    async def count(self, surface):
        self._fail()
        return sum(owner.surface == surface for owner, _ in self.kept)

    async def delete(self, owner, session_id, event=None):
        self._find(owner, session_id)
        del self.kept[owner, session_id]
        self._tell(session_id, event)

    async def clear(self, owner, session_id):
        session, messages = self._find(owner, session_id)
        messages.clear()
        session.message_count = 0

    def _tell(self, session_id, event):
        if event is not None:
            self.told.append((session_id, event))

    def _find(self, owner, session_id):
        self._fail()
        try:
            return self.kept[owner, session_id]
        except KeyError:
            raise DomainError(Reason.SESSION_NOT_FOUND, "Session not found", {"sessionId": session_id}) from None

    def _fail(self):
        if self.failure:
            raise self.failure


class ScriptedChat:
    """Says `deltas`, then waits for `release` if it is held, then fails with `failure` if there is one."""

    def __init__(self, sessions):
        self._sessions = sessions
        self.deltas = ["It is ", "144."]
        self.refusal = None
        self.failure = None
        self.release = asyncio.Event()
        self.release.set()
        self.asked = []
        self.asks = []
        self.told = []
        self.said = asyncio.Event()
        self.closed = asyncio.Event()
        self.running = 0

    async def begin(self, ask):
        """Stores the question as the real one does; the turn plays the script."""
        self.asks.append(ask)
        if self.refusal:
            raise self.refusal
        session = question = None
        try:
            session = await self._sessions.get(ask.owner, ask.session_id)
        except DomainError as error:
            if ask.must_exist or error.reason is not Reason.SESSION_NOT_FOUND:
                raise
        if session is not None:
            if ask.title and not session.message_count:
                session.title = ask.title
            if not ask.kept_by_caller:
                question = self.keep(ask.owner, session, Message.ROLE_USER, ask.text, ask.question_id)
        return ScriptedTurn(self, ask, session, question)

    def keep(self, owner, session, role, text, message_id):
        messages = self._sessions.kept[owner, session.session_id][1]
        number = len(messages) + 1
        message_id = message_id or f"{session.session_id}-m{number}"
        message = Message(message_id=message_id, sequence=number, role=role, content=text, create_time=WRITTEN_AT)
        messages.append(message)
        session.message_count = len(messages)
        return message

    def is_kept(self, owner, session):
        return (owner, session.session_id) in self._sessions.kept

    async def answer(self, owner, session_id, text):
        self.asked.append((owner, session_id, text))
        self.running += 1
        try:
            for delta in self.deltas:
                yield delta
            self.said.set()
            await self.release.wait()
            if self.failure:
                raise self.failure
            self._remember(owner, session_id, text)
        finally:
            self.running -= 1
            self.closed.set()

    def _remember(self, owner, session_id, text):
        if (owner, session_id) in self._sessions.kept:
            session, messages = self._sessions.kept[owner, session_id]
            for role, content in ((Message.ROLE_USER, text), (Message.ROLE_ASSISTANT, "".join(self.deltas))):
                messages.append(Message(role=role, content=content, create_time=WRITTEN_AT))
            session.message_count = len(messages)


class ScriptedTurn:
    """Says what its `chat` says, and is told and stored as a real turn."""

    engine, model = "scripted", "scripted-1"

    def __init__(self, chat, ask, session, question):
        self._chat = chat
        self._ask = ask
        self.session = session
        self.question = question
        self.answer = None
        self.outcome = None
        self.text = ""

    async def deltas(self):
        self._chat.running += 1
        try:
            for delta in self._chat.deltas:
                self.text += delta
                yield delta
            self._chat.said.set()
            await self._chat.release.wait()
            if self._chat.failure:
                raise self._chat.failure
            self._finish()
        finally:
            self._chat.running -= 1
            self._chat.closed.set()

    def is_last(self, text):
        return text == "".join(self._chat.deltas)

    async def keep(self, said, event=None, attributes=None):
        if self.session is None or not self._chat.is_kept(self._ask.owner, self.session):
            return
        for role, text in ((Message.ROLE_USER, self._ask.text), (Message.ROLE_ASSISTANT, said)):
            if text:
                kept = self._chat.keep(self._ask.owner, self.session, role, text, "")
                kept.attributes.update(self._ask.question_attributes if role == Message.ROLE_USER else {})
        self.session.attributes.update(attributes or {})
        if event is not None:
            self._chat.told.append((self.session.session_id, event))

    def _finish(self):
        self.outcome = Outcome(12, 5, cost_usd=0.0, response_s=0.25, first_text_s=0.05, estimated=False)
        if self._ask.kept_by_caller:
            return
        if self.session is not None and self._chat.is_kept(self._ask.owner, self.session):
            self.answer = self._chat.keep(
                self._ask.owner, self.session, Message.ROLE_ASSISTANT, self.text, self._ask.answer_id
            )
            made_by = {"provider": "scripted", "answer_model": self.model, "last_response_ms": "250.0"}
            self.session.attributes.update(made_by)


class ScriptedJobs:
    def __init__(self):
        self.kept = {}
        self.inputs = {}
        self.results = {}
        self.failure = None
        self.aborted = 0
        self._numbers = itertools.count(1)

    async def accept(self, owner, task, id_prefix, upload=None):
        data = bytearray()
        try:
            if upload is not None:
                async for chunk in upload:
                    assert len(chunk) <= 64 << 10
                    data += chunk
        except BaseException:
            self.aborted += 1
            raise
        if self.failure:
            raise self.failure
        job = Job(job_id=f"{id_prefix}_{next(self._numbers)}", task=task, state=Job.STATE_QUEUED)
        job.create_time.CopyFrom(WRITTEN_AT)
        self.kept[owner, job.job_id] = job
        self.inputs[job.job_id] = bytes(data)
        return job

    def finish(self, job_id, result):
        job = self._job(job_id)
        job.state, job.progress_percent = Job.STATE_COMPLETED, 100
        job.finish_time.CopyFrom(WRITTEN_AT)
        self.results[job_id] = result

    def fail(self, job_id, reason, message):
        job = self._job(job_id)
        job.state, job.progress_percent = Job.STATE_FAILED, 40
        job.finish_time.CopyFrom(WRITTEN_AT)
        job.error.CopyFrom(JobError(reason=reason, message=message))

    def _job(self, job_id):
        return next(job for (_, key), job in self.kept.items() if key == job_id)

    async def get(self, owner, job_id):
        if self.failure:
            raise self.failure
        if (owner, job_id) not in self.kept:
            raise DomainError(Reason.JOB_NOT_FOUND, "Job not found", {"jobId": job_id})
        return self.kept[owner, job_id]

    async def result(self, owner, job_id):
        return self.results[job_id]


class ScriptedHealth:
    def __init__(self):
        engine = Engine(name="scripted", kind=Engine.KIND_SCRIPTED, loaded=True)
        engine.limitations.append(Limitation(subject="all", explanation="It repeats a script."))
        self.known = {"session": ServiceHealth(serving=True, engine=None)}
        self.known |= {name: ServiceHealth(serving=True, engine=engine) for name in ("llm", "vision", "stt", "tts")}

    async def services(self):
        return self.known


class ScriptedAssistant:
    def __init__(self):
        self.sessions = ScriptedSessions()
        self.chat = ScriptedChat(self.sessions)
        self.jobs = ScriptedJobs()
        self.health = ScriptedHealth()
        self.identity = ScriptedIdentity()
        self.events = LocalEventHub()
        self.voice = ScriptedVoice(self.chat)
        self.looks = ScriptedLooks(self.voice)
        self.webhooks = ScriptedWebhooks()


@pytest.fixture
async def assistant():
    return ScriptedAssistant()


async def a_minute_has_time_left():
    """Windows follow the clock, and one that turns in the middle of a test gives some of the allowance back."""
    return time.time() % 60 < 55


@pytest.fixture
async def start(assistant, tmp_path):
    """Starts the application with settings; returns a client that speaks to it by HTTP."""
    clients = []

    async def start(**settings):
        settings = {"limits": "off", "data_dir": tmp_path, **settings}
        if settings["limits"] == "documented":
            await eventually(a_minute_has_time_left, within_s=10)
        app = build_app(GatewaySettings(**settings), assistant)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server(access_log=None)
        client = TestClient(server)
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def client(start):
    return await start()


@pytest.fixture
def send_raw():
    """Sends bytes to a client's server and returns everything that comes back until the connection ends."""

    async def send(client, data, *, finish=True):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        try:
            writer.write(data)
            await writer.drain()
            if finish:
                async with asyncio.timeout(20):
                    return await reader.read()
            return reader, writer
        finally:
            if finish:
                writer.close()

    return send
