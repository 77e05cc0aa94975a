import gc
import sys
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tandem.cli.pauses import keep_pauses_short


@pytest.fixture
def as_before() -> Iterator[None]:
    """The interpreter's settings are of the whole process."""
    switch, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(switch)


async def test_the_routes_are_made_and_what_is_there_is_not_collected_again(as_before: None) -> None:
    app, asked = FastAPI(), list[str]()

    @app.get("/healthz")
    async def health() -> None:
        asked.append("healthz")

    await keep_pauses_short(app)
    assert asked == ["healthz"]
    assert gc.get_freeze_count() > 10_000
    assert sys.getswitchinterval() == pytest.approx(0.001)
    assert gc.get_threshold()[0] == 10_000
