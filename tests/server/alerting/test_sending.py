"""Notices are signed, sent again where that helps, given up where not, and nobody waits for them."""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from receiver import Receiver

from ingest.alert_egress import open_alert_egress
from server.alerting.sending import Notices, signature
from server.monitoring import Metrics
from server.services import Services
from tandem.settings import AlertSettings, Settings
from tandem.store import Store, open_store

SECRET = "known to both"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.serving() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Settings(data_dir=tmp_path).store, tmp_path)
    yield store
    store.close()


Make = Callable[..., Notices]


@pytest.fixture
def notices(store: Store, tmp_path: Path, receiver: Receiver) -> Iterator[Make]:
    opened = []

    def make(**changes: Any) -> Notices:
        usual = {
            "webhook": f"{receiver.url}/hook",
            "webhook_secret": SECRET,
            "alertmanager": f"{receiver.url}/",
            "private_targets": True,
            "send_timeout_s": 0.5,
            "send_tries": 2,
        }
        alerts = AlertSettings.model_validate(usual | changes)
        egress = open_alert_egress(alerts)
        opened.append(egress)
        settings = Settings(data_dir=tmp_path, alerts=alerts)
        services = SimpleNamespace(store=store, settings=settings, metrics=Metrics())
        made = Notices(cast(Services, services), egress.post)
        made.metrics = services.metrics  # type: ignore[attr-defined]
        return made

    yield make
    for egress in opened:
        egress.close()


def later(store: Store, channel: str = "webhook", payload: Any = None) -> None:
    store.deliver_later(channel, payload or {"state": "firing", "word": "Zürich"}, datetime.now(UTC))


def waiting(store: Store, seconds: float) -> list[Any]:
    return store.claim_deliveries(datetime.now(UTC) + timedelta(seconds=seconds))


async def test_a_webhook_gets_json_that_it_can_check(store: Store, notices: Make, receiver: Receiver) -> None:
    later(store)
    await notices().send_due()
    (post,) = receiver.posted
    assert (post.path, post.body) == ("/hook", {"state": "firing", "word": "Zürich"})
    moment, _, signed = post.headers["tandem-signature"].partition(",v1=")
    seconds = moment.removeprefix("t=")
    assert abs(int(seconds) - time.time()) < 10
    assert signed == hmac.new(SECRET.encode(), f"{seconds}.".encode() + post.raw, sha256).hexdigest()
    assert waiting(store, 3_600) == [] and store.undelivered() == []


def test_a_signature_is_of_the_moment_and_the_body() -> None:
    assert (
        len(
            {
                signature(b"a", "k", 1),
                signature(b"a", "k", 2),
                signature(b"b", "k", 1),
                signature(b"a", "l", 1),
            }
        )
        == 4
    )


async def test_alertmanager_gets_its_own_form_at_its_own_path(
    store: Store, notices: Make, receiver: Receiver
) -> None:
    later(store, "alertmanager", [{"labels": {"alertname": "r"}}])
    await notices().send_due()
    (post,) = receiver.posted
    assert (post.path, post.body) == ("/api/v2/alerts", [{"labels": {"alertname": "r"}}])
    assert "tandem-signature" not in post.headers


async def test_what_may_pass_is_tried_again_when_the_receiver_says(
    store: Store, notices: Make, receiver: Receiver
) -> None:
    receiver.statuses, receiver.headers = [503], {"Retry-After": "40"}
    later(store)
    sender = notices()
    await sender.send_due()
    assert waiting(store, 39) == []
    (again,) = waiting(store, 41)
    assert (again.tries, "503" in again.error) == (1, True)
    assert b'tandem_alert_deliveries_total{channel="webhook",outcome="put_off"} 1.0' in sender.metrics.page(  # type: ignore[attr-defined]
        engine_ready=True, breakers={}
    )


async def test_after_so_many_tries_it_is_given_up(store: Store, notices: Make, receiver: Receiver) -> None:
    receiver.statuses = [500]
    later(store)
    await notices(send_tries=1).send_due()
    assert waiting(store, 9_999) == []
    assert len(store.undelivered()) == 1


@pytest.mark.parametrize("status", [400, 401, 302, 304])
async def test_a_receiver_that_refuses_is_not_asked_again(
    store: Store, notices: Make, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    receiver.headers = {"Location": f"{receiver.url}/elsewhere"}
    later(store)
    await notices().send_due()
    assert len(receiver.posted) == 1, "a redirect is not followed"
    assert len(store.undelivered()) == 1


async def test_a_receiver_that_hangs_holds_nothing_back(
    store: Store, notices: Make, receiver: Receiver
) -> None:
    receiver.hangs.clear()
    later(store)
    began = time.monotonic()
    sending = asyncio.create_task(notices().send_due())
    ticks = 0
    while not sending.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 10, "the event loop went on"
    assert time.monotonic() - began < 10
    receiver.hangs.set()
    assert [one.tries for one in waiting(store, 60)] == [1]


async def test_a_private_address_is_refused_unless_the_settings_allow_it(
    store: Store, notices: Make, receiver: Receiver
) -> None:
    later(store)
    await notices(private_targets=False).send_due()
    assert receiver.posted == []
    (lost,) = store.undelivered()
    assert "port" in lost.error or "public" in lost.error


async def test_what_is_for_a_channel_that_is_no_longer_set_is_dropped(
    store: Store, notices: Make, receiver: Receiver
) -> None:
    later(store)
    await notices(webhook=None).send_due()
    assert receiver.posted == [] and store.undelivered() == [] and waiting(store, 9_999) == []
