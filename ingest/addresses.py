"""Tells addresses of the public internet from all others."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Blocks that `is_global` of some Python lets through. The last one is no block of IANA's: behind that
# address every virtual machine of Azure finds the services of its host.
_NOT_PUBLIC = tuple(
    ipaddress.IPv4Network(block) for block in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")
)
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that IANA has given out of IPv6; loopback, mapped, private and local addresses lie outside."""

_NOT_UNICAST = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address that a router would go to
        "3fff::/20",  # documentation
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may reach `address`, which thus is nobody's secret.

    What carries an IPv4 address is judged by that: mapped ones and those of NAT64. Tunnels that are no
    longer in use (6to4, Teredo, ISATAP) are never public.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public_v4(address)
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public_v4(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _UNICAST or any(address in block for block in _NOT_UNICAST):
        return False
    return address.is_global and (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def _is_public_v4(address: ipaddress.IPv4Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in block for block in _NOT_PUBLIC)
