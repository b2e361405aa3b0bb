"""Whether the page was opened by a host name: browsers bind passkeys to names, never to IP addresses."""

from ipaddress import ip_address

from django.http import HttpRequest
from django.http.request import split_domain_port


def host_of(request: HttpRequest) -> str:
    """Return the host that the address bar shows, without the port."""
    return split_domain_port(request.get_host())[0]


def is_named(request: HttpRequest) -> bool:
    """Say whether the address bar shows a host name."""
    try:
        ip_address(host_of(request).strip("[]"))
    except ValueError:
        return True
    return False
