"""Keeps what happened: one trace per answer, its figures for monitoring, and word of it to who watches."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from server.answering.asked import AskedVector
from server.answering.choose import Choice
from server.answering.timings import Timings
from server.answering.types import Answer, Answered, Question
from server.services import Services
from server.tracing.keepable import keepable
from server.tracing.sampling import is_sampled
from tandem.errors import InvalidRequestError, NotFoundError, RateLimitedError, TandemError, TooLargeError
from tandem.store import Observation, Trace


async def keep_trace(
    question: Question, answer: Answer, services: Services, asked: AskedVector | None = None
) -> None:
    """Write the trace and the observation to the store, count them in the metrics, and tell the listeners.

    A store that does not take them at once holds no answer back: they are written later, or counted as lost.
    What is written of the words is what `traces.redact` leaves of them; who asked sees the answer as it is.
    """
    if not answer.shadow:  # what nobody sees is counted apart
        if answer.outside:
            services.metrics.outside((answer.routed_from or answer.recipe).partition("@")[0])
        if answer.degraded_reason is not None:
            services.metrics.degraded(answer.degraded_reason)
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
        routed_from=answer.routed_from,
    )
    observation = observed(question, answer, trace.created_at)
    services.metrics.observed(observation, answer.timings)
    add = partial(_write, trace, observation, services)
    async with services.admission.writing:
        await services.resilience.writes.write(add, services.metrics.trace_lost)
    asked = asked or AskedVector()
    services.events.publish(Answered(question, answer, observation, asked.embedder, asked.vector))


async def keep_failure(
    question: Question, choice: Choice, error: Exception, timings: Timings, services: Services
) -> None:
    """Note that the chosen recipe gave no whole answer. What the request itself is to blame for is no failure."""
    finished = timings.finish()
    if _is_the_requests(error, asked="before_engine" in finished):
        return
    recipe = choice.recipe
    observation = Observation(
        trace_id=uuid4().hex,
        tenant=question.caller.tenant,
        at=datetime.now(UTC),
        recipe=f"{recipe.name}@{recipe.version}",
        outcome="failed",
        experiment=choice.experiment,
        arm=choice.arm,
        unit=choice.unit,
        error=error.type if isinstance(error, TandemError) else "internal_error",
        first_token_ms=finished.get("first_token"),
        total_ms=finished["total"],
    )
    services.metrics.observed(observation, {})
    add = partial(services.store.add_observation, observation)
    await services.resilience.writes.write(add, services.metrics.trace_lost, wait=False)


def _is_the_requests(error: Exception, *, asked: bool) -> bool:
    """Whether the caller has to ask otherwise. A model that the engine does not know is the recipe's fault."""
    if isinstance(error, InvalidRequestError | TooLargeError | RateLimitedError):
        return True
    return isinstance(error, NotFoundError) and not asked


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
        error=answer.degraded_reason,
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
