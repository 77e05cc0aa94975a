"""Sends spans to a collector over OTLP/HTTP, in batches, from a bounded queue, and counts what became of them."""

from collections.abc import Sequence
from threading import Lock
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, Counter

_TIMEOUT_S = 5.0
_DELAY_MS = 1_000
_BATCH = 256
_LAST_MS = 3_000
"""So long the last spans are waited for when the server stops."""


class SpanCounts:
    """What became of spans: `sent`, `failed` at the collector, or `dropped` because too many waited."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._spans = Counter(
            "tandem_spans",
            "Spans by what became of them: sent, failed, dropped.",
            ["outcome"],
            registry=registry,
        )
        self._lock = Lock()
        self._waiting = 0

    def queued(self, room: int) -> None:
        """One more waits; where there is no room, the oldest is dropped for it."""
        with self._lock:
            if self._waiting >= room:
                self._spans.labels("dropped").inc()
            else:
                self._waiting += 1

    def taken(self, count: int) -> None:
        """So many no longer wait."""
        with self._lock:
            self._waiting = max(0, self._waiting - count)

    def ended(self, outcome: str, count: int = 1) -> None:
        """So many have come to this."""
        self._spans.labels(outcome).inc(count)


class CountingExporter(SpanExporter):
    """The exporter, whose outcomes are counted."""

    def __init__(self, exporter: SpanExporter, counts: SpanCounts) -> None:
        self._exporter = exporter
        self._counts = counts

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; blocking, on a thread of the SDK."""
        self._counts.taken(len(spans))
        outcome = "failed"
        try:
            result = self._exporter.export(spans)
            outcome = "sent" if result is SpanExportResult.SUCCESS else "failed"
            return result
        finally:
            self._counts.ended(outcome, len(spans))

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()


class CountingProcessor(BatchSpanProcessor):
    """The SDK's queue, which counts what it has no room for and does not hold up the end of the server."""

    def __init__(self, exporter: SpanExporter, counts: SpanCounts, room: int) -> None:
        super().__init__(
            exporter,
            max_queue_size=room,
            schedule_delay_millis=_DELAY_MS,
            max_export_batch_size=min(_BATCH, room),
        )
        self._counts = counts
        self._room = room

    def on_end(self, span: ReadableSpan) -> None:
        """Put a span into the queue; never waits."""
        if span.context and span.context.trace_flags.sampled:
            self._counts.queued(self._room)
        super().on_end(span)

    def shutdown(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._batch_processor.shutdown(timeout_millis=_LAST_MS)


def otlp_processor(
    endpoint: str, headers: dict[str, str], counts: SpanCounts, room: int
) -> CountingProcessor:
    """The way to the collector at `endpoint`; without a path, to the one that OTLP gives to traces."""
    path = urlsplit(endpoint).path
    url = endpoint if path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(
        endpoint=url, headers=dict(headers), timeout=_TIMEOUT_S, compression=Compression.Gzip
    )
    return CountingProcessor(CountingExporter(exporter, counts), counts, room)
