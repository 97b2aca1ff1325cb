"""Times as all documents write them, `2024-01-15T10:30:00Z`."""

import time
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def now() -> str:
    """Writes the present time."""
    return _format(time.time())


def format_time(timestamp: Timestamp) -> str:
    """Writes the time of a message."""
    return _format(timestamp.seconds)


def format_moment(moment: datetime) -> str:
    """Writes an aware time."""
    return _format(moment.timestamp())


def _format(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
