"""From where a request comes, as far as the proxies in front can be believed."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

SUBSCRIBER = 64
"""Bits of an IPv6 address that one subscriber shares: within them they may choose addresses as they like."""


def network_of(request: HttpRequest) -> str:
    """Return the sender's address, of IPv6 the /64 network; "" where there is none, as on a socket of this host.

    Each of the FORWARDED_HOPS proxies in front has added one address to X-Forwarded-For, on the right; what stands
    further left is the sender's own word. A header that is shorter did not come through all of them.
    """
    sender = request.META.get("REMOTE_ADDR", "")
    hops: int = settings.FORWARDED_HOPS
    if hops:
        came = [each.strip() for each in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(came) >= hops:
            return _network(came[-hops]) or _network(sender)
    return _network(sender)


def _network(text: str) -> str:
    try:
        address = ip_address(_without_port(text).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, SUBSCRIBER), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
