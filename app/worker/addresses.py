"""Which addresses of the internet are no place for a request of ours.

Assumes nothing about the interpreter: the tables are our own, because the flags of the standard library's address
classes change from one Python version to the next. Promises: ``is_special`` is true for every address that the IANA
special-purpose registries (or the multicast, reserved and metadata rows below) name; for IPv6 everything outside
2000::/3 is special, whether anybody has named it or not.

To renew: compare both tables with the registries named beside them, then move ``SNAPSHOT`` to that day. A test fails
when the snapshot is older than 180 days.
"""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from ipaddress import ip_network

#: The day on which the tables were last compared with the registries.
SNAPSHOT = date(2026, 11, 22)

#: IANA IPv4 Special-Purpose Address Registry; the last three rows are from other places.
SPECIAL_V4 = (
    "0.0.0.0/8",  # this network, RFC 791
    "10.0.0.0/8",  # private use, RFC 1918
    "100.64.0.0/10",  # shared by carriers, RFC 6598; holds the metadata address of one cloud
    "127.0.0.0/8",  # loopback, RFC 1122
    "169.254.0.0/16",  # link local, RFC 3927; holds the metadata address of most clouds
    "172.16.0.0/12",  # private use, RFC 1918
    "192.0.0.0/24",  # protocol assignments, RFC 6890
    "192.0.2.0/24",  # documentation, RFC 5737
    "192.31.196.0/24",  # AS112, RFC 7535
    "192.52.193.0/24",  # multicast tunnels, RFC 7450
    "192.88.99.0/24",  # 6to4 relays, deprecated by RFC 7526
    "192.168.0.0/16",  # private use, RFC 1918
    "192.175.48.0/24",  # AS112, RFC 7534
    "198.18.0.0/15",  # benchmarking, RFC 2544
    "198.51.100.0/24",  # documentation, RFC 5737
    "203.0.113.0/24",  # documentation, RFC 5737
    "240.0.0.0/4",  # reserved and limited broadcast, RFC 1112 and 919
    "224.0.0.0/4",  # multicast, RFC 5771
    "168.63.129.16/32",  # Azure's host agent: looks public, answers only the machine it runs on
)
#: The part of IPv6 that IANA assigns to networks; all else is special (RFC 4291).
UNICAST_V6 = "2000::/3"
#: IANA IPv6 Special-Purpose Address Registry, as far as it lies inside ``UNICAST_V6``.
SPECIAL_V6 = (
    "2001::/23",  # protocol assignments, RFC 2928: Teredo, benchmarking, ORCHID and others
    "2001:db8::/32",  # documentation, RFC 3849
    "2002::/16",  # 6to4, RFC 3056: any IPv4 address in disguise
    "2620:4f:8000::/48",  # AS112, RFC 7534
    "3fff::/20",  # documentation, RFC 9637
)
#: Second half of an ISATAP address (RFC 5214): an IPv4 address follows in the low 32 bits.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})

Range = tuple[int, int]


class Ranges:
    """A set of networks of one family that answers membership in logarithmic time."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._ranges = _merged(_range(network) for network in networks)
        self._starts = [start for start, _ in self._ranges]

    def __contains__(self, number: int) -> bool:
        found = bisect_right(self._starts, number) - 1
        return found >= 0 and number <= self._ranges[found][1]


def parse_address(text: str) -> tuple[int, int]:
    """(4 or 6, number) of a plain address as resolvers give it.

    Raises ValueError for everything else, zones (``fe80::1%eth0``) included.
    """
    version, family = (6, socket.AF_INET6) if ":" in text else (4, socket.AF_INET)
    try:
        return version, int.from_bytes(socket.inet_pton(family, text), "big")
    except OSError as error:
        raise ValueError("not an address") from error


def is_special(version: int, number: int) -> bool:
    """Whether this address must not be connected to unless the operator allows its network."""
    if version == 4:
        return number in _V4
    return number not in _UNICAST or number in _V6 or (number >> 32) & 0xFFFF_FFFF in _ISATAP


def networks(texts: Iterable[str]) -> dict[int, Ranges]:
    """Networks in CIDR notation by version. Raises ValueError for one that is none or has host bits set."""
    parsed = [ip_network(text) for text in texts]
    return {version: Ranges(str(one) for one in parsed if one.version == version) for version in (4, 6)}


def _range(network: str) -> Range:
    parsed = ip_network(network)
    return int(parsed.network_address), int(parsed.broadcast_address)


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


_V4 = Ranges(SPECIAL_V4)
_V6 = Ranges(SPECIAL_V6)
_UNICAST = Ranges([UNICAST_V6])
