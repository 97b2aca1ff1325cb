"""structlog, set up once a process: JSON for machines, columns for people.

Event names are static. What a person said, wrote or uploaded stands only under keys that contain `pii`, and those are
dropped unless the process was told to log them.
"""

import logging
import sys
from contextlib import AbstractContextManager
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

LogFormat = Literal["json", "console"]


def configure_logging(service: str, level: str = "info", log_format: LogFormat = "json") -> None:
    """Sends the process's logs to standard output, one event a line.

    Raises:
        ValueError: for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"log level {level!r} is not one of debug, info, warning, error, critical")
    structlog.configure(
        processors=_processors(service, log_format),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module; their warnings belong in the same stream.
    logging.basicConfig(
        stream=sys.stdout, level=max(number, logging.WARNING), format="%(name)s: %(message)s", force=True
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """Returns the logger of a module."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def bind_context(**values: str) -> AbstractContextManager[None]:
    """Adds keys to every event of the block, also across awaits."""
    return structlog.contextvars.bound_contextvars(**values)


def _processors(service: str, log_format: LogFormat) -> list[Processor]:
    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_service,
        _drop_personal_data,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "console":
        return [*shared, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    return [*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _drop_personal_data(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key in [key for key in event if "pii" in key.split("_")]:
        del event[key]
    return event
