"""What cannot be looked through is not kept."""

from collections.abc import Iterator

from votes import TRACE

from server.tracing.keepable import keepable
from tandem.redaction import Redactor
from tandem.redaction.redactor import Find


def fails(text: str) -> Iterator[Find]:
    raise RuntimeError(text)
    yield


def test_a_fault_of_the_redactor_costs_the_trace_its_words_and_nobody_an_answer() -> None:
    kept = keepable(TRACE, Redactor([fails]))
    assert (kept.question, kept.answer, kept.citations) == ("", "", [])
    assert kept.timings == TRACE.timings
    assert keepable(TRACE, None) is TRACE
