"""Webhooks whose sender is killed again and again, to a receiver that often fails: everything arrives, in order."""

import hashlib
import hmac
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import httpx
import pytest
from framework.cluster import Cluster, running
from framework.media import tone
from framework.nexus import SCRIPT_HEADER
from framework.omni import client_of, new_key
from framework.receiver import Attempt, Receiver, receiving
from framework.waiting import wait_until

from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as rpc

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SECRETS = {"/mine": "a secret of the tests", "/theirs": "another one"}
WANTED = ("session.created", "session.ended", "response.completed")
SETTINGS = {"QUINTET_GATEWAY_WEBHOOK_TARGETS": "127.0.0.0/8", "QUINTET_GATEWAY_OMNI_MAX_SESSIONS": "1000"}
SESSIONS = 100
ANSWERS = 3
EVENTS = SESSIONS * (ANSWERS + 2)
WRITERS = 8
FAILING = 0.3
MOST_UNLUCKY = 5
GATEWAY_KILLS = 5
# So many attempts have come when each kill happens: some while events are made, some while they wait.
KILLS = [(40, "gateway"), (130, "gateway"), (220, "session"), (300, "gateway"), (380, "gateway"), (460, "gateway")]
RESTARTED_WITHIN_S = 30.0
ALL_WITHIN_S = 150.0
RECORDING = tone(0.3)


class Failing:
    """Answers 500 in 30 % of attempts.

    The pauses grow: no event fails four times in a row (two minutes), and only a few fail three times (half a minute).
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._failures: Counter[str] = Counter()
        self._unlucky: set[str] = set()

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        event_id, session = headers["x-webhook-event-id"], json.loads(body)["data"]["session_id"]
        most = 2 if session in self._unlucky or len(self._unlucky) == MOST_UNLUCKY else 3
        if self._failures[event_id] >= most or self._random.random() >= FAILING:
            return 204
        self._failures[event_id] += 1
        if self._failures[event_id] == 3:
            self._unlucky.add(session)
        return 500


@dataclass
class Told:
    """What happened: what was acknowledged must arrive; what was tried and not acknowledged may."""

    certain: dict[str, list[str]] = field(default_factory=dict)
    possible: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    retries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def retried(self) -> None:
        with self._lock:
            self.retries += 1


def insist(send, told: Told) -> httpx.Response:
    """Repeats a request that the fault has met until it is answered."""
    deadline = time.monotonic() + RESTARTED_WITHIN_S
    while True:
        try:
            response = send()
            if response.status_code < 500:
                return response
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "nobody answers"
        told.retried()
        time.sleep(0.1)


def live(client: httpx.Client, told: Told) -> None:
    """One session from its beginning to its end."""
    session = insist(lambda: client.post("/session"), told).json()["session_id"]
    told.certain[session] = ["session.created"]
    for number in range(ANSWERS):

        def process(number: int = number) -> httpx.Response:
            # Each attempt says something else: one that was not acknowledged may have been kept.
            said = f"{number} try {len(told.possible[session])}"
            told.possible[session].append(said)
            fields = {"session_id": session, "return_audio": "false"}
            headers = {SCRIPT_HEADER: f"text={said}"}
            return client.post("/process", files={"audio": RECORDING}, data=fields, headers=headers)

        response = insist(process, told)
        assert response.status_code == 200, response.text
        told.certain[session].append(response.json()["text"])
    ended = insist(lambda: client.delete(f"/session/{session}"), told)
    assert ended.status_code in {200, 404}
    told.certain[session].append("session.ended")


def write(cluster: Cluster, key: str, told: Told) -> None:
    def work(count: int) -> None:
        with client_of(cluster, key) as client:
            for _ in range(count):
                live(client, told)

    shares = [SESSIONS // WRITERS + (number < SESSIONS % WRITERS) for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(work, shares))


def kill_on_the_way(cluster: Cluster, receiver: Receiver, killed: list[str]) -> None:
    for attempts, name in KILLS:
        wait_until(lambda attempts=attempts: len(receiver.attempts) >= attempts, ALL_WITHIN_S, f"{attempts} attempts")
        wait_until(lambda name=name: name in cluster.pids(), RESTARTED_WITHIN_S, name)
        old = cluster.kill(name)
        killed.append(f"{name} {old} after {len(receiver.attempts)} attempts")
        cluster.wait_restarted(name, old, RESTARTED_WITHIN_S)


def deliveries(cluster: Cluster) -> list[pb.Delivery]:
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        stub = rpc.WebhookServiceStub(channel)
        return list(stub.ListDeliveries(pb.ListDeliveriesRequest(page_size=1000), timeout=10).deliveries)


def all_delivered(cluster: Cluster) -> bool:
    try:
        found = deliveries(cluster)
    except grpc.RpcError:
        return False
    return len(found) >= EVENTS and all(one.state == pb.Delivery.STATE_DELIVERED for one in found)


def assert_signed(attempt: Attempt, secret: str) -> None:
    """Checks both signatures as the contract says how a receiver does."""
    payload = json.loads(attempt.body)
    signature = payload.pop("signature")
    unsigned = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert signature == "sha256=" + hmac.new(secret.encode(), unsigned, hashlib.sha256).hexdigest()
    whole = hmac.new(secret.encode(), attempt.body, hashlib.sha256).hexdigest()
    assert attempt.headers["x-webhook-signature"] == f"sha256={whole}"


def what(payload: dict) -> str:
    """Names an event so that it can be found in what was told."""
    return payload["data"]["text"] if payload["event"] == "response.completed" else payload["event"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("webhooks"), settings=SETTINGS) as started:
        yield started


def register(cluster: Cluster, key: str, address: str, path: str) -> None:
    hook = {"url": f"{address}{path}", "events": WANTED, "secret": SECRETS[path]}
    with client_of(cluster, key) as client:
        response = client.post("/webhooks", json=hook)
    assert response.status_code == 200, response.text
    assert SECRETS[path] not in response.text


def test_everything_arrives_in_order_although_the_sender_is_killed(cluster):
    key, stranger = new_key(cluster), new_key(cluster, "somebody else")
    told, others, killed = Told(), Told(), []
    with receiving(Failing(seed=2206)) as receiver:
        register(cluster, key, receiver.address, "/mine")
        register(cluster, stranger, receiver.address, "/theirs")
        began = time.monotonic()
        killer = threading.Thread(target=kill_on_the_way, args=(cluster, receiver, killed))
        killer.start()
        write(cluster, key, told)
        with client_of(cluster, stranger) as client:
            live(client, others)
        written_s = time.monotonic() - began
        fail_once(cluster, key)
        killer.join(ALL_WITHIN_S)
        wait_until(lambda: all_delivered(cluster), ALL_WITHIN_S, "all deliveries", 0.2)
        took_s = time.monotonic() - began
        attempts = list(receiver.attempts)
    assert [name.split()[0] for name in killed].count("gateway") == GATEWAY_KILLS
    assert len(killed) == len(KILLS)
    delivered = check(attempts, "/mine", told, deliveries(cluster))
    assert delivered >= EVENTS
    assert check(attempts, "/theirs", others, deliveries(cluster)) >= ANSWERS + 2
    assert not told.certain.keys() & others.certain.keys()
    failed = sum(attempt.status == 500 for attempt in attempts)
    twice = Counter(attempt.headers["x-webhook-event-id"] for attempt in attempts if attempt.status == 204)
    print(
        f"{delivered} events, {len(attempts)} attempts, {failed / len(attempts):.0%} failed, "
        f"{sum(count > 1 for count in twice.values())} delivered twice, {told.retries} requests repeated; "
        f"written in {written_s:.1f} s, delivered in {took_s:.1f} s; killed: {', '.join(killed)}"
    )


def fail_once(cluster: Cluster, key: str) -> None:
    """Lets an answer fail: that is an event of a type that nobody asked for."""
    with client_of(cluster, key) as client:
        headers = {SCRIPT_HEADER: "error=ENGINE_FAILED"}
        response = client.post("/process", files={"audio": RECORDING}, headers=headers)
        assert response.status_code == 500, response.text


def check(attempts: list[Attempt], path: str, told: Told, outbox: list[pb.Delivery]) -> int:
    """Checks every attempt at one target; returns how many events were delivered to it."""
    bodies: dict[str, bytes] = {}
    by_session: dict[str, list[str]] = defaultdict(list)
    done: set[str] = set()
    for attempt in attempts:
        if attempt.path != path:
            continue
        assert_signed(attempt, SECRETS[path])
        event_id, payload = attempt.headers["x-webhook-event-id"], json.loads(attempt.body)
        assert payload["event"] in WANTED
        assert bodies.setdefault(event_id, attempt.body) == attempt.body, "one id, two events"
        of_session = by_session[payload["data"]["session_id"]]
        if event_id not in of_session[-1:]:
            # A later event comes only when the one before it was taken.
            assert set(of_session) <= done
            of_session.append(event_id)
        if attempt.status == 204:
            done.add(event_id)
    assert done == {one.event_id for one in outbox if one.webhook.url.endswith(path)}
    assert told.certain.keys() <= by_session.keys()
    for session, event_ids in by_session.items():
        assert len(set(event_ids)) == len(event_ids), "an event came back after a later one"
        events = [what(json.loads(bodies[event_id])) for event_id in event_ids]
        # Of a session whose creation was not acknowledged nothing else happened.
        certain = told.certain.get(session, ["session.created"])
        assert set(events) <= {*certain, *told.possible.get(session, ())}
        assert [event for event in events if event in set(certain)] == certain
    return len(done)
