"""Settings of the chat service, read from `QUINTET_LLM_*`."""

from typing import Literal

from pydantic import Field

from quintet_llm.skills.unanswerable import DEFAULT_REMEDY
from quintet_rpc import ServiceSettings, service_config


class LlmSettings(ServiceSettings):
    """What the operator of the chat service can choose."""

    model_config = service_config("llm")

    listen_addr: str = "127.0.0.1:50052"
    engine: Literal["auto", "grounded", "scripted"] = "auto"
    """`auto` takes `grounded`, the only engine that answers people in this release."""
    slots: int = Field(default=256, ge=1, le=10_000)
    """Answers at work at the same time."""
    waiting: int = Field(default=256, ge=0, le=10_000)
    """Requests that may wait for a slot; the next one is refused."""
    geocoding_url: str = "https://geocoding-api.open-meteo.com"
    """Base URL of a service that speaks Open-Meteo's geocoding API."""
    forecast_url: str = "https://api.open-meteo.com"
    """Base URL of a service that speaks Open-Meteo's forecast API."""
    shares_url: str = "https://query1.finance.yahoo.com"
    """Base URL of a service that speaks Yahoo's chart and search API."""
    remedy: str = DEFAULT_REMEDY
    """Command that the answer to an open question names; it tells what can be added."""
