"""Times as clients of the document may write them."""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
# In a query string, an unescaped `+` of an offset arrives as a space.
_LOST_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")


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
