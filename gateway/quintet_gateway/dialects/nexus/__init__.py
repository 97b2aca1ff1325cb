"""The Quantum AI Nexus API: thirteen endpoints under `/api` and, without `/api`, under `/v1`."""

from quintet_gateway.dialects.nexus.routes import Nexus

__all__ = ["Nexus"]
