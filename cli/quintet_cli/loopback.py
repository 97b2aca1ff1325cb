"""HTTP to programs on this machine."""

import ssl

import httpx


def loopback_client(timeout_s: float) -> httpx.AsyncClient:
    """Returns a client for plain HTTP on loopback, which no proxy of the environment may see."""
    # Loading the machine's certificates, which nothing here uses, costs a third of a core while others start.
    without_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=without_certificates)
