"""Recipes side by side: each variant answers each question, a few at a time, told as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from server.answering import Answer, Question, ReasoningDelta, TextDelta, answer
from server.answering.choose import Choice
from server.limiting.admitting import admit
from server.services import Services
from tandem.errors import TandemError
from tandem.recipes import Recipe
from tandem.vocabulary import Passage

_WAITING = 256
"""Most events that wait for a slow reader; then the variants wait too."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was retrieved, the best first; told before the model is asked."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Something that one variant says to one question; places count from 0."""

    variant: int
    case: int
    what: Found | TextDelta | ReasoningDelta | Answer | TandemError


async def play(
    variants: Sequence[Recipe | TandemError], questions: Sequence[Question], at_once: int, services: Services
) -> AsyncGenerator[Told, None]:
    """What each variant answers to each question, at most `at_once` answers at a time.

    A variant that is an error says it for each question. Nothing is kept: no traces, no counts. Closing the
    generator aborts everything at the engine.
    """
    told: asyncio.Queue[Told | None] = asyncio.Queue(_WAITING)
    free = asyncio.Semaphore(at_once)

    async def one(variant: int, case: int) -> None:
        recipe = variants[variant]
        if isinstance(recipe, TandemError):
            await told.put(Told(variant, case, recipe))
            return

        async def found(passages: tuple[Passage, ...]) -> None:
            await told.put(Told(variant, case, Found(passages)))

        async with free:
            try:
                async with admit(questions[case], services) as admitted:
                    asked = admitted.question
                    answering = answer(asked, services, Choice(recipe), kept=False, on_found=found)
                    async with aclosing(answering) as events:
                        async for event in events:
                            await told.put(Told(variant, case, event))
            except TandemError as error:
                await told.put(Told(variant, case, error))

    async def everything() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for case in range(len(questions)):
                    for variant in range(len(variants)):
                        group.create_task(one(variant, case))
        finally:
            await told.put(None)

    running = asyncio.create_task(everything())
    try:
        while (event := await told.get()) is not None:
            yield event
        await running  # raises what was no fault of the tree
    finally:
        with anyio.CancelScope(shield=True):
            await _abandon(running, told)


async def _abandon(running: asyncio.Task[None], told: asyncio.Queue[Told | None]) -> None:
    """End it, whether or not it has ended; one that tells a full queue would wait for the reader that has gone."""
    running.cancel()
    while not running.done():
        while not told.empty():
            told.get_nowait()
        await asyncio.wait((running,), timeout=0.05)


def cost_of(done: Answer, services: Services) -> float | None:
    """What the answer's tokens cost by the prices of the settings; `None` without both of them."""
    engine = services.settings.engine
    if engine.price_in is None or engine.price_out is None:
        return None
    return (done.tokens_in * engine.price_in + done.tokens_out * engine.price_out) / 1_000_000
