"""Settings of the gateway, from `QUINTET_GATEWAY_*`. Lists are separated by commas."""

import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from quintet_gateway.clients import ServiceAddresses
from quintet_gateway.http.websocket import WebSocketRules
from quintet_rpc import service_config
from quintet_rpc.settings import ProcessSettings


def _split(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]
Ports = Annotated[tuple[Port, ...], NoDecode, BeforeValidator(_split), Field(min_length=1)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class GatewaySettings(ProcessSettings):
    """Everything that an operator can choose."""

    model_config = service_config("gateway")

    ports: Ports = (8000, 5000, 8080, 7860)
    """Ports to listen on; 0 is any free one. The defaults are those of the documents' sample clients."""
    ports_required: bool | None = None
    """Whether a busy port is an error; unset, it is one exactly if `ports` was set."""
    hosts: Names = ("127.0.0.1", "::1")
    """Addresses to listen on; those that the machine does not have are left out."""
    allowed_hosts: Names = ()
    """Host names to answer beside loopback ones: names, `.suffix`, addresses, networks, or `*`."""
    allowed_origins: Names = ()
    """Origins of web pages that may use the keyless surfaces, beside loopback ones; `*` opens them to all."""
    trusted_proxies: Names = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` is believed."""
    limits: Literal["documented", "off"] = "documented"
    """Rate limits as the documents state them, or none and no headers about them."""
    require_credentials: bool = False
    """Whether the surfaces whose documents ask for no credential, nexus and aegis, want a token or an API key too."""
    nexus_api_keys: Secrets = ()
    """Keys of the nexus surface; if any is set, a request with another `X-API-Key` is refused."""
    word_pause_ms: float = Field(default=0, ge=0, le=1000)
    """Pause between two words of a nexus stream; its document's server made 30."""
    upload_memory_mib: int = Field(default=128, ge=32)
    """Memory for all uploads together; who comes later waits."""
    upload_wait_s: float = Field(default=120, gt=0)
    """How long an upload may wait for memory before it is refused."""
    body_silence_s: float = Field(default=20, gt=0)
    """How long a client may send nothing in the middle of a body."""
    keepalive_s: float = Field(default=75, gt=0)
    """How long an idle connection, or one that has not finished its first headers, stays open."""
    stream_silence_s: float = Field(default=15, gt=0)
    """Silence in a stream after which a comment is sent."""
    aegis_silence_s: float = Field(default=2, gt=0)
    """The same in a stream of aegis; clients like those of its document give up after 5."""
    stream_write_s: float = Field(default=20, gt=0)
    """How long a client may leave its stream unread before it is ended."""
    websocket_ping_s: float = Field(default=54, gt=0)
    """How often an open WebSocket is asked whether anybody is there."""
    websocket_pong_s: float = Field(default=60, gt=0)
    """After how long without an answer it is dropped; more than `websocket_ping_s`."""
    websockets: int = Field(default=1000, ge=1)
    """WebSockets of one surface that may be open at once."""
    websockets_per_user: int = Field(default=20, ge=1)
    """WebSockets that one user may have open at once."""
    omni_requests_per_minute: int = Field(default=100, ge=1)
    """Requests that an API key of omni may send in a minute; one that sends more is refused for the next one."""
    omni_max_sessions: int = Field(default=100, ge=1)
    """Sessions of an API key of omni; of more the least recently updated end."""
    omni_idle_s: float = Field(default=600, gt=0)
    """How long a WebSocket of omni may send nothing before it is closed."""
    omni_key_check_s: float = Field(default=15, gt=0)
    """How often the key of an open WebSocket of omni is looked at again; one that was revoked ends it."""
    omni_temperature: float = Field(default=0.6, ge=0, le=2)
    """Randomness of the answers of omni, for language models that have one."""
    omni_max_new_tokens: int = Field(default=256, ge=1)
    """Length of the answers of omni in tokens, for language models."""
    sight_requests_per_minute: int = Field(default=10, ge=1)
    """Requests that a session of sight may send in a minute."""
    sight_session_idle_s: float = Field(default=1800, ge=1)
    """How long a session of sight lives without a request."""
    drain_delay_s: float = Field(default=0, ge=0)
    """How long to go on taking requests after SIGTERM, until load balancers have seen that readiness is off."""
    job_slots: int = Field(default=8, ge=1, le=256)
    """Jobs that are worked on at once."""
    catalogue_file: Path | None = None
    """Models and prices of the operator, as JSON in the format of genai-prices, instead of the package's own."""
    catalogue_refresh_hours: float = Field(default=0, ge=0)
    """How often newer models and prices are fetched from the maintainers of genai-prices; 0 means never."""
    knowledge_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)] = ()
    """Folders whose documents may be indexed, with all that is below; none means `documents` in the data folder."""
    knowledge_max_files: int = Field(default=100_000, ge=1)
    """Files of one collection; what comes after them is left out and reported."""
    webhook_targets: Names = ()
    """Networks or addresses that webhooks may reach beside public ones, for example `10.0.0.0/8`."""
    session_addr: str = "127.0.0.1:50051"
    llm_addr: str = "127.0.0.1:50052"
    vision_addr: str = "127.0.0.1:50053"
    stt_addr: str = "127.0.0.1:50054"
    tts_addr: str = "127.0.0.1:50055"

    @field_validator("trusted_proxies", "webhook_targets")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            ipaddress.ip_network(proxy, strict=False)
        return value

    @field_validator("hosts")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one address is needed")
        for host in value:
            ipaddress.ip_address(host)
        return value

    @property
    def document_roots(self) -> tuple[Path, ...]:
        """Folders whose documents may be indexed."""
        return self.knowledge_roots or (self.data_dir / "documents",)

    def make_documents_folder(self) -> None:
        """Makes the folder of documents if no other was chosen; where it cannot be made, there is nothing to index."""
        if not self.knowledge_roots:
            with suppress(OSError):
                self.document_roots[0].mkdir(parents=True, exist_ok=True)

    @property
    def busy_port_is_error(self) -> bool:
        """Whether every port must be free."""
        return "ports" in self.model_fields_set if self.ports_required is None else self.ports_required

    @model_validator(mode="after")
    def _leaves_time_for_pongs(self) -> Self:
        if self.websocket_pong_s <= self.websocket_ping_s:
            raise ValueError("websocket_pong_s must be more than websocket_ping_s")
        return self

    @property
    def websocket_rules(self) -> WebSocketRules:
        """Bounds of WebSockets."""
        return WebSocketRules(
            ping_s=self.websocket_ping_s,
            pong_s=self.websocket_pong_s,
            in_all=self.websockets,
            per_user=self.websockets_per_user,
        )

    @property
    def services(self) -> ServiceAddresses:
        """Where the services listen."""
        return ServiceAddresses(
            session=self.session_addr, llm=self.llm_addr, vision=self.vision_addr, stt=self.stt_addr, tts=self.tts_addr
        )
