"""One endpoint, as the surface adds it at both of its bases."""

from dataclasses import dataclass

from quintet_gateway.http.routing import Handler


@dataclass(frozen=True)
class Endpoint:
    """Method, path and handler; without `head`, a GET that has effects refuses HEAD."""

    method: str
    path: str
    handler: Handler
    head: bool = True
