"""The reranker's order serves, unless it is late or fails."""

import asyncio

import pytest
from passages import passage

from server.answering.rerank import rerank
from server.monitoring import Metrics
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.rerank import Rerankers
from tandem.retrieval_profile import Reranking

PASSAGES = [passage(text, ordinal=n) for n, text in enumerate(("one", "two", "three"))]
WANTED = Reranking("endpoint", None, 50, 50)


class Scoring:
    """A reranker with given scores that may be forced to be late or to fail."""

    def __init__(self, scores: list[float], late: bool = False, fails: bool = False) -> None:
        self._scores, self._late, self._fails = scores, late, fails

    async def scores(self, question: str, passages: object) -> list[float]:
        if self._late:
            await asyncio.sleep(5)
        if self._fails:
            raise UnavailableError("down")
        return self._scores

    async def close(self) -> None: ...


def scoring(scores: list[float], **faults: bool) -> Rerankers:
    return Rerankers({("endpoint", None): Scoring(scores, **faults)})


async def test_the_best_score_is_first_and_equals_keep_their_order() -> None:
    metrics = Metrics()
    found = await rerank("?", PASSAGES, WANTED, scoring([1.0, 2.0, 1.0]), metrics)
    assert [p.chunk.text for p in found] == ["two", "one", "three"]
    assert [p.score for p in found] == [2.0, 1.0, 1.0]
    assert {p.scored_by for p in found} == {"endpoint"}
    assert b'tandem_rerankings_total{outcome="done"} 1.0' in metrics.page(engine_ready=True)


async def test_a_late_reranker_leaves_the_order_and_is_counted() -> None:
    metrics = Metrics()
    async with asyncio.timeout(2):
        assert await rerank("?", PASSAGES, WANTED, scoring([1, 2, 3], late=True), metrics) == PASSAGES
    assert b'tandem_rerankings_total{outcome="late"} 1.0' in metrics.page(engine_ready=True)


async def test_a_failed_reranker_leaves_the_order_and_is_counted() -> None:
    metrics = Metrics()
    assert await rerank("?", PASSAGES, WANTED, scoring([], fails=True), metrics) == PASSAGES
    assert b'tandem_rerankings_total{outcome="failed"} 1.0' in metrics.page(engine_ready=True)


async def test_a_reranker_that_these_settings_lack_is_an_error_and_not_another_order() -> None:
    wanted = Reranking("cross_encoder", "judge")
    with pytest.raises(InvalidRequestError, match="cross_encoder judge"):
        await rerank("?", PASSAGES, wanted, Rerankers({}), Metrics())


async def test_the_light_reranker_is_always_there() -> None:
    found = await rerank("three?", PASSAGES, Reranking(), Rerankers({}), Metrics())
    assert found[0].chunk.text == "three"
