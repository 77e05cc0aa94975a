"""Asks the model to rewrite a question for the search. It may fail: the search goes on without."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from server.admission import Ticket
from server.answering.generate import ask_engine
from server.answering.reasoning import ReasoningSplitter
from server.answering.types import Turn
from server.services import Services
from tandem.engine import Sampling
from tandem.errors import TandemError
from tandem.recipes import Recipe
from tandem.rewriting import rewriting_prompts

log = structlog.get_logger(__name__)


async def rewrite(
    prompt: str,
    question: str,
    recipe: Recipe,
    services: Services,
    *,
    max_tokens: int,
    history: Sequence[Turn] = (),
    count: int = 0,
    ticket: Ticket,
    salt: str | None = None,
) -> str | None:
    """What the base model writes to `prompt`, without its reasoning; `None` where it fails or takes too long.

    The deadline is the recipe's, and the wait for a turn at the engine is within it. A request that ran into it is aborted at the engine.
    """
    rewriting = recipe.retrieval.rewriting if recipe.retrieval else None
    if rewriting is None:
        return None
    plain = services.tokens.plain
    messages = rewriting_prompts().render(
        prompt,
        question=plain(question),
        history=[Turn(turn.role, plain(turn.content)) for turn in history],
        count=count,
    )
    sampling = Sampling(max_tokens=max_tokens)
    model = services.settings.engine.served_name  # an adapter was trained to answer, not to rewrite
    splitter = ReasoningSplitter(recipe.reasoning)
    text = ""
    asked = ask_engine(
        messages, model, sampling, services, ticket=ticket, salt=salt, affinity=f"{salt} {prompt}"
    )
    try:
        async with (
            asyncio.timeout(rewriting.timeout_s),
            aclosing(asked) as deltas,
        ):
            async for delta in deltas:
                text += splitter.feed(delta.text).answer
        text += splitter.finish().answer
    except TimeoutError:
        log.warning("rewriting took too long", prompt=prompt, seconds=rewriting.timeout_s)
        return None
    except TandemError as error:
        log.warning("rewriting failed", prompt=prompt, error=error.message)
        return None
    return text.strip() or None
