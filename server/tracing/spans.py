"""A span for each answer with a child for each of its steps, made beside the answering and sent to a collector."""

import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, TypeVar

import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry

from server.tracing import conventions
from server.tracing.exporting import SpanCounts, otlp_processor
from server.tracing.span_attributes import content_of, figures_of, steps_of
from tandem import __version__
from tandem.errors import TandemError
from tandem.redaction import Redactor
from tandem.settings import TraceSettings

if TYPE_CHECKING:
    from server.answering.types import Answer, Question

log = structlog.get_logger(__name__)

E = TypeVar("E")
_CONTEXT = TraceContextTextMapPropagator()


class AnswerSpans:
    """Makes spans on a thread of its own; an answer waits for none of it."""

    def __init__(
        self, settings: TraceSettings, endpoint: str, redactor: Redactor | None, registry: CollectorRegistry
    ) -> None:
        self.redactor = redactor
        self.with_content = settings.otlp_content
        self._counts = SpanCounts(registry)
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.otlp_sample)),
            resource=Resource({"service.name": "tandem", "service.version": __version__}),
            shutdown_on_exit=False,
            # Named, or the environment would decide.
            span_limits=SpanLimits(max_attributes=64, max_attribute_length=100_000),
        )
        self._provider.add_span_processor(
            otlp_processor(endpoint, settings.otlp_headers, self._counts, settings.otlp_queue)
        )
        self.tracer: Tracer = self._provider.get_tracer("tandem", __version__)
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="spans")
        self._room = BoundedSemaphore(settings.otlp_queue)

    def begin(self, question: "Question", headers: Mapping[str, str]) -> "AnswerSpan":
        """The span of one answer, from now on; a child of the request's `traceparent` where it has one."""
        parent = _CONTEXT.extract({name: headers.get(name, "") for name in ("traceparent", "tracestate")})
        span = self.tracer.start_span(
            f"chat {question.model}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes={conventions.OPERATION: "chat"},
        )
        return AnswerSpan(self, span, question)

    def later(self, span: "AnswerSpan", answer: "Answer | None", failed: str | None) -> None:
        """End a span on the thread that makes them; where too many wait for it, it is dropped."""
        if not span.span.is_recording():
            return
        if not self._room.acquire(blocking=False):
            self._counts.ended("dropped")
            return
        try:
            self._maker.submit(self._end, span, answer, failed, time.time_ns())
        except RuntimeError:  # the server has ended
            self._room.release()
            self._counts.ended("dropped")

    def _end(self, span: "AnswerSpan", answer: "Answer | None", failed: str | None, now: int) -> None:
        try:
            span.end(answer, failed, now)
        except Exception:
            log.exception("span_not_made")
        finally:
            self._room.release()

    def close(self) -> None:
        """Make and send what waits, for a few seconds at most. Blocking."""
        self._maker.shutdown(wait=True)
        self._provider.shutdown()


class AnswerSpan:
    """The span of one answer."""

    def __init__(self, spans: AnswerSpans, span: Span, question: "Question") -> None:
        self.span = span
        self._spans = spans
        self._question = question

    def headers(self) -> dict[str, str]:
        """Its trace context, for the engine."""
        carrier: dict[str, str] = {}
        _CONTEXT.inject(carrier, set_span_in_context(self.span))
        return carrier

    async def watched(self, events: AsyncGenerator[E, None]) -> AsyncGenerator[E, None]:
        """The events as they are; the span ends with the answer, an error, or whoever stops reading."""
        from server.answering.types import Answer

        answer: Answer | None = None
        failed: str | None = "cancelled"
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Answer):
                        answer, failed = event, None
                    yield event
        except TandemError as error:
            failed = error.type
            raise
        finally:
            self._spans.later(self, answer, None if answer is not None else failed)

    def end(self, answer: "Answer | None", failed: str | None, now: int) -> None:
        """Fill the span in, make its children, and end it at `now`, in nanoseconds of the epoch."""
        if failed is not None:
            self.span.set_attribute(conventions.ERROR_TYPE, failed)
            self.span.set_status(Status(StatusCode.ERROR, failed))
        if answer is not None:
            self.span.set_attributes(figures_of(self._question, answer))
            if self._spans.with_content:
                self.span.set_attributes(content_of(self._question, answer, self._spans.redactor))
            context = set_span_in_context(self.span)
            for step in steps_of(answer, now):
                kind = SpanKind.CLIENT if step.at_engine else SpanKind.INTERNAL
                child = self._spans.tracer.start_span(
                    step.name, context, kind, attributes=step.attributes, start_time=step.begun
                )
                child.end(step.ended)
        self.span.end(now)
