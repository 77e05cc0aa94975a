"""Puts the candidates into the reranker's order, if it answers in time."""

import asyncio
from dataclasses import replace

import structlog

from server.monitoring import Metrics
from tandem.errors import UnavailableError
from tandem.rerank import Rerankers
from tandem.retrieval_profile import Reranking
from tandem.vocabulary import Passage

log = structlog.get_logger(__name__)


async def rerank(
    question: str,
    passages: list[Passage],
    wanted: Reranking,
    rerankers: Rerankers,
    metrics: Metrics,
) -> list[Passage]:
    """The passages by the reranker's scores, best first; as they are, scores too, where it fails or is late.

    Equal scores leave the order as it was, so the same question gets the same answer. Raises
    `InvalidRequestError` where the reranker that is wanted is not here.
    """
    reranker = rerankers.of(wanted.kind, wanted.model)
    if not passages:
        return passages
    try:
        async with asyncio.timeout(wanted.deadline_ms / 1000):
            scores = await reranker.scores(question, passages)
    except TimeoutError:
        metrics.reranked("late")
        log.warning("reranker was late, the order of the fusion serves", deadline_ms=wanted.deadline_ms)
        return passages
    except UnavailableError as error:
        metrics.reranked("failed")
        log.warning("reranker failed, the order of the fusion serves", error=str(error))
        return passages
    metrics.reranked("done")
    scored = sorted(zip(scores, passages, strict=True), key=lambda pair: -pair[0])
    return [replace(passage, score=score, scored_by=wanted.scored_by) for score, passage in scored]
