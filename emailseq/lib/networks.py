"""Where an address leads: other people's settings may only lead to the public internet (SSRF)."""

from __future__ import annotations

import ipaddress
import re

# Ranges that lead elsewhere than they say: 6to4 and NAT64 wrap an IPv4 address.
_WRAPPED = tuple(map(ipaddress.ip_network, ("2002::/16", "64:ff9b::/96", "64:ff9b:1::/48")))
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is one that anybody may be sent to."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and (
        ip.ipv4_mapped or any(ip in network for network in _WRAPPED)
    ):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def is_loopback(host: str) -> bool:
    """Whether a host, a name or an address, is this machine for certain."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_host(text: str) -> bool:
    """Whether a text is the name of a host, or an IPv4 address, in small letters."""
    return bool(_HOST.fullmatch(text))
