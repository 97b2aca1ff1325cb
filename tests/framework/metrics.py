"""Reading what the processes say about themselves, fast enough to time what changes within milliseconds."""

import http.client
from urllib.parse import urlsplit

from framework.cluster import Cluster

_TIMEOUT_S = 10.0
# Where each process of each log shows its metrics; a restarted one has another port.
_addresses: dict[tuple[str, str], str] = {}


def scrape(cluster: Cluster, process: str) -> str:
    """Returns the metrics page of a process."""
    key = (str(cluster.log_path), process)
    try:
        # The log is read only when nothing is known: it grows to megabytes.
        return _get(_addresses.get(key) or _addresses.setdefault(key, cluster.metrics_url(process)))
    except ConnectionError:
        _addresses[key] = cluster.metrics_url(process)
        return _get(_addresses[key])


def sample_sum(page: str, name: str, **labels: str) -> float:
    """Adds up the samples of a metric that carry the labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = (line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))


def engine_active(cluster: Cluster, service: str) -> float:
    """Returns how many requests are at work in the engine of a service."""
    return sample_sum(scrape(cluster, service), "quintet_engine_active", service=service)


def gateway_active(cluster: Cluster) -> float:
    """Returns how many requests of the nexus surface the gateway works on."""
    return sample_sum(scrape(cluster, "gateway"), "quintet_http_active", surface="nexus")


def _get(url: str) -> str:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()
    finally:
        connection.close()
