"""A trace as it may be kept."""

from dataclasses import replace

import structlog

from tandem.redaction import Redactor, redacted_trace
from tandem.store import Trace

log = structlog.get_logger(__name__)


def keepable(trace: Trace, redactor: Redactor | None) -> Trace:
    """The trace without personal data; without any words, where these cannot be looked through."""
    try:
        return redacted_trace(trace, redactor)
    except Exception:
        # A fault of the library may cost the trace its words, but nobody an answer, or privacy.
        log.exception("trace_not_redacted", trace_id=trace.id)
        return replace(trace, question="", answer="", citations=[])
