"""What is asked about documents is found in them: thirty questions, written before the first search."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from framework.cluster import Cluster, running
from framework.models import folder_with_models

pytestmark = pytest.mark.knowledge

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
MODEL = "all-minilm-l6-v2"
ENOUGH = 27
ENOUGH_QUOTED = 17
MOST_ELSE = 7

# Question, and words that only the passage with its answer holds.
QUESTIONS = [
    ("How often must the wick be cut?", "every four hours"),
    ("What should the lighthouse glass be cleaned with?", "spirit of wine"),
    ("How did the keepers stay awake while ringing the bell?", "rope tied to the wrist"),
    ("What may the lighthouse keepers eat if the supply boat does not come?", "sealed cupboard"),
    ("Why is my bread so heavy and dense?", "not given its time"),
    ("The sourdough starter has a pink streak, what now?", "scald the jar"),
    ("How much salt belongs into a dough?", "two parts in a hundred"),
    ("How can one tell that a loaf is baked through?", "sounds hollow"),
    ("Why does smoke calm bees?", "full belly cannot easily bend to sting"),
    ("How do I catch a swarm that hangs on a branch?", "Spread a white sheet"),
    ("What is the cure for foulbrood?", "burn the hive"),
    ("What did the sailors do about the foul drinking water?", "strain it through charcoal"),
    ("Who repaired the ship after the storm broke a mast?", "Elias Thorne"),
    ("The church clock runs too fast, what do I adjust?", "lower the bob"),
    ("Which oil keeps a clock going in frost?", "porpoise-jaw oil"),
    ("How long do carrots keep in sand?", "keep until Easter"),
    ("When may a driver enter the single track?", "brass\nstaff"),
    ("How much is paid for a sheep killed by the train?", "eleven shillings"),
    ("Why does Mars seem to move backwards?", "as a tree seems to go backward"),
    ("How do you treat a sprained ankle?", "bind it firmly from the toes"),
    ("Why are there scripted engines in the product?", "cripted"),
    ("How do the processes talk to each other on one machine?", "nix socket"),
    ("What happens to a job when its gateway is killed?", "lease"),
    ("How is the error reason of a call added to the server?", "interceptor"),
    ("Why does the provider engine use the openai package?", "openai"),
    ("Which library reads QR codes and barcodes?", "zxing"),
    ("How are long recordings cut before they are transcribed?", "14 s"),
    ("Is an answer kept if it fails half way?", "half"),
    ("What files does a new dialect need?", "translate.py"),
    ("Which steps does it take to add a new service?", "protos/quintet/<subject>"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the real embedding model, over a folder with ten texts and the documents of this repository."""
    folder = folder_with_models(tmp_path_factory.mktemp("knowledge"), MODEL)
    documents = folder / "documents"
    shutil.copytree(HERE / "library", documents / "library")
    shutil.copytree(DOCS, documents / "docs")
    settings = {"QUINTET_GATEWAY_KNOWLEDGE_ROOTS": str(documents)}
    with running(folder, engines="auto", settings=settings) as cluster:
        yield cluster


def index(cluster: Cluster, name: str = "all", **changes):
    body = {"path": ".", "collection_name": name, "extensions": [".md", ".txt", ".html"], **changes}
    with cluster.client(timeout=120) as client:
        return client.post("/rag/index", json=body)


def found(cluster: Cluster, question: str, top_k: int = 3):
    body = {"query": question, "collection_name": "all", "top_k": top_k}
    with cluster.client() as client:
        answer = client.post("/rag/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_the_right_passage_is_among_the_first_three(library: Cluster):
    indexed = index(library)
    assert indexed.status_code == 200, indexed.text
    assert indexed.json()["documents_added"] == indexed.json()["total_documents"] > 30
    missed = []
    for question, words in QUESTIONS:
        passages = [" ".join(result["content"].split()) for result in found(library, question)]
        if not any(" ".join(words.split()).lower() in passage.lower() for passage in passages):
            missed.append(question)
    print(f"{len(QUESTIONS) - len(missed)} of {len(QUESTIONS)} found; missed: {missed}")
    assert len(QUESTIONS) - len(missed) >= ENOUGH, missed


@pytest.mark.parametrize("surface", ["aegis", "quillium"])
def test_chats_answer_with_the_file_named(library: Cluster, surface: str):
    assert index(library).status_code == 200
    answer = ASK[surface](library, "Which oil should be used on the clock in hard frost?")
    assert "porpoise-jaw oil" in answer
    assert "clocks.md" in answer


def test_answers_quote_the_right_sentence(library: Cluster):
    assert index(library).status_code == 200
    answers = {question: " ".join(_ask_aegis(library, question).split()).lower() for question, _ in QUESTIONS}
    right = [question for question, words in QUESTIONS if " ".join(words.split()).lower() in answers[question]]
    open_ones = [question for question, answer in answers.items() if "indexed documents" in answer]
    wrong = {one: answers[one] for one in answers if one not in right and one not in open_ones}
    print(f"{len(right)} right, {len(open_ones)} open, others: {wrong}")
    assert len(right) >= ENOUGH_QUOTED
    assert len(wrong) <= MOST_ELSE


def test_indexing_again_changes_nothing_and_embeds_nothing(library: Cluster):
    assert index(library).status_code == 200
    before = [found(library, question) for question, _ in QUESTIONS[:5]]
    again = index(library).json()
    assert [found(library, question) for question, _ in QUESTIONS[:5]] == before
    fresh = index(library, "fresh").json()
    assert fresh["total_documents"] == again["total_documents"]


def _ask_aegis(cluster: Cluster, question: str) -> str:
    with cluster.client() as client:
        return client.post("/ai/chat", json={"message": question}).json()["content"]


def _ask_quillium(cluster: Cluster, question: str) -> str:
    account = {"email": "reader@example.com", "password": "secure_password"}
    with cluster.client() as client:
        tokens = client.post("/v1/auth/register", json=account).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        chat = client.post("/v1/chats", json={}).json()
        return client.post(f"/v1/chats/{chat['id']}/messages", json={"content": question}).json()["reply"]["content"]


ASK = {"aegis": _ask_aegis, "quillium": _ask_quillium}
