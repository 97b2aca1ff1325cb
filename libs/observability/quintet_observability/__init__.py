"""Logs and metrics of every process."""

from quintet_observability import metrics
from quintet_observability.logging import bind_context, configure_logging, get_logger

__all__ = ["bind_context", "configure_logging", "get_logger", "metrics"]
