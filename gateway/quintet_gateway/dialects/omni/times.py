"""Times as the document writes them: UTC without a zone, `2024-01-01T00:00:00`."""

import time

from google.protobuf.timestamp_pb2 import Timestamp


def now() -> str:
    """Writes the present time."""
    return _format(time.time())


def format_time(timestamp: Timestamp) -> str:
    """Writes the time of a message."""
    return _format(timestamp.seconds)


def milliseconds(seconds: float) -> int:
    """Returns whole milliseconds."""
    return round(seconds * 1000)


def _format(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
