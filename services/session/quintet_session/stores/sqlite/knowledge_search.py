"""Finds chunks. Everything here runs on one snapshot, in a thread that reads."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quintet_session import ranking
from quintet_session.knowledge_store import ChunkRecord, Hit, Query
from quintet_session.ranking import Floats, Occurrences, Ranked, WordMatch
from quintet_session.stores.sqlite import knowledge_collections, knowledge_words
from quintet_session.stores.sqlite.knowledge_states import LoadedState, StatePlan
from quintet_session.stores.sqlite.knowledge_words import Places, QueryWords, SearchedChunks

_PLAN = (
    "SELECT state_key, collection, embedding_model, coalesce(vector_length, 0), chunk_count FROM knowledge_states"
    " WHERE phase = 'current'"
)
# Products of the same vectors differ a little with their place in a matrix; what looks equal is to be equal.
_SIMILARITY_DIGITS = 5


@dataclass(frozen=True)
class Missing:
    """States that have to be loaded before the search can be made, and the keys of its other ones."""

    plans: tuple[StatePlan, ...]
    loaded_keys: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Result:
    """One result before its text is read."""

    state: LoadedState
    place: int
    ranked: Ranked
    similarity: float
    word_share: float


def plans(connection: sqlite3.Connection, collections: Sequence[str] = ()) -> list[StatePlan]:
    """Returns the current states of collections by their names, all for none; raises COLLECTION_NOT_FOUND."""
    if not collections:
        return [StatePlan(*row) for row in connection.execute(f"{_PLAN} ORDER BY collection")]
    found = []
    for name in sorted(set(collections)):
        row = connection.execute(f"{_PLAN} AND collection = ?", (name,)).fetchone()
        if row is None:
            raise knowledge_collections.not_found(name)
        found.append(StatePlan(*row))
    return found


def search(
    connection: sqlite3.Connection, query: Query, query_words: QueryWords, loaded: Mapping[int, LoadedState]
) -> list[Hit] | Missing:
    """Returns the chunks that fit best, or what has to be loaded first."""
    wanted = plans(connection, query.collections)
    missing = tuple(plan for plan in wanted if plan.state_key not in loaded)
    if missing:
        return Missing(missing, tuple(plan.state_key for plan in wanted if plan.state_key in loaded))
    states = [loaded[plan.state_key] for plan in wanted]
    if not sum(len(state.chunk_keys) for state in states):
        return []
    return _hits(connection, query, _rank(connection, states, query, query_words))


def _rank(
    connection: sqlite3.Connection, states: Sequence[LoadedState], query: Query, query_words: QueryWords
) -> list[_Result]:
    similarities = np.concatenate([_similarities(connection, state, query) for state in states])
    words = _match_words(connection, states, query_words.of(query.text))
    allowed = np.concatenate([_allowed(connection, state, query.attributes) for state in states])
    starts = np.cumsum([0, *(len(state.chunk_keys) for state in states)])
    results = []
    for ranked in ranking.fuse(similarities, words.scores, allowed, query.top_k):
        number = int(np.searchsorted(starts, ranked.position, side="right")) - 1
        similarity = float(np.nan_to_num(similarities[ranked.position]))
        share = float(words.shares[ranked.position])
        results.append(_Result(states[number], ranked.position - int(starts[number]), ranked, similarity, share))
    return results


def _similarities(connection: sqlite3.Connection, state: LoadedState, query: Query) -> Floats:
    """Returns the nearness of all chunks of a state, NaN if the query has no vector of its kind."""
    vector = np.frombuffer(query.vector, "<f4")
    plan = state.plan
    if not len(vector) or (plan.embedding_model, plan.vector_length) != (query.embedding_model, len(vector)):
        return np.full(len(state.chunk_keys), np.nan, np.float32)
    return np.clip(np.round(state.similarities(connection, vector), _SIMILARITY_DIGITS), -1, 1)


def _match_words(connection: sqlite3.Connection, states: Sequence[LoadedState], words: Sequence[str]) -> WordMatch:
    chunks = SearchedChunks([state.sorted_keys for state in states if len(state.sorted_keys)])
    occurrences = [_occurrences(states, places) for places in knowledge_words.find(connection, words, chunks)]
    return ranking.match_words(occurrences, np.concatenate([state.lengths for state in states]))


def _occurrences(states: Sequence[LoadedState], places: Places) -> Occurrences:
    positions, in_heading = [], []
    start = 0
    for state in states:
        here, headings = state.locate(places)
        positions.append(here + start)
        in_heading.append(headings)
        start += len(state.chunk_keys)
    return Occurrences(np.concatenate(positions), np.concatenate(in_heading))


def _allowed(connection: sqlite3.Connection, state: LoadedState, wanted: Mapping[str, str]) -> NDArray[np.bool_]:
    if not wanted:
        return np.ones(len(state.chunk_keys), np.bool_)
    # JSON escapes quotes, so text within a value looks different from a pair; the exact check is for the rest.
    pairs = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in wanted.items()]
    conditions = " AND instr(attributes, ?)" * len(pairs)
    rows = connection.execute(
        f"SELECT document_key, attributes FROM knowledge_references WHERE state_key = ? {conditions}",  # noqa: S608
        (state.plan.state_key, *pairs),
    )
    documents = [document_key for document_key, attributes in rows if _has(json.loads(attributes), wanted)]
    return np.isin(state.document_keys, documents)


def _hits(connection: sqlite3.Connection, query: Query, results: Sequence[_Result]) -> list[Hit]:
    hits: list[Hit] = []
    room = query.max_bytes
    for result in results:
        hit = _hit(connection, query, result)
        room -= len(hit.chunk.text.encode()) + len(hit.chunk.heading.encode())
        if hits and room < 0:
            break
        hits.append(hit)
    return hits


def _hit(connection: sqlite3.Connection, query: Query, result: _Result) -> Hit:
    text, heading, start_line, end_line, position, chunk_count = connection.execute(
        "SELECT text, heading, start_line, end_line, position, chunk_count FROM knowledge_chunks"
        " JOIN knowledge_texts USING (chunk_key) JOIN knowledge_documents USING (document_key) WHERE chunk_key = ?",
        (int(result.state.chunk_keys[result.place]),),
    ).fetchone()
    source, attributes = _first_source(connection, query, result)
    return Hit(
        collection=result.state.plan.collection,
        source=source,
        attributes=attributes,
        chunk=ChunkRecord(text, heading, start_line, end_line),
        chunk_index=position,
        chunk_count=chunk_count,
        score=result.ranked.score,
        similarity=result.similarity,
        word_share=result.word_share,
    )


def _first_source(connection: sqlite3.Connection, query: Query, result: _Result) -> tuple[str, dict[str, str]]:
    rows = connection.execute(
        "SELECT source, attributes FROM knowledge_references WHERE document_key = ? AND state_key = ? ORDER BY source",
        (int(result.state.document_keys[result.place]), result.state.plan.state_key),
    )
    return next(
        (source, attributes)
        for source, attributes in ((source, json.loads(packed)) for source, packed in rows)
        if _has(attributes, query.attributes)
    )


def _has(attributes: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(attributes.get(name) == value for name, value in wanted.items())
