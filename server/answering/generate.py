"""Asks the engine, with the recipe's sampling and what the request overrides in it."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from server.admission import Ticket
from server.answering.types import Question, SamplingOverrides
from server.services import Services
from tandem.engine import ChatDelta, EngineState, Sampling
from tandem.errors import EngineUnavailableError, NotFoundError
from tandem.prompts import Message
from tandem.recipes import Recipe

_RETRY_AFTER_S = 5
_CHARS_PER_TOKEN = 4


def sampling_for(recipe: Recipe, overrides: SamplingOverrides) -> Sampling:
    """The recipe's sampling with every value that the request names."""
    named = {name: getattr(overrides, name) for name in SamplingOverrides.__slots__}
    return replace(recipe.sampling, **{name: value for name, value in named.items() if value is not None})


async def generate(
    messages: list[Message],
    recipe: Recipe,
    sampling: Sampling,
    services: Services,
    response_format: Mapping[str, Any] | None = None,
    *,
    ticket: Ticket,
    salt: str | None = None,
    affinity: str | None = None,
) -> AsyncGenerator[ChatDelta, None]:
    """The engine's stream. Close it to abort the request at the engine.

    The engine's prefix cache is shared with what has the same `salt`; what has the same `affinity` meets at the same
    replica of the engine.

    It waits for its turn at the engine. An adapter is loaded first where it is not, and stays loaded until the
    end. Raises `EngineUnavailableError` when the engine does not serve now, `OverloadedError` when the turn does
    not come, and what the load of the adapter raises.
    """
    model, adapters = recipe.model, services.adapters
    async with adapters.held(model):
        told_gone = False
        while True:
            try:
                asked = ask_engine(
                    messages,
                    model,
                    sampling,
                    services,
                    response_format,
                    ticket=ticket,
                    salt=salt,
                    affinity=affinity,
                )
                async with aclosing(asked) as deltas:
                    async for delta in deltas:
                        yield delta
            except NotFoundError:  # never after a delta
                if told_gone or not adapters.is_registered(model):
                    raise
                told_gone = True
            else:
                return
            # Another server has unloaded it, or vLLM was started anew just now.
            adapters.forget(model)
            await adapters.ensure(model)


async def ask_engine(
    messages: list[Message],
    model: str,
    sampling: Sampling,
    services: Services,
    response_format: Mapping[str, Any] | None = None,
    *,
    ticket: Ticket,
    salt: str | None = None,
    affinity: str | None = None,
) -> AsyncGenerator[ChatDelta, None]:
    """The one way to the engine: in turn, and counted. Raises as `generate`."""
    check_ready(services)
    prompt = sum(len(message["content"]) for message in messages) // _CHARS_PER_TOKEN
    async with services.admission.turn(ticket, prompt + sampling.max_tokens):
        last, count = None, 0
        try:
            asked = services.client.chat(
                messages, model, sampling, response_format, cache_salt=salt, affinity=affinity
            )
            async with aclosing(asked) as deltas:
                async for delta in deltas:
                    count += bool(delta.text or delta.reasoning)
                    last = _counted(delta, prompt, count)
                    yield last
        finally:
            if last is not None:
                ticket.spent += (last.prompt_tokens or 0) + (last.completion_tokens or 0)


def _counted(delta: ChatDelta, prompt: int, count: int) -> ChatDelta:
    """With estimates where the engine has told no usage yet: the answer may be ended before it does."""
    if delta.prompt_tokens is not None and delta.completion_tokens is not None:
        return delta
    return replace(
        delta,
        prompt_tokens=prompt if delta.prompt_tokens is None else delta.prompt_tokens,
        completion_tokens=count if delta.completion_tokens is None else delta.completion_tokens,
    )


def affinity_of(question: Question, recipe: Recipe, salt: str) -> str:
    """The same for questions whose prompts are likely to begin alike: of a tenant, a recipe and a set of corpora."""
    corpora = sorted(question.corpora) if question.corpora is not None else ["*"]
    return json.dumps([salt, recipe.name, recipe.version, corpora])


def ticket_of(question: Question) -> Ticket:
    """The question's ticket; a new one where it holds none."""
    return question.ticket or Ticket(question.caller.tenant, question.background)


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
