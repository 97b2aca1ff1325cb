"""What the tests of aegis share: a scripted rest of the assistant, and requests with their documented errors."""

import asyncio
import uuid
from datetime import date

from quintet.identity.v1.identity_service_pb2 import ApiKey
from quintet.knowledge.v1.knowledge_service_pb2 import Collection, DocumentSummary
from quintet.media.v1.engine_pb2 import Engine
from quintet.tts.v1.tts_service_pb2 import Voice
from quintet.usage.v1.usage_service_pb2 import SummarizeUsageRequest, UsageSummary
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import KeyCheck, Owner, ServiceHealth, SettingsDocument
from quintet_gateway.assistant.catalogue import CatalogueEntry, CatalogueStatus, ModalityCount, VendorCount
from quintet_gateway.assistant.knowledge import IndexReport, KnowledgeState

API_USER = Owner("aegis", "api-user")
AWAY = DomainError(Reason.SERVICE_UNAVAILABLE, "The service is away.")
LIVE = Engine(name="scripted", model="scripted-1", kind=Engine.KIND_SCRIPTED, loaded=True)
GPT = CatalogueEntry(
    "openai",
    "OpenAI",
    "gpt-4o",
    title="GPT-4o",
    context_window=128_000,
    input_price=2.5,
    output_price=10.0,
    modalities=("text", "image"),
    released_on=date(2024, 5, 13),
)
OWN = CatalogueEntry("scripted", "Quintet", "scripted-1", input_price=0.0, output_price=0.0, modalities=("text",))


class Scripted:
    """Fails with `failure` if there is one."""

    failure = None

    def fail(self):
        if self.failure:
            raise self.failure


class ScriptedModels(Scripted):
    def __init__(self):
        self.live = LIVE

    async def engine(self):
        self.fail()
        return self.live


class ScriptedCatalogue(Scripted):
    def __init__(self):
        self.entries = [GPT, OWN]
        self.searched = []

    async def status(self):
        self.fail()
        return CatalogueStatus(2, 2, 3, 2, [VendorCount("OpenAI", 1), VendorCount("Quintet", 1)])

    async def vendors(self):
        self.fail()
        return [VendorCount("OpenAI", 1), VendorCount("Quintet", 1)]

    async def modalities(self):
        self.fail()
        return [ModalityCount("image", 1), ModalityCount("text", 2)]

    async def search(self, pattern="", vendor="", modality="", limit=50, *, include_disabled=False):
        self.fail()
        self.searched.append((pattern, vendor, modality, limit, include_disabled))
        return self.entries[:limit]

    async def find(self, provider, model):
        self.fail()
        return next((one for one in self.entries if (one.provider, one.model_id) == (provider, model)), None)


class ScriptedUsage(Scripted):
    def __init__(self):
        self.total = UsageSummary()
        self.groups = []
        self.records = []
        self.filters = []
        self.limits = []

    async def summarize(self, of, dimensions=()):
        self.fail()
        self.filters.append(of)
        return self.groups if list(dimensions) == [SummarizeUsageRequest.DIMENSION_MODEL] else [self.total]

    async def recent(self, of, limit):
        self.fail()
        self.limits.append(limit)
        return self.records[:limit]


class ScriptedVoices(Scripted):
    def __init__(self):
        self.known = [
            Voice(name="de", languages=["de"], display_name="German"),
            Voice(name="en-us", languages=["en-US", "en"], display_name="American English"),
        ]
        self.spoken = []
        self.speaking_failure = None

    async def list(self):
        self.fail()
        return self.known

    async def preview(self, text, voice="", language="", speed=1.0):
        if self.speaking_failure:
            raise self.speaking_failure
        self.spoken.append((text, voice, language, speed))
        return b"\xff\xf3sound"


class ScriptedCredentials(Scripted):
    """Knows one token, one API key, and settings."""

    token = "head.body.signature"
    secret = "qo_secret"
    issuer = "omni"

    def __init__(self):
        self.values = {}
        self.scopes = ()
        self.asked = []

    async def verify_token(self, token):
        self.fail()
        if token != self.token:
            raise DomainError(Reason.UNAUTHENTICATED, "The token is not valid.")

    def known_api_key(self, surface, secret):
        return None

    async def verify_api_key(self, surface, secret):
        self.asked.append((surface, secret))
        self.fail()
        known = (surface, secret) == (self.issuer, self.secret)
        return KeyCheck(ApiKey(scopes=self.scopes) if known else None, surface == self.issuer, user=None)

    async def settings(self, surface, subject):
        self.fail()
        return SettingsDocument(self.values.get((surface, subject), {}), frozenset(), None)

    async def update_settings(self, surface, subject, values, secrets=None):
        self.fail()
        self.values[surface, subject] = {**self.values.get((surface, subject), {}), **values}
        return await self.settings(surface, subject)


class ScriptedKnowledge(Scripted):
    """Holds collections as the services' messages; an index waits for `release` if it is held."""

    def __init__(self):
        self.kept = {}
        self.results = []
        self.searched = []
        self.indexed = []
        self.release = asyncio.Event()
        self.release.set()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.at_work = []
        self.skipped = ()
        self.setup = KnowledgeState(
            persist_directory="/documents",
            embedding_engine="minilm",
            embedding_model="all-MiniLM-L6-v2",
            embedding_remedy="",
            chunk_size=1000,
            chunk_overlap=200,
            top_k=5,
            last_activity=None,
            collection_count=0,
            validation_errors=(),
        )

    def keep(self, name, **sources):
        documents = [DocumentSummary(source=source, chunk_count=count) for source, count in sources.items()]
        collection = Collection(
            name=name, document_count=len(documents), chunk_count=sum(sources.values()), embedding_model="m"
        )
        collection.update_time.seconds = 1705314600
        self.kept[name] = (collection, documents)

    async def index(self, request):
        self.fail()
        self.indexed.append(request)
        self.begun.set()
        try:
            await self.release.wait()
            return IndexReport(
                request.collection, 7, 7, document_count=2, reused_count=0, chunks_made=7,
                skipped=self.skipped, skipped_count=len(self.skipped), duration_s=8.3005,
            )  # fmt: skip
        finally:
            self.ended.set()

    def progress(self):
        return self.at_work

    async def search(self, query, collections=(), top_k=5, attributes=None):
        self.fail()
        self.searched.append((query, tuple(collections), top_k, dict(attributes or {})))
        for name in collections:
            self._find(name)
        return self.results[:top_k]

    async def collections(self):
        self.fail()
        return [self.kept[name][0] for name in sorted(self.kept)]

    async def collection(self, name):
        return self._find(name)[0]

    async def documents(self, name):
        return self._find(name)[1]

    async def delete(self, name):
        self._find(name)
        del self.kept[name]

    async def state(self):
        self.fail()
        return self.setup

    def _find(self, name):
        self.fail()
        if name not in self.kept:
            raise DomainError(Reason.COLLECTION_NOT_FOUND, "No such collection.", {"collection": name})
        return self.kept[name]


def furnish(assistant):
    """Gives an assistant what aegis asks for beside chat; its conversations have ids as the real ones."""
    assistant.sessions.new_id = lambda: uuid.uuid4().hex
    assistant.models = ScriptedModels()
    assistant.catalogue = ScriptedCatalogue()
    assistant.usage = ScriptedUsage()
    assistant.voices = ScriptedVoices()
    assistant.identity = ScriptedCredentials()
    assistant.knowledge = ScriptedKnowledge()
    assistant.health.known = {
        **assistant.health.known,
        **{name: ServiceHealth(serving=True, engine=LIVE) for name in ("llm", "tts", "stt")},
    }
    return assistant


async def refused(response, status, detail):
    """Checks an error to the byte of its text."""
    assert response.content_type == "application/json"
    assert (response.status, await response.json()) == (status, {"detail": detail})


async def begin_conversation(client, message="What is 12 times 12?", **more):
    response = await client.post("/ai/chat", json={"message": message, **more})
    assert response.status == 200, await response.text()
    return await response.json()


async def within(seconds, awaitable):
    """Waits for something that must come soon."""
    async with asyncio.timeout(seconds):
        return await awaitable
