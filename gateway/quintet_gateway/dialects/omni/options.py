"""What an operator chooses."""

from dataclasses import dataclass, field

from quintet_gateway.http.rate_limits import RateLimiter
from quintet_gateway.http.websocket import WebSocketRules

SAMPLE_RATE_INPUT_HZ = 16_000
SAMPLE_RATE_OUTPUT_HZ = 24_000


@dataclass(frozen=True)
class Generation:
    """How answers are made; engines that compute instead of writing freely need neither."""

    temperature: float = 0.6
    max_new_tokens: int = 256


@dataclass(frozen=True)
class OmniOptions:
    """Limits (no limiter limits nothing), bounds of sessions and of WebSockets, and how answers are made.

    A connection that sends nothing for `idle_s` seconds is ended, and the key of each is looked at again every
    `key_check_s` seconds.
    """

    limiter: RateLimiter | None = None
    requests_per_minute: int = 100
    max_sessions: int = 100
    idle_s: float = 600.0
    key_check_s: float = 15.0
    websockets: WebSocketRules = field(default_factory=WebSocketRules)
    generation: Generation = field(default_factory=Generation)
