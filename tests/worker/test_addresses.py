"""The deny table: complete against an independent reading of itself, fresh, and the only policy there is."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.addresses import SNAPSHOT, SPECIAL_V4, SPECIAL_V6, UNICAST_V6, is_special, networks, parse_address

APP = Path(__file__).parent.parent.parent / "app"
BANNED = {"is_private", "is_global"}
BANNED_IN_WORKER = BANNED | {"is_reserved", "is_loopback", "is_link_local", "is_multicast", "is_unspecified"}


def special_v4(address: IPv4Address) -> bool:
    """The slow, obvious reading of the table."""
    return any(address in ip_network(row) for row in SPECIAL_V4)


def special_v6(address: IPv6Address) -> bool:
    if address not in ip_network(UNICAST_V6) or any(address in ip_network(row) for row in SPECIAL_V6):
        return True
    return address.packed[8:12] in (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")


def test_snapshot_is_fresh() -> None:
    age = datetime.now(UTC).date() - SNAPSHOT
    assert age < timedelta(days=180), (
        "The deny table is old. Compare SPECIAL_V4 and SPECIAL_V6 in app/worker/addresses.py with the IANA "
        "special-purpose address registries, change what has changed, and set SNAPSHOT to today."
    )


@given(st.integers(0, 2**32 - 1))
def test_any_v4_address(number: int) -> None:
    assert is_special(4, number) == special_v4(IPv4Address(number))


@given(st.one_of(st.integers(0, 2**128 - 1), st.integers(0x2000 << 112, (0x4000 << 112) - 1)))
def test_any_v6_address(number: int) -> None:
    assert is_special(6, number) == special_v6(IPv6Address(number))


@pytest.mark.parametrize("row", SPECIAL_V4)
def test_edges_of_v4_rows(row: str) -> None:
    network = ip_network(row)
    first, last = int(network.network_address), int(network.broadcast_address)
    for number in {max(first - 1, 0), first, last, min(last + 1, 2**32 - 1)}:
        assert is_special(4, number) == special_v4(IPv4Address(number))
    assert is_special(4, first)
    assert is_special(4, last)


@pytest.mark.parametrize("row", [*SPECIAL_V6, UNICAST_V6])
def test_edges_of_v6_rows(row: str) -> None:
    network = ip_network(row)
    first, last = int(network.network_address), int(network.broadcast_address)
    for number in (first - 1, first, last, last + 1):
        assert is_special(6, number) == special_v6(IPv6Address(number))


@pytest.mark.parametrize(
    "text",
    [
        *("::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "2002:808:808::1", "2001:0:808:808::"),
        *(
            "fe80::5efe:8.8.8.8",
            "2a00:1450::5efe:10.0.0.1",
            "2a00:1450::200:5efe:10.0.0.1",
            "::",
            "::1",
            "fd00:ec2::254",
        ),
        *("168.63.129.16", "169.254.169.254", "100.100.100.200", "255.255.255.255", "5f00::1", "100:0:0:1::1"),
    ],
)
def test_addresses_in_disguise(text: str) -> None:
    assert is_special(*parse_address(text))


@pytest.mark.parametrize(
    "text", ["", "fe80::1%eth0", "127.1", "0177.0.0.1", "1.2.3", "[::1]", "example.org", "1.2.3.4 "]
)
def test_only_plain_addresses_parse(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        parse_address(text)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "localhost", "10.0.0.0/33"])
def test_bad_networks_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host bits|appear to be"):
        networks([text])


def test_policy_never_asks_the_standard_library() -> None:
    """C11: those flags change with the interpreter."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in (BANNED_IN_WORKER if path.parent.name == "worker" else BANNED)
    ]
    assert not found
