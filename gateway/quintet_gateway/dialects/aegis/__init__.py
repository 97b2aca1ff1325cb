"""The Aegis AI service API: chat, model catalogue, documents and voices, at `/ai`, `/llm`, `/rag` and `/voice`."""

from quintet_gateway.dialects.aegis.surface import Aegis

__all__ = ["Aegis"]
