"""Times as the document writes them, and as its clients may."""

import re
import time
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
# In a query string, an unescaped `+` of an offset arrives as a space.
_LOST_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")


def now() -> str:
    """Returns the present time."""
    return _format(time.time())


def format_time(timestamp: Timestamp) -> str:
    """Writes a time as `2024-01-15T10:30:00Z`."""
    return _format(timestamp.seconds)


def format_moment(moment: datetime) -> str:
    """Writes an aware time in the same way."""
    return _format(moment.timestamp())


def parse_time(text: str) -> Timestamp:
    """Reads an ISO 8601 time; one without an offset is UTC.

    Raises:
        ValueError: if it is none, or before the year 1 or after 9999 in UTC.
    """
    moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    timestamp = Timestamp(seconds=since // _SECOND, nanos=since.microseconds * 1000)
    timestamp.ToDatetime()
    return timestamp


def _format(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
