"""Omni: sessions of a voice assistant, whole recordings, a spoken conversation over a WebSocket, and webhooks."""

from quintet_gateway.dialects.omni.surface import Omni, OmniOptions

__all__ = ["Omni", "OmniOptions"]
