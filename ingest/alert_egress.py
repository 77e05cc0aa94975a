"""The way out for notices of alerts: to the addresses of the settings alone."""

from ingest.addresses import is_public
from ingest.egress import Egress
from tandem.settings import AlertSettings

_EVERY_PORT = frozenset(range(1, 65_536))


def open_alert_egress(settings: AlertSettings) -> Egress:
    """Public addresses at the usual ports; any address and port where `alerts.private_targets` says so."""
    if not settings.private_targets:
        return Egress(max_bytes=0, timeout_s=settings.send_timeout_s, is_allowed=is_public)
    return Egress(
        max_bytes=0, timeout_s=settings.send_timeout_s, is_allowed=lambda address: True, ports=_EVERY_PORT
    )
