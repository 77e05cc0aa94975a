"""How much of a question a passage explains: where it holds the answer, the question surprises less after it.

The query likelihood of Ponte and Croft (1998), by a language model that is asked to write a question to the passage
(Sachan et al. 2022, "Improving Passage Retrieval with Zero-Shot Question Generation"), as a share of what the
question says at all, so that long or odd questions count no less.
"""

import asyncio

import structlog

from server.admission import Ticket
from server.answering.generate import check_ready
from server.services import Services
from tandem.engine import likelihoods_of_ending
from tandem.errors import TandemError
from tandem.vocabulary import Passage

log = structlog.get_logger(__name__)

_AFTER_PASSAGE = "Ask a question that the following text answers.\n\nText: {text}\n\nQuestion: {question}"
_ALONE = "Question: {question}"
_MOST_CHARS = 4_000
"""Of the passage and of the question: no more than the question should cost to answer."""
_CHARS_PER_TOKEN = 4
_NOTHING = -1e-6


async def explained(
    question: str,
    passage: Passage,
    services: Services,
    *,
    ticket: Ticket,
    salt: str | None = None,
    timeout_s: float | None = None,
) -> float | None:
    """1 - log p(question | passage) / log p(question), by the engine's base model; at most 1, below 0 where it misleads.

    `None` where the engine does not say so within `timeout_s`, by default `answer.likelihood_timeout_s`, its turn
    included.
    """
    plain = services.tokens.plain
    asked, text = plain(question)[:_MOST_CHARS], plain(passage.chunk.text)[:_MOST_CHARS]
    prompts = (_AFTER_PASSAGE.format(text=text, question=asked), _ALONE.format(question=asked))
    model = services.settings.engine.served_name  # an adapter was trained to answer, not to ask
    tokens = sum(map(len, prompts)) // _CHARS_PER_TOKEN
    try:
        check_ready(services)
        async with asyncio.timeout(timeout_s or services.settings.answer.likelihood_timeout_s):
            async with services.admission.turn(ticket, tokens):
                after, alone = await services.client.expected(prompts, model, cache_salt=salt)
    except TimeoutError:
        log.warning("the likelihood of a question took too long")
        return None
    except TandemError as error:
        log.warning("the likelihood of a question failed", error=error.message)
        return None
    ticket.spent += len(after) + len(alone)
    given, by_itself = likelihoods_of_ending(after, alone)
    return 1 - given / by_itself if by_itself < _NOTHING else 0.0
