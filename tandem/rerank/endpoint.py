"""A reranker behind an address: the `/rerank` of vLLM, Infinity, Jina and Cohere, and that of TEI."""

from collections.abc import Sequence
from typing import Any

import httpx

from tandem.errors import UnavailableError
from tandem.vocabulary import Passage


class EndpointReranker:
    """Asks `POST {address}/rerank`; the deadline is the caller's."""

    def __init__(self, address: str, model: str, api_key: str | None = None) -> None:
        self._model = model
        self._url = f"{address.rstrip('/')}/rerank"
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.AsyncClient(headers=headers, timeout=30.0)

    async def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """See `Reranker.scores`. `texts` is TEI's name for what the others call `documents`; each passes over
        the other's."""
        texts = [passage.chunk.text for passage in passages]
        body = {"model": self._model, "query": question, "documents": texts, "texts": texts}
        try:
            answer = await self._client.post(self._url, json=body)
            answer.raise_for_status()
            return _in_order(answer.json(), len(texts))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise UnavailableError(
                f"The reranker at {self._url} does not serve: {error or type(error).__name__}",
                hint="Check retrieval.rerank_address, retrieval.rerank_model and the endpoint's log.",
            ) from error

    async def close(self) -> None:
        """See `Reranker.close`."""
        await self._client.aclose()


def _in_order(answer: Any, count: int) -> list[float]:
    """The scores in the order of the texts. Raises `ValueError` unless there is one for each."""
    # TEI answers with a list of {index, score}, the others with {results: [{index, relevance_score}]}.
    hits = answer if isinstance(answer, list) else answer["results"]
    scores = {int(hit["index"]): float(hit["score" if "score" in hit else "relevance_score"]) for hit in hits}
    if scores.keys() != set(range(count)):
        raise ValueError(f"{len(scores)} scores for {count} passages")
    return [scores[place] for place in range(count)]
