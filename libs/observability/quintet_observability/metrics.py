"""Every Prometheus metric of Quintet, named in one place.

Names follow Prometheus's rules: base units, `_total` for counters. Labels hold only values from closed sets.
"""

from typing import Protocol

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server

_FAST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

RPC_SECONDS = Histogram(
    "quintet_rpc_duration_seconds", "Time from a call's start to its end", ["method", "code"], buckets=_FAST_BUCKETS
)
RPC_ACTIVE = Gauge("quintet_rpc_active", "Calls at work", ["method"])

HTTP_SECONDS = Histogram(
    "quintet_http_duration_seconds",
    "Time from a request's head to the end of its response",
    ["surface", "route", "method", "status"],
    buckets=_FAST_BUCKETS,
)
HTTP_ACTIVE = Gauge("quintet_http_active", "Requests at work", ["surface"])
WEBSOCKETS_ACTIVE = Gauge("quintet_websockets_active", "Open WebSockets", ["surface"])
WEBSOCKETS_ENDED = Counter("quintet_websockets_ended_total", "WebSockets that ended", ["surface", "why"])
HTTP_REFUSED = Counter("quintet_http_refused_total", "Requests refused before they were handled", ["surface", "why"])

FIRST_TOKEN_SECONDS = Histogram(
    "quintet_first_token_seconds", "Time from a chat request to its first text", ["engine"], buckets=_FAST_BUCKETS
)
TOKENS = Counter("quintet_tokens_total", "Tokens read and written", ["engine", "direction"])
REAL_TIME_FACTOR = Histogram(
    "quintet_real_time_factor",
    "Work time over audio time",
    ["service", "engine"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
FIRST_AUDIO_SECONDS = Histogram(
    "quintet_first_audio_seconds", "Time from a speech request to its first sound", ["engine"], buckets=_FAST_BUCKETS
)
VOICE_STAGE_SECONDS = Histogram(
    "quintet_voice_stage_seconds",
    "Time from the end of somebody's speech to the transcript, the answer's first token, or its first sound",
    ["surface", "stage"],
    buckets=_FAST_BUCKETS,
)
BARGE_INS = Counter("quintet_barge_ins_total", "Replies that speech or a command cut short", ["surface", "why"])
SPEECH_STREAMS_ACTIVE = Gauge("quintet_speech_streams_active", "Conversations that are followed as they are spoken")
VAD_DECISIONS = Counter(
    "quintet_vad_decisions_total", "Starts and ends of speech, and sounds too short to be any", ["decision"]
)
VAD_SECONDS = Histogram(
    "quintet_vad_seconds", "Time from a piece of sound to the decision about it", buckets=_FAST_BUCKETS
)
SPECULATIONS = Counter(
    "quintet_speculations_total", "Transcriptions begun in a pause: used, waited for, or discarded", ["outcome"]
)
INTERIM_TEXTS = Counter("quintet_interim_texts_total", "Interim texts: sent, or left out for lack of time", ["outcome"])
WEBHOOK_ATTEMPTS = Counter("quintet_webhook_attempts_total", "Attempts to deliver an event", ["outcome"])
WEBHOOK_SECONDS = Histogram(
    "quintet_webhook_duration_seconds", "Time of one attempt to deliver an event", buckets=_FAST_BUCKETS
)
ENGINE_WAIT_SECONDS = Histogram(
    "quintet_engine_wait_seconds",
    "Time that a request waited for a slot of the engine",
    ["service"],
    buckets=_FAST_BUCKETS,
)
ENGINE_QUEUE_DEPTH = Gauge("quintet_engine_queue_depth", "Requests that wait for a slot of the engine", ["service"])
ENGINE_ACTIVE = Gauge("quintet_engine_active", "Requests at work in the engine", ["service"])
ENGINE_INFO = Gauge("quintet_engine_info", "Is 1 for the live engine", ["service", "engine", "kind", "model"])

JOBS_WAITING = Gauge("quintet_jobs_waiting", "Jobs that wait for a worker")
JOBS_ENDED = Counter("quintet_jobs_ended_total", "Jobs that ended", ["kind", "state"])
JOB_SECONDS = Histogram(
    "quintet_job_duration_seconds",
    "Work time of a job",
    ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
USAGE_DROPPED = Counter("quintet_usage_dropped_total", "Usage records that could not be kept", ["why"])
INDEXED_FILES = Counter("quintet_indexed_files_total", "Files looked at for a collection; `reused` of `all`", ["which"])
INDEXED_CHUNKS = Counter("quintet_indexed_chunks_total", "Chunks of documents that were made and stored")
STORE_COMMIT_SECONDS = Histogram(
    "quintet_store_commit_seconds", "Time of one commit of the store", buckets=_FAST_BUCKETS
)


class EngineLoad(Protocol):
    """Whatever admits requests to an engine, and knows how many are at work and how many wait."""

    @property
    def active(self) -> int:
        """Requests at work."""

    @property
    def waiting(self) -> int:
        """Requests that wait."""


def watch_engine(service: str, load: EngineLoad) -> None:
    """Shows the load of a service's engine whenever metrics are read."""
    ENGINE_ACTIVE.labels(service).set_function(lambda: load.active)
    ENGINE_QUEUE_DEPTH.labels(service).set_function(lambda: load.waiting)


def serve_metrics(host: str, port: int) -> int:
    """Serves the process's metrics over HTTP from a thread of its own and returns the real port.

    Raises:
        OSError: if the port is taken.
    """
    server, _thread = start_http_server(port, host, REGISTRY)
    return server.server_port
