"""How much of a question a passage explains: where it holds the answer, the question surprises less after it.

The query likelihood of Ponte and Croft (1998), by a language model that is asked to write a question to the passage
(Sachan et al. 2022, "Improving Passage Retrieval with Zero-Shot Question Generation"), as a share of what the
question says at all, so that long or odd questions count no less.
"""

import asyncio
from collections.abc import Sequence

import structlog

from server.admission import Ticket
from server.answering.generate import check_ready
from server.calibration import Explained
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
_SURPRISING = -4.0
"""Log likelihood below which a token surprises: such tokens are what the question is about, not how it is put."""


async def explained(
    question: str,
    passage: Passage,
    services: Services,
    *,
    ticket: Ticket,
    salt: str | None = None,
    timeout_s: float | None = None,
) -> Explained | None:
    """1 - log p(question | passage) / log p(question), by the engine's base model: of the whole question, and of those of
    its tokens that have less than a chance of e^-4 without the passage.

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
    return _shares(likelihoods_of_ending(after, alone))


def _shares(tokens: Sequence[tuple[float, float]]) -> Explained:
    """Of the log likelihoods of each token, after the passage and without it."""
    surprising = [(given, alone) for given, alone in tokens if alone < _SURPRISING]
    return Explained(_share(tokens), _share(surprising or tokens))


def _share(tokens: Sequence[tuple[float, float]]) -> float:
    given, alone = (sum(each) for each in zip(*tokens, strict=True)) if tokens else (0.0, 0.0)
    return 1 - given / alone if alone < _NOTHING else 0.0
