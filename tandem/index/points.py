"""What a point holds: a chunk as payload, and back; the words of both engines in one place."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import structlog

from tandem.errors import EmbedderMismatchError
from tandem.index.foreign import ForeignHits
from tandem.index.fusion import Hits
from tandem.index.marks import EXPIRY, GROUPS, is_over, marks_of, marks_payload, may_see, meets
from tandem.index.protocol import Query, Vector
from tandem.vocabulary import Chunk, LegHit, Parent, Passage, Scope

DENSE = "dense"
BM25 = "bm25"
KEYWORDS = ("corpus", "document_id", "version", "tags", GROUPS)
"""Payload keys that queries and deletions filter by within a tenant."""
NUMBERS = (EXPIRY,)

log = structlog.get_logger(__name__)
Point = tuple[Mapping[str, Any], list[float]]
"""Payload and dense vector."""

_PLAIN = (
    "tenant",
    "corpus",
    "document_id",
    "version",
    "ordinal",
    "text",
    "start",
    "end",
    "title",
    "uri",
    "page",
    "section",
)


def payload_of(chunk: Chunk) -> dict[str, Any]:
    """Everything of the chunk but its id, which is the point's."""
    payload = {name: getattr(chunk, name) for name in _PLAIN} | marks_payload(chunk.marks)
    if chunk.header:
        payload["header"] = chunk.header
    if chunk.groups:
        payload[GROUPS] = list(chunk.groups)
    if chunk.parent is not None:
        payload["parent"] = asdict(chunk.parent)
    return payload


def chunk_of(point: str, payload: Mapping[str, Any]) -> Chunk:
    """The way back."""
    parent = payload.get("parent")
    return Chunk(
        id=point,
        **{name: payload[name] for name in _PLAIN},
        header=payload.get("header", ""),
        parent=None if parent is None else Parent(**parent),
        marks=marks_of(payload),
        groups=tuple(payload.get(GROUPS, ())),
    )


def passage_of(
    point: str,
    payload: Mapping[str, Any],
    score: float,
    vector: list[float],
    question: Vector,
    scored_by: str,
    *,
    dense: LegHit | None = None,
    bm25: LegHit | None = None,
) -> Passage:
    """A hit as a passage. Vectors have length 1, so the cosine is the inner product."""
    similarity = float(np.fromiter(vector, np.float32, len(vector)) @ question)
    return Passage(chunk_of(point, payload), score, similarity, dense, bm25, scored_by)


def passages_of(hits: Iterable[Any], query: Query) -> list[Passage]:
    """What a query by one leg brought: hits of either engine, with payload and dense vector."""
    return [
        passage_of(
            str(hit.id), hit.payload or {}, hit.score, hit.vector[DENSE], query.vector, query.scored_by
        )
        for hit in hits
    ]


def fused_passages(
    legs: tuple[Hits, Hits], best: Hits, points: Mapping[str, Point], query: Query
) -> list[Passage]:
    """The best of a fusion as passages that know what each leg, dense and BM25, made of them.

    One of which no point is there any more is left out.
    """
    by_dense, by_words = (_places(hits, points) for hits in legs)
    scored_by = query.scored_by
    return [
        passage_of(
            chunk,
            points[chunk][0],
            score,
            points[chunk][1],
            query.vector,
            scored_by,
            dense=by_dense.get(chunk),
            bm25=by_words.get(chunk),
        )
        for chunk, score in best
        if chunk in points
    ]


def _places(hits: Hits, wanted: Container[str]) -> dict[str, LegHit]:
    return {
        chunk: LegHit(rank, score) for rank, (chunk, score) in enumerate(hits, start=1) if chunk in wanted
    }


def within(scope: Scope, passages: list[Passage], now: float, foreign: ForeignHits) -> list[Passage]:
    """A second look at what the engine returned: nothing leaves that is not of the scope.

    What is of another tenant is counted besides: no fault of ours or of a document brings that about.
    """
    kept = [p for p in passages if _belongs(scope, p.chunk, now)]
    if len(kept) < len(passages):
        others = sum(p.chunk.tenant != scope.tenant for p in passages)
        foreign.add(others)
        dropped = len(passages) - len(kept)
        log.error("index returned chunks outside the scope", dropped=dropped, of_other_tenants=others)
    return kept


def _belongs(scope: Scope, chunk: Chunk, now: float) -> bool:
    return (
        chunk.tenant == scope.tenant
        and (scope.corpora is None or chunk.corpus in scope.corpora)
        and may_see(scope, chunk.groups)
        and meets(chunk.marks, scope)
        and not is_over(chunk.marks, now)
    )


def check_embedder(recorded: Mapping[str, Any], *, dimension: int, fingerprint: str) -> None:
    """Raises `EmbedderMismatchError` unless the collection was built by this embedder."""
    if recorded.get("fingerprint") == fingerprint and recorded.get("dimension") == dimension:
        return
    raise EmbedderMismatchError(
        f"The index was built by embedder {recorded.get('fingerprint')} ({recorded.get('dimension')} dimensions), "
        f"not by {fingerprint} ({dimension})",
        param="embedding.model",
        hint="Embed all documents anew with the embedder of the settings: tandem reindex.",
    )
