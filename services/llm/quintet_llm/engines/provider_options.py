"""Which provider is asked, as the operator chose it."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import SecretStr

from quintet_llm.engines.provider_quirks import OTHER, Quirks, quirks_of

DEFAULT_BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class ProviderOptions:
    """Address, key and models of a provider; the key never shows in a text made of this.

    An empty `base_url` is OpenAI's own. An empty `model` is the provider's default, or the first that it lists.
    `model_map` maps names that callers ask for to names that the provider serves. Times are in seconds.
    """

    base_url: str = ""
    key: SecretStr = field(default=SecretStr(""), repr=False)
    model: str = ""
    model_map: Mapping[str, str] = field(default_factory=dict)
    kind: str = "auto"
    connect_s: float = 5.0
    read_s: float = 120.0

    @cached_property
    def address(self) -> str:
        """The base URL that requests go to."""
        return self.base_url or DEFAULT_BASE_URL

    @cached_property
    def host(self) -> str:
        """Host, and port if it is named, for people."""
        return urlsplit(self.address).netloc

    @cached_property
    def is_local(self) -> bool:
        """Whether the address is of this machine."""
        return is_loopback(urlsplit(self.address).hostname or "")

    @cached_property
    def is_encrypted(self) -> bool:
        """Whether texts and key travel through TLS."""
        return urlsplit(self.address).scheme == "https"

    @cached_property
    def quirks(self) -> Quirks:
        """What is particular about the provider."""
        parts = urlsplit(self.address)
        return quirks_of(self.kind, parts.hostname or "", parts.port, loopback=self.is_local)

    @property
    def provider(self) -> str:
        """Who runs the models: the name of a known provider, otherwise the host."""
        return self.host if self.quirks.name == OTHER.name else self.quirks.name


def is_loopback(host: str) -> bool:
    """Tells whether a host is this machine by its name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
