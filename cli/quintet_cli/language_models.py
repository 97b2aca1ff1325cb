"""Finds servers of language models on this machine that Quintet could use."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from quintet_cli.loopback import loopback_client

USUAL_PORTS: Mapping[int, str] = {11434: "Ollama", 8080: "llama.cpp", 8000: "vLLM", 1234: "LM Studio"}
_TIMEOUT_S = 0.3
_LARGEST_BODY = 1 << 20
_MOST_NAMES = 100
# What these servers call the owner of a model tells more than the port, which can be anybody's.
_OWNERS = {"library": "Ollama", "llamacpp": "llama.cpp", "vllm": "vLLM", "organization_owner": "LM Studio"}


@dataclass(frozen=True)
class LanguageModelServer:
    """A server with an OpenAI-compatible API: `address` without a path, `models` as it lists them."""

    name: str
    address: str
    models: tuple[str, ...]

    @property
    def setting(self) -> str:
        """The one setting that makes Quintet use it."""
        return f"OPENAI_BASE_URL={self.address}/v1"


async def find_servers(ports: Mapping[int, str] = USUAL_PORTS) -> list[LanguageModelServer]:
    """Asks the ports of 127.0.0.1, for 0.3 s each and all at once; never fails."""
    async with loopback_client(_TIMEOUT_S) as client:
        found = await asyncio.gather(*(_look(client, port, name) for port, name in ports.items()))
    return [server for server in found if server is not None]


async def _look(client: httpx.AsyncClient, port: int, usual_name: str) -> LanguageModelServer | None:
    address = f"http://127.0.0.1:{port}"
    listing = await _get(client, f"{address}/v1/models")
    entries = listing.get("data") if listing.get("object") == "list" else None
    if not isinstance(entries, list):
        return None
    models = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    if not models or await _is_quintet(client, address, models):
        return None
    owners = (_OWNERS.get(str(entry.get("owned_by"))) for entry in models)
    name = next((owner for owner in owners if owner), usual_name)
    return LanguageModelServer(name, address, tuple(entry["id"][:200] for entry in models[:_MOST_NAMES]))


async def _is_quintet(client: httpx.AsyncClient, address: str, models: list[dict[str, Any]]) -> bool:
    """Tells whether a gateway of Quintet listens there, which takes the same ports if they are free."""
    if any(entry.get("owned_by") == "quintet" for entry in models):
        return True
    readiness = await _get(client, f"{address}/readyz")
    return {"complete", "services"} <= readiness.keys()


async def _get(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """Returns the JSON object at an address, empty if there is none; the status does not matter."""
    try:
        async with asyncio.timeout(_TIMEOUT_S), client.stream("GET", url) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    return {}
        found = json.loads(body)
    except (httpx.HTTPError, TimeoutError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
