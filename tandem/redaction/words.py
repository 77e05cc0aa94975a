"""Where a trace has words: its question, its answer, and the quotes of its citations."""

from dataclasses import replace

from tandem.redaction.redactor import Redactor
from tandem.store import Trace


def redacted_trace(trace: Trace, redactor: Redactor | None) -> Trace:
    """The trace as it may be kept and exported."""
    if redactor is None:
        return trace
    return replace(
        trace,
        question=redactor.redact(trace.question),
        answer=redactor.redact(trace.answer),
        citations=[one | {"quote": redactor.redact(one.get("quote", ""))} for one in trace.citations],
    )
