"""Sends what is to be told of alerts, apart from everything else: no look and no answer waits for it."""

import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import structlog

from server.services import Services
from tandem.errors import TandemError, UnavailableError
from tandem.store import Delivery
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

Post = Callable[[str, bytes, Mapping[str, str]], None]
"""Sends a body to a URL with these headers; blocking. Raises `UnavailableError` where another try may help, and other
errors of the tree where it would not."""

_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 600.0


class Notices:
    """What goes out of one server. Several share the work: each delivery is one's own for a minute."""

    def __init__(self, services: Services, post: Post) -> None:
        self._services = services
        self._settings = services.settings.alerts
        self._post = post

    async def send_due(self) -> None:
        """Send what is due now. Raises what the store raises."""
        store = self._services.store
        while due := await in_thread(store.claim_deliveries, datetime.now(UTC)):
            for one in due:
                await self._send(one)

    async def _send(self, delivery: Delivery) -> None:
        store, watched = self._services.store, self._services.metrics.watched
        url = self._url(delivery.channel)
        if url is None:  # the channel was taken out of the settings
            await in_thread(store.end_delivery, delivery.id)
            return
        body = json.dumps(delivery.payload, ensure_ascii=False).encode()
        try:
            await in_thread(self._post, url, body, self._headers(delivery, body))
        except TandemError as error:
            tries = delivery.tries + 1
            lost = not isinstance(error, UnavailableError) or tries >= self._settings.send_tries
            wait = min(_FIRST_WAIT_S * 2 ** (tries - 1), _LONGEST_WAIT_S)
            wait = max(wait, error.retry_after or 0)
            until = None if lost else datetime.now(UTC) + timedelta(seconds=wait)
            await in_thread(store.put_off_delivery, delivery.id, until, error.message)
            watched.delivered(delivery.channel, "given_up" if lost else "put_off")
            log.warning("alert_not_sent", channel=delivery.channel, again=not lost, error=error.message)
        else:
            await in_thread(store.end_delivery, delivery.id)
            watched.delivered(delivery.channel, "sent")

    def _url(self, channel: str) -> str | None:
        if channel == "webhook":
            return self._settings.webhook
        known = self._settings.alertmanager
        return None if known is None else f"{known.rstrip('/')}/api/v2/alerts"

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Tandem-Delivery": delivery.id}
        if delivery.channel == "webhook" and self._settings.webhook_secret:
            headers["Tandem-Signature"] = signature(body, self._settings.webhook_secret, int(time.time()))
        return headers


def signature(body: bytes, secret: str, at: int) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) of the moment, a point and the body, so that none can be replayed
    later unseen.
    """
    signed = hmac.new(secret.encode(), str(at).encode() + b"." + body, sha256)
    return f"t={at},v1={signed.hexdigest()}"
