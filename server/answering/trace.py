"""Keeps what happened: one trace per answer, its figures for monitoring, and word of it to who watches."""

from dataclasses import asdict
from datetime import UTC, datetime

from server.answering.types import Answer, Answered, Question
from server.services import Services
from server.tracing.keepable import keepable
from server.tracing.sampling import is_sampled
from tandem.store import Observation, Trace
from tandem.threads import in_thread


async def keep_trace(question: Question, answer: Answer, services: Services) -> None:
    """Write the trace and the observation to the store, count them in the metrics, and tell the listeners.

    What is written of the words is what `traces.redact` leaves of them; who asked sees the answer as it is.
    """
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
        experiment=answer.experiment,
        arm=answer.arm,
        unit=answer.unit,
        conversation=_hashed(question, services),
        degraded=answer.degraded,
        distance=answer.distance,
        outside=answer.outside,
        shadow=answer.shadow,
        sampled=is_sampled(answer.trace_id, answer.abstained, answer.degraded, services.settings.traces),
    )
    observation = observed(question, answer, trace.created_at)
    await in_thread(_write, trace, observation, services)
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


def _write(trace: Trace, observation: Observation, services: Services) -> None:
    if trace.sampled is False and services.settings.traces.settle_minutes == 0:
        services.store.add_observation(observation)
        return
    services.store.add_trace(keepable(trace, services.tracing.redactor), observation)


def _hashed(question: Question, services: Services) -> str | None:
    """Names that clients give are personal data; what is counted together needs no name."""
    if question.conversation is None:
        return None
    return services.tracing.tokens.pseudonym(question.caller.tenant, f"conversation:{question.conversation}")
