"""Fixtures of the tests; nothing else imports it."""

from quintet_testing.loopback import serve
from quintet_testing.waiting import eventually

__all__ = ["eventually", "serve"]
