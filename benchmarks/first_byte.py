"""Time to the first SSE byte of `/process/text` on a warm system with the grounded engine; bar: p50 under 15 ms."""

import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks.load import http_request, run_streams
from benchmarks.processes import quintet_up


def main() -> None:
    """Prints the median and the 95th percentile."""
    body = b'{"message": "what is 12 times 12?"}'
    request = http_request("POST", "/api/process/text", (("Content-Type", "application/json"),), body)
    with (
        tempfile.TemporaryDirectory() as folder,
        quintet_up(Path(folder), "--limits", "off") as (_process, port, _seconds),
    ):
        asyncio.run(run_streams(port, request, 1, 20))
        load = asyncio.run(run_streams(port, request, 1, 300))
    times = sorted(load.first_event_s)
    p95 = times[int(0.95 * len(times))]
    print(f"first SSE byte: p50 {1000 * statistics.median(times):.2f} ms, p95 {1000 * p95:.2f} ms | bar p50 < 15 ms")


if __name__ == "__main__":
    main()
