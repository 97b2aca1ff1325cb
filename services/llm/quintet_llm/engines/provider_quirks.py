"""What is particular about each provider of OpenAI-compatible chat completions, as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quirks:
    """How one provider differs from the others.

    `hosts` and `loopback_ports` are what it is known by. `default_model` is empty where the first listed model is as
    good as any. `asks_for_usage` tells whether usage comes only for `stream_options`, which others refuse.
    `limit_parameter` is the name of the largest number of tokens. `hottest` is the highest temperature.
    Models whose names begin with one of `fixed_temperature` refuse every temperature.
    """

    name: str
    title: str
    hosts: tuple[str, ...] = ()
    loopback_ports: tuple[int, ...] = ()
    default_model: str = ""
    asks_for_usage: bool = True
    limit_parameter: str = "max_tokens"
    hottest: float = 2.0
    fixed_temperature: tuple[str, ...] = ()
    lists_models: bool = True


OPENAI = Quirks(
    "openai",
    "OpenAI",
    hosts=("api.openai.com",),
    default_model="gpt-6-luna",
    # Reasoning models refuse max_tokens, all others take the newer name as well.
    limit_parameter="max_completion_tokens",
    fixed_temperature=("o1", "o3", "o4", "gpt-5", "gpt-6"),
)
OTHER = Quirks("other", "An OpenAI-compatible server")
PROVIDERS = (
    OPENAI,
    # Caps temperatures above 1 itself; listing needs headers of its own API.
    Quirks("anthropic", "Anthropic", hosts=("api.anthropic.com",), hottest=1.0, lists_models=False),
    Quirks("google", "Google", hosts=("generativelanguage.googleapis.com",), default_model="gemini-flash-latest"),
    Quirks(
        "groq",
        "Groq",
        hosts=("api.groq.com",),
        default_model="openai/gpt-oss-20b",
        limit_parameter="max_completion_tokens",
    ),
    # Sends usage unasked, and answers 422 to stream_options and max_completion_tokens.
    Quirks(
        "mistral",
        "Mistral",
        hosts=("api.mistral.ai",),
        default_model="mistral-small-latest",
        asks_for_usage=False,
        hottest=1.5,
    ),
    Quirks("ollama", "Ollama", loopback_ports=(11434,)),
    Quirks("vllm", "vLLM", loopback_ports=(8000,)),
    Quirks("localai", "LocalAI or llama.cpp", loopback_ports=(8080,)),
    Quirks("lm-studio", "LM Studio", loopback_ports=(1234,)),
    OTHER,
)
NAMES = tuple(one.name for one in PROVIDERS)


def quirks_of(name: str, host: str, port: int | None, *, loopback: bool) -> Quirks:
    """Returns the quirks of the provider of that name, or for `auto` of the one known at that address."""
    for one in PROVIDERS:
        if name == one.name:
            return one
        if name == "auto" and (host in one.hosts or (loopback and port in one.loopback_ports)):
            return one
    return OTHER
