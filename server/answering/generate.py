"""Asks the engine, with the recipe's sampling and what the request overrides in it."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

from server.answering.types import SamplingOverrides
from server.services import Services
from tandem.engine import ChatDelta, EngineState, Sampling
from tandem.errors import EngineUnavailableError
from tandem.prompts import Message
from tandem.recipes import Recipe

_RETRY_AFTER_S = 5


def sampling_for(recipe: Recipe, overrides: SamplingOverrides) -> Sampling:
    """The recipe's sampling with every value that the request names."""
    named = {name: getattr(overrides, name) for name in SamplingOverrides.__slots__}
    return replace(recipe.sampling, **{name: value for name, value in named.items() if value is not None})


def generate(
    messages: list[Message],
    recipe: Recipe,
    sampling: Sampling,
    services: Services,
    response_format: Mapping[str, Any] | None = None,
) -> AsyncGenerator[ChatDelta, None]:
    """The engine's stream. Close it to abort the request at the engine.

    Raises `EngineUnavailableError` when the engine does not serve now.
    """
    check_ready(services)
    return services.client.chat(messages, recipe.model, sampling, response_format)


def check_ready(services: Services) -> None:
    """Raises `EngineUnavailableError` unless the engine serves."""
    state = services.engine.state
    if state is EngineState.READY:
        return
    if state is EngineState.FAILED:
        raise EngineUnavailableError(
            "The engine has failed and is not restarted any more",
            hint="See logs/engine.log in the data folder, and run `tandem doctor`.",
            retry_after=60,
        )
    raise EngineUnavailableError(
        f"The engine is {state.value}",
        hint="It takes up to a minute to load the model; try again.",
        retry_after=_RETRY_AFTER_S,
    )
