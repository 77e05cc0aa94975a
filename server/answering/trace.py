"""Keeps what happened: one trace per answer, its figures for monitoring, and word of it to who watches."""

from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256

from server.answering.types import Answer, Answered, Question
from server.services import Services
from tandem.store import Observation, Trace
from tandem.threads import in_thread


async def keep_trace(question: Question, answer: Answer, services: Services) -> None:
    """Write the trace and the observation to the store, count them in the metrics, and tell the listeners."""
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
        experiment=answer.experiment,
        arm=answer.arm,
        unit=answer.unit,
        conversation=_hashed(question.caller.tenant, question.conversation),
        degraded=answer.degraded,
        distance=answer.distance,
        outside=answer.outside,
        shadow=answer.shadow,
    )
    observation = observed(question, answer, trace.created_at)
    services.metrics.observed(observation, answer.timings)
    await in_thread(services.store.add_trace, trace, observation)
    services.events.publish(Answered(question, answer, observation))


def observed(question: Question, answer: Answer, at: datetime) -> Observation:
    """The figures of an answer."""
    outcome = "degraded" if answer.degraded else "abstained" if answer.abstained else "answered"
    return Observation(
        trace_id=answer.trace_id,
        tenant=question.caller.tenant,
        at=at,
        recipe=f"{answer.recipe}@{answer.recipe_version}",
        outcome=outcome,
        experiment=answer.experiment,
        arm=answer.arm,
        unit=answer.unit,
        passages=len(answer.passages),
        similarity=max((passage.similarity for passage in answer.passages), default=None),
        evidence=answer.evidence,
        first_token_ms=answer.timings.get("first_token"),
        total_ms=answer.timings["total"],
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        answer_chars=len(answer.text),
        citations=len(answer.citations),
        cited=answer.cited,
        distance=answer.distance,
        outside=answer.outside,
        cached=answer.cached is not None,
        shadow=answer.shadow,
    )


def _hashed(tenant: str, name: str | None) -> str | None:
    """Names that clients give are personal data; what is counted together needs no name."""
    return None if name is None else sha256(f"{tenant}\x00{name}".encode(errors="replace")).hexdigest()
