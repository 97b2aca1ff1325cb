"""Addresses in headers: spellings of one address are one address."""

import ipaddress

import pytest

from quintet_gateway.http.addresses import is_within, parse_address, parse_network
from quintet_gateway.http.hosts import is_loopback


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("localhost", None),
        ("10.1.2.3%eth0", None),
        ("10.1.2", None),
        ("", None),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == (ipaddress.ip_address(address) if address else None)


def test_networks():
    networks = [parse_network("10.9.9.9/8"), parse_network("2001:db8::/32")]
    assert is_within(parse_address("::ffff:10.1.2.3"), networks)
    assert is_within(parse_address("2001:db8::5"), networks)
    assert not is_within(parse_address("11.1.2.3"), networks)
    assert not is_within(None, networks)
    assert parse_network(".example") is None
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("127.0.0.1.example")
