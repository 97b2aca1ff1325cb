"""Quillium: accounts, chats, settings, and live messages over WebSockets."""

from quintet_gateway.dialects.quillium.surface import Quillium, QuilliumOptions

__all__ = ["Quillium", "QuilliumOptions"]
