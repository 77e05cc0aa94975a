"""The services for a command that works with the index in its own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from server.calibration import read_calibration
from server.opening import open_services
from server.services import Services
from tandem.cli.output import progress
from tandem.engine import EngineState
from tandem.errors import EngineUnavailableError
from tandem.models import prepare_model
from tandem.settings import Settings
from tandem.threads import in_thread
from tandem.tokens import load_tokens

NO_ENGINE = "http://127.0.0.1:9"
"""The discard port: nobody answers there, and no vLLM is started for what needs none."""


@asynccontextmanager
async def opened_services(
    settings: Settings, *, with_engine: bool, judging: bool = False
) -> AsyncIterator[Services]:
    """The services; where nothing is asked of it, without an engine, but with its model's tokens.

    With `judging`, evidence is judged with them: a calibration that weighs what the model says of a question needs
    the engine for that, and waits until it is ready. Raises as `ready` then.
    """
    async with AsyncExitStack() as stack:
        judges = judging and read_calibration(settings.answer.calibration).model == settings.engine.model
        if with_engine or judges or settings.engine.address is not None:
            services, *_ = await open_services(settings, stack, progress)
            if judges:
                await ready(services)
            yield services
            return
        engine = settings.engine.model_copy(update={"address": NO_ENGINE})
        services, *_ = await open_services(settings.model_copy(update={"engine": engine}), stack, progress)
        folder = await in_thread(prepare_model, settings.engine.model, settings.data_dir, progress)
        yield replace(services, settings=settings, tokens=await in_thread(load_tokens, folder))


async def ready(services: Services) -> None:
    """Return when the engine serves.

    Raises `EngineUnavailableError` when it has given up, or does not serve within the time that a start may take.
    """
    if services.engine.state is not EngineState.READY:
        progress("Waiting for the engine")
    longest_s = services.settings.engine.start_timeout_s
    clock = asyncio.get_running_loop().time
    last_at = clock() + longest_s
    while services.engine.state is not EngineState.READY:
        if services.engine.state is EngineState.FAILED:
            raise EngineUnavailableError(
                "The engine has failed, and the command needs it",
                hint="See logs/engine.log in the data folder. Where questions are made, --model-address names another.",
            )
        if clock() > last_at:
            raise EngineUnavailableError(
                f"The engine does not serve after {longest_s:.0f} s",
                hint="Is it at engine.address? engine.start_timeout_s is how long it may take.",
            )
        await asyncio.sleep(0.2)
