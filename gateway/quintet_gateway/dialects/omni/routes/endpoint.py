"""What all endpoints have in common."""

from quintet_gateway.http.routing import Handler

Endpoint = tuple[str, str, Handler]
"""Method, path, handler."""
