"""Nobody reads, lists, counts, deletes or learns of what belongs to somebody else, on any surface."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
import httpx
import pytest
from framework.cluster import Cluster
from framework.media import small_picture, tone
from framework.nexus import ask, new_session
from framework.omni import client_of, new_key, talking
from framework.quillium import register

from quintet.session.v1 import session_service_pb2 as session
from quintet.session.v1 import session_service_pb2_grpc as session_rpc

DEADLINE_S = 10


@dataclass
class Party:
    """Someone with a conversation that holds a secret. Each probe returns everything that was answered."""

    name: str
    secret: str
    conversation: str
    probes: Callable[[str], list[str]]
    close: Callable[[], None] = field(default=lambda: None)


def _texts(responses: list[httpx.Response]) -> list[str]:
    return [response.text for response in responses]


def _quillium(cluster: Cluster, secret: str) -> Party:
    account = register(cluster)
    chat = account.new_chat(title=f"about {secret}")
    account.say(chat, f"The word is {secret}.")

    def probes(foreign: str) -> list[str]:
        client = account.client
        foreign = foreign if foreign.startswith("chat_") else f"chat_{foreign}"
        reads = [client.get(path) for path in ("/v1/chats", "/v1/users/me", "/v1/settings/user")]
        direct = [
            client.get(f"/v1/chats/{foreign}"),
            client.get(f"/v1/chats/{foreign}/messages"),
            client.post(f"/v1/chats/{foreign}/messages", json={"content": "hello"}),
            client.delete(f"/v1/chats/{foreign}"),
        ]
        unknown = client.get(f"/v1/chats/chat_{uuid.uuid4().hex}")
        assert {response.status_code for response in direct} == {404}
        assert {response.text for response in direct} == {unknown.text}
        assert reads[0].json()["pagination"]["total"] == 1
        return _texts([*reads, *direct])

    return Party("quillium", secret, chat.removeprefix("chat_"), probes, account.client.close)


def _nexus(cluster: Cluster, secret: str, key: str) -> Party:
    client = cluster.client(headers={"X-API-Key": key} if key else {})
    conversation = new_session(client)
    ask(client, f"The word is {secret}.", conversation)

    def probes(foreign: str) -> list[str]:
        listed = client.get("/api/sessions")
        read = client.get(f"/api/sessions/{foreign}/messages")
        deleted = client.delete(f"/api/sessions/{foreign}")
        cleared = client.post("/api/clear-history", json={"session_id": foreign})
        # An unknown session is answered without context and nothing is kept.
        asked = client.post("/api/process/text", json={"message": "What is the word?", "session_id": foreign})
        assert (read.status_code, deleted.status_code, cleared.status_code) == (404, 404, 200)
        return _texts([listed, read, deleted, cleared, asked])

    return Party(f"nexus {'key' if key else 'pool'}", secret, conversation, probes, client.close)


def _aegis(cluster: Cluster, secret: str, user: str) -> Party:
    client = cluster.client()
    said = client.post("/ai/chat", json={"message": f"The word is {secret}.", "user_id": user}).json()

    def probes(foreign: str) -> list[str]:
        foreign = str(uuid.UUID(hex=foreign)) if "-" not in foreign else foreign
        mine = {"user_id": user}
        listed = client.get("/ai/conversations", params=mine)
        read = client.get(f"/ai/conversations/{foreign}", params=mine)
        asked = client.post("/ai/chat", json={"message": "What is the word?", "conversation_id": foreign, **mine})
        used = client.get("/ai/usage/stats", params=mine)
        # The document tells a foreign conversation of this surface (403) from one that does not exist (404).
        assert read.status_code == asked.status_code
        assert read.status_code in {403, 404}
        assert len(listed.json()) == 1
        return _texts([listed, read, asked, used])

    return Party(f"aegis {user}", secret, said["conversation_id"].replace("-", ""), probes, client.close)


def _omni(cluster: Cluster, secret: str, owner: str) -> Party:
    key = new_key(cluster, owner)
    client = client_of(cluster, key)
    session_id = client.post("/session", json={"system_prompt": f"The word is {secret}."}).json()["session_id"]
    # No event of this type ever happens here, so that nothing is sent anywhere.
    hook = {"url": f"https://example.com/{secret}", "events": ["error.occurred"], "secret": secret}
    assert client.post("/webhooks", json=hook).status_code == 200
    conversation = uuid.UUID(session_id).hex
    _remember(cluster, "omni", conversation, secret)

    def probes(foreign: str) -> list[str]:
        foreign = str(uuid.UUID(hex=foreign))
        unknown = str(uuid.uuid4())
        listed, hooks = client.get("/sessions"), client.get("/webhooks")
        assert listed.json()["sessions"] == [session_id]
        assert hooks.json()["count"] == 1
        told = [[_attempt_omni(client, method, path, one) for one in (foreign, unknown)] for method, path in _OMNI]
        for theirs, nobodys in told:
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.json()["detail"].replace(foreign, unknown) == nobodys.json()["detail"]
        # A connection to what is somebody else's gets a session of its own.
        opened = asyncio.run(_connect(cluster, key, foreign))
        assert opened not in {foreign, session_id}
        assert client.delete(f"/session/{opened}").status_code == 200
        return _texts([listed, hooks, *(theirs for theirs, _ in told)])

    return Party(f"omni {owner}", secret, conversation, probes, client.close)


_OMNI = (("GET", "/session/{}"), ("DELETE", "/session/{}"), ("POST", "/session/{}/clear"), ("POST", "/process"))


def _attempt_omni(client: httpx.Client, method: str, path: str, session_id: str) -> httpx.Response:
    if path == "/process":
        return client.post(path, files={"audio": tone(0.3)}, data={"session_id": session_id})
    return client.request(method, path.format(session_id))


async def _connect(cluster: Cluster, key: str, session_id: str) -> str:
    async with talking(cluster, key, session_id=session_id) as talk:
        return str((await talk.until_type("connected"))["session_id"])


def _sight(cluster: Cluster, secret: str) -> Party:
    """Who knows the id of a session of sight may have it; what the services call it opens nothing."""
    client, mine = cluster.client(), f"walk-{uuid.uuid4().hex}"
    fields = {"session_id": mine, "mode": "snapshot"}
    looked = client.post("/api/v1/analyze", files={"image": small_picture("JPEG")}, data=fields)
    assert looked.status_code == 200, looked.text
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        request = session.ListSessionsRequest(scope=session.Scope(surface="sight", owner=mine))
        found = session_rpc.SessionServiceStub(channel).ListSessions(request, timeout=DEADLINE_S)
    conversation = found.sessions[0].session_id
    _remember(cluster, "sight", conversation, secret)

    def probes(foreign: str) -> list[str]:
        read = client.get(f"/api/v1/session/{foreign}")
        reset = client.post("/api/v1/session/reset", data={"session_id": foreign})
        assert (read.status_code, reset.status_code) == (404, 200)
        own = client.get(f"/api/v1/session/{mine}")
        assert own.json()["session_id"] == mine
        assert secret in own.text
        return _texts([read, reset, own])

    return Party(f"sight {mine}", secret, conversation, probes, client.close)


def _remember(cluster: Cluster, surface: str, conversation: str, secret: str) -> None:
    """Puts a turn with the secret into a session: nobody can say a made-up word so that it is recognized."""
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        stub = session_rpc.SessionServiceStub(channel)
        owner = session.GetSessionOwnerRequest(surface=surface, session_id=conversation)
        scope = stub.GetSessionOwner(owner, timeout=DEADLINE_S).scope
        roles = (session.Message.ROLE_USER, session.Message.ROLE_ASSISTANT)
        messages = [
            session.Message(role=role, content=f"The word is {secret}.", message_id=f"{secret}-{role}")
            for role in roles
        ]
        request = session.AppendMessagesRequest(
            scope=scope, session_id=conversation, messages=messages, idempotency_key=secret
        )
        stub.AppendMessages(request, timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def parties(grounded: Cluster) -> Iterator[list[Party]]:
    def secret() -> str:
        return f"xylo{uuid.uuid4().hex[:12]}"

    everyone = [
        _quillium(grounded, secret()),
        _quillium(grounded, secret()),
        _nexus(grounded, secret(), f"key-{uuid.uuid4().hex}"),
        _nexus(grounded, secret(), f"key-{uuid.uuid4().hex}"),
        _nexus(grounded, secret(), ""),
        _aegis(grounded, secret(), f"ann-{uuid.uuid4().hex[:8]}"),
        _aegis(grounded, secret(), f"bob-{uuid.uuid4().hex[:8]}"),
        _omni(grounded, secret(), "carol"),
        _omni(grounded, secret(), "dave"),
        _sight(grounded, secret()),
        _sight(grounded, secret()),
    ]
    yield everyone
    for party in everyone:
        party.close()


def test_no_party_learns_of_another(parties: list[Party]):
    """Every party tries everything on the conversation of every other one."""
    for curious in parties:
        for other in parties:
            if curious is other:
                continue
            for answer in curious.probes(other.conversation):
                assert other.secret not in answer, f"{curious.name} saw what belongs to {other.name}"


def test_everybody_still_has_his_own(parties: list[Party], grounded: Cluster):
    """After all that trying nothing is gone, and nothing was added."""
    for party in parties:
        for other in parties:
            if other is not party:
                party.probes(other.conversation)
    channel = grpc.insecure_channel(grounded.grpc_address("session"))
    stub = session_rpc.SessionServiceStub(channel)
    for party in parties:
        surface = party.name.split()[0]
        owner = stub.GetSessionOwner(
            session.GetSessionOwnerRequest(surface=surface, session_id=party.conversation), timeout=DEADLINE_S
        ).scope
        kept = stub.ListMessages(
            session.ListMessagesRequest(scope=owner, session_id=party.conversation), timeout=DEADLINE_S
        )
        assert any(party.secret in message.content for message in kept.messages)
        # The picture of sight is a turn as well.
        assert len(kept.messages) == (4 if surface == "sight" else 2)
    channel.close()


def test_api_keys_open_their_own_surface_and_user_only(grounded: Cluster):
    ann, bob = register(grounded), register(grounded)
    chat = ann.new_chat(title="private")
    key = bob.client.post("/v1/users/api-key").json()["api_key"]
    with grounded.client(headers={"X-API-Key": key}) as client:
        assert client.get("/v1/chats").json()["pagination"]["total"] == 0
        assert client.get(f"/v1/chats/{chat}").status_code == 404
        assert client.get("/v1/users/me").json()["email"] == bob.email
        assert client.get("/v1/settings/admin").status_code in {401, 403}
        # On nexus a made-up key only names an owner; this one names none of quillium's.
        assert json.loads(client.get("/api/sessions").text)["sessions"] == []
    for account in (ann, bob):
        account.client.close()
