"""A loopback server that speaks the documented answers of the public sources, and an engine that asks it."""

import asyncio
import importlib
import json
import sys
import threading
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from quintet_llm.conversation import Role, Turn
from quintet_llm.engine import ChatRequest, Finished
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.skills.registry import SkillOptions

# Test modules are imported by their paths, so that the module beside them has to be made findable.
sys.path.insert(0, str(Path(__file__).parent))
provider_server = importlib.import_module("provider_server")

NOW = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)  # A Saturday.
PLACES = {
    "paris": ("Paris", "France", 48.85341, 2.3488),
    "new york": ("New York", "United States", 40.71427, -74.00597),
}
PLACES |= {"berlin": ("Berlin", "Germany", 52.52437, 13.41053), "kyoto": ("Kyoto", "Japan", 35.02107, 135.75385)}
PLACES |= {
    "london": ("London", "United Kingdom", 51.50853, -0.12574),
    "são paulo": ("São Paulo", "Brazil", -23.5475, -46.63611),
}
PLACES |= {
    "tokyo": ("Tokyo", "Japan", 35.6895, 139.69171),
    "los angeles": ("Los Angeles", "United States", 34.05, -118.24),
}
SHARES = {"AAPL": ("Apple Inc.", 182.45, 180.2331, "USD"), "MSFT": ("Microsoft Corporation", 410.5, 415.0, "USD")}
SHARES |= {
    "TSLA": ("Tesla, Inc.", 250.0, 240.0, "USD"),
    "SAP.DE": ("SAP SE", 201.3, 200.0, "EUR"),
    "NVDA": ("NVIDIA Corporation", 900.0, 890.0, "USD"),
}
SHARES |= {
    "GOOGL": ("Alphabet Inc.", 170.0, 171.0, "USD"),
    "AMZN": ("Amazon.com, Inc.", 185.0, 184.0, "USD"),
    "KO": ("The Coca-Cola Company", 60.0, 59.0, "USD"),
}
SHARES |= {
    "SIE.DE": ("Siemens Aktiengesellschaft", 180.0, 179.0, "EUR"),
    "F": ("Ford Motor Company", 12.0, 12.5, "USD"),
    "IBM": ("IBM", 190.0, 191.0, "USD"),
}
SHARES |= {"NFLX": ("Netflix, Inc.", 600.0, 590.0, "USD")}


class PublicSources(ThreadingHTTPServer):
    """`fault` is one of "", "500", "malformed", "not-json-object", "slow", "redirect", "odd-types", "huge"."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault = ""
        self.requests = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urlsplit(self.path)
        self.server.requests.append(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if self._misbehaved():
            return
        status, body = self._answer(parts.path, query)
        self._send(status, json.dumps(body).encode())

    def _misbehaved(self):
        fault = self.server.fault
        if fault == "slow":
            self.server.released.wait(20)
        bodies = {
            "500": (500, b"oops"),
            "malformed": (200, b'{"results": [{'),
            "not-json-object": (200, b"[1, 2]"),
            "redirect": (302, b""),
        }
        bodies |= {
            "odd-types": (200, b'{"results": [3], "current": [], "chart": 7, "quotes": 5}'),
            "huge": (200, b'{"a": "' + b"x" * (2 << 20) + b'"}'),
        }
        bodies |= {"deep": (200, b'{"results":' + b"[" * 100_000), "slow": (500, b"")}
        if fault not in bodies:
            return False
        self._send(*bodies[fault])
        return True

    def _answer(self, path, query):
        if path == "/v1/search":
            place = PLACES.get(query["name"].casefold())
            keys = ("name", "country", "latitude", "longitude")
            return 200, {"generationtime_ms": 0.5} | (
                {"results": [dict(zip(keys, place, strict=True))]} if place else {}
            )
        if path == "/v1/forecast":
            return 200, forecast(query)
        if path == "/v1/finance/search":
            found = [symbol for symbol, share in SHARES.items() if query["q"].casefold() in share[0].casefold()]
            return 200, {
                "quotes": [
                    {"symbol": "^X", "quoteType": "INDEX"},
                    *({"symbol": one, "quoteType": "EQUITY"} for one in found),
                ]
            }
        return chart(path.rsplit("/", 1)[1])

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # The client may be gone.
            self.wfile.write(body)

    def log_message(self, *_args):
        pass


def forecast(query):
    assert {"latitude", "longitude", "current", "daily"} <= query.keys()
    return {
        "latitude": float(query["latitude"]),
        "longitude": float(query["longitude"]),
        "timezone": "Europe/Paris",
        "current_units": {"temperature_2m": "°C", "wind_speed_10m": "km/h"},
        "current": {
            "time": "2026-11-21T16:30",
            "interval": 900,
            "temperature_2m": 18.2,
            "relative_humidity_2m": 65,
            "weather_code": 2,
            "wind_speed_10m": 12.3,
        },
        "daily": {
            "time": [f"2026-11-{day}" for day in range(21, 29)],
            "weather_code": [2, 61, 0, 3, 71, 95, 45, None],
            "temperature_2m_max": [18.4, 12.1, 11.0, 10.2, 1.4, 9.0, 8.0, None],
            "temperature_2m_min": [9.6, 7.2, 4.0, 3.3, -3.4, 2.0, 1.0, None],
            "precipitation_probability_max": [10, 85, 0, 20, 70, 90, 5, None],
        },
    }


def chart(symbol):
    if symbol not in SHARES:
        return 404, {
            "chart": {
                "result": None,
                "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"},
            }
        }
    name, price, previous, currency = SHARES[symbol]
    meta = {
        "currency": currency,
        "symbol": symbol,
        "instrumentType": "EQUITY",
        "regularMarketTime": 1795274999,
        "regularMarketPrice": price,
    }
    meta |= {"longName": name, "shortName": name, "chartPreviousClose": previous, "exchangeName": "NMS", "priceHint": 2}
    return 200, {
        "chart": {"result": [{"meta": meta, "timestamp": [1795274999], "indicators": {"quote": [{}]}}], "error": None}
    }


@pytest.fixture
def sources():
    server = PublicSources()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def assistant(sources, monkeypatch):
    """Asks a grounded engine at a fixed moment; keeps no memory between calls."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # A proxy of the machine would hide the loopback server.
    options = SkillOptions(sources.url, sources.url, sources.url, now=lambda: NOW)
    asked = Assistant(GroundedEngine(options))
    await asked.engine.warm_up()
    yield asked
    await asked.engine.close()


@pytest.fixture
async def provider():
    """A loopback server that plays a provider of chat completions."""
    async with provider_server.running() as server:
        yield server


class Assistant:
    """A grounded engine with conversations in a short form."""

    def __init__(self, engine):
        self.engine = engine

    async def ask(self, *texts, picture=None, language="", time_zone="Europe/Berlin"):
        """Sends the texts one after the other and returns the last answer with its skill.

        A `picture` comes with the first message.
        """
        turns, answer, skill = [], "", ""
        for index, text in enumerate(texts):
            turns.append(Turn(Role.USER, text, picture if index == 0 else None))
            answer, skill = await self._answer(ChatRequest(tuple(turns), language=language, time_zone=time_zone))
            turns.append(Turn(Role.ASSISTANT, answer))
        return answer, skill

    async def _answer(self, request):
        text, skill = "", ""
        async with asyncio.timeout(30), aclosing(self.engine.answer(request)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    skill = event.skill
                else:
                    text += event.text
        return text, skill
