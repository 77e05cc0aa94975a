"""The parts of tracing, opened and closed with the server."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import Counter

from server.monitoring import Metrics
from server.tracing.feedback_tokens import FeedbackTokens
from server.tracing.traceparent import passed_on
from tandem.engine.trace_headers import trace_headers
from tandem.errors import SettingsError
from tandem.extras import hint_for
from tandem.redaction import Redactor, open_redactor
from tandem.settings import TraceSettings
from tandem.store import Store
from tandem.threads import in_thread

if TYPE_CHECKING:
    from server.answering.types import Question
    from server.tracing.spans import AnswerSpans

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Tracing:
    """What traces and feedback need of one server."""

    tokens: FeedbackTokens
    redactor: Redactor | None
    """Takes personal data out of what is kept; `None` where nothing is to be taken out."""
    votes: Counter
    """Votes by recipe and verdict, those that were taken back as `withdrawn`."""
    spans: "AnswerSpans | None"
    """`None` where no collector is named."""

    def watched(
        self, events: AsyncGenerator[E, None], question: "Question", headers: Mapping[str, str]
    ) -> AsyncGenerator[E, None]:
        """The events as they are, while a span is made of them where there is a collector.

        The trace context of the request's headers is joined, and passed on to the engine by this task.
        """
        if self.spans is None:
            trace_headers.set(passed_on(headers))
            return events
        span = self.spans.begin(question, headers)
        trace_headers.set(span.headers())
        return span.watched(events)


def open_tracing(settings: TraceSettings, store: Store, metrics: Metrics) -> Tracing:
    """Blocking. Raises `SettingsError` where a setting needs an extra that is not installed."""
    spans = None
    redactor = open_redactor(settings)
    if settings.otlp_endpoint is not None:
        try:
            from server.tracing.spans import AnswerSpans
        except ModuleNotFoundError as error:
            raise SettingsError(f"traces.otlp_endpoint needs {error.name}", hint=hint_for("otlp")) from error
        spans = AnswerSpans(settings, settings.otlp_endpoint, redactor, metrics.registry)
    votes = Counter(
        "tandem_feedback",
        "Votes on answers by recipe and verdict; one who votes anew is counted anew.",
        ["recipe", "verdict"],
        registry=metrics.registry,
    )
    return Tracing(FeedbackTokens(store.shared_secret("feedback")), redactor, votes, spans)


async def close_tracing(tracing: Tracing) -> None:
    """Send the spans that still wait, for a few seconds at most."""
    if tracing.spans is not None:
        await in_thread(tracing.spans.close)
