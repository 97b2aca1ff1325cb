"""Settings of the chat service, read from `QUINTET_LLM_*`."""

import os
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from quintet_llm.provider_settings import check_address, check_key, parse_model_map
from quintet_llm.skills.unanswerable import DEFAULT_REMEDY
from quintet_rpc import ServiceSettings, service_config


def _key_of_sdk(data: dict[str, Any]) -> SecretStr:
    """Returns the SDK's key only for the SDK's address: no key goes to an address that it was not given for."""
    address = os.environ.get("OPENAI_BASE_URL", "").strip().rstrip("/")
    same = data.get("provider_base_url", address) == address
    return SecretStr(os.environ.get("OPENAI_API_KEY", "") if same else "")


class LlmSettings(ServiceSettings):
    """What the operator of the chat service can choose."""

    model_config = service_config("llm")

    listen_addr: str = "127.0.0.1:50052"
    engine: Literal["auto", "grounded", "provider", "scripted"] = "auto"
    """`auto` takes `provider` if an address or a key of one is set, otherwise `grounded`."""
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
    unknown_model: Literal["refuse", "default"] = "refuse"
    """What a request for a model that is not served gets: an error, or the default model."""
    embedding_model: str = "all-minilm-l6-v2"
    """Name of the embedding model, as `quintet models list` shows it."""
    embedding_threads: int = Field(default=2, ge=1, le=64)
    """Threads of the embedding model; more are hardly faster for texts of this length."""
    embedding_slots: int = Field(default=16, ge=1, le=1000)
    """Requests for vectors that take turns at the model, of questions and of passages each."""
    embedding_waiting: int = Field(default=64, ge=0, le=10_000)
    """Requests for vectors that may wait for a slot, of questions and of passages each; the next one is refused."""
    provider_base_url: str = Field(default_factory=lambda: os.environ.get("OPENAI_BASE_URL", ""))
    """Address of an OpenAI-compatible API; empty is OpenAI's own if there is a key."""
    provider_api_key: SecretStr = Field(default_factory=_key_of_sdk)
    """Key for that address; empty for servers that need none."""
    provider_model: str = ""
    """Model to ask for; empty takes the provider's default, or the first that it lists."""
    provider_model_map: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """Names that callers may ask for and the provider's names for them: `asked=served,asked=served`."""
    provider_kind: Literal[
        "auto", "openai", "anthropic", "google", "groq", "mistral", "ollama", "vllm", "localai", "lm-studio", "other"
    ] = "auto"
    """Whose habits to follow; `auto` tells it by the address."""
    provider_connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """How long a connection may take."""
    provider_read_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """How long the provider may say nothing: before the first word, and between two."""

    @field_validator("provider_base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return check_address(value)

    @field_validator("provider_api_key")
    @classmethod
    def _check_key(cls, value: SecretStr) -> SecretStr:
        return check_key(value)

    @field_validator("provider_model_map", mode="before")
    @classmethod
    def _parse_map(cls, value: object) -> object:
        return parse_model_map(value) if isinstance(value, str) else value

    @property
    def has_provider(self) -> bool:
        """Whether a provider is configured; either of address and key is enough."""
        return bool(self.provider_base_url or self.provider_api_key.get_secret_value())
