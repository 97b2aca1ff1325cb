"""Typed calls to the five services; each has a deadline and fails with `DomainError` only."""

from quintet_gateway.clients.services import ServiceAddresses, ServiceClients

__all__ = ["ServiceAddresses", "ServiceClients"]
