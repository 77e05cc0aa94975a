"""Keeps what happened: one trace per answer, and the figures for monitoring."""

from dataclasses import asdict
from datetime import UTC, datetime

from server.answering.types import Answer, Question
from server.services import Services
from tandem.store import Trace
from tandem.threads import in_thread


async def keep_trace(question: Question, answer: Answer, services: Services) -> None:
    """Write the trace to the store and count it in the metrics."""
    services.metrics.answered(
        answer.recipe, answer.abstained, answer.timings, answer.tokens_in, answer.tokens_out
    )
    trace = Trace(
        id=answer.trace_id,
        tenant=question.caller.tenant,
        recipe=f"{answer.recipe}@{answer.recipe_version}",
        prompt_version=answer.prompt_version,
        question=question.text,
        corpora=list(question.corpora) if question.corpora is not None else [],
        answer=answer.text,
        abstained=answer.abstained,
        evidence=answer.evidence,
        created_at=datetime.now(UTC),
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        timings=answer.timings,
        passages=[passage.chunk.id for passage in answer.passages],
        documents=tuple(dict.fromkeys(passage.chunk.document_id for passage in answer.passages)),
        citations=[asdict(citation) for citation in answer.citations],
    )
    await in_thread(services.store.add_trace, trace)
