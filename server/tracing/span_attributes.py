"""What spans say of an answer: figures, steps and, where that is wanted, words."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.tracing import conventions
from tandem.redaction import Redactor

if TYPE_CHECKING:
    from server.answering.types import Answer, Question

_MARKS = ("before_engine", "first_token", "total")
"""Times since the start, and no steps."""
_AT_ENGINE = "generate"

Value = str | bool | int | float | list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an answer; times in nanoseconds of the epoch."""

    name: str
    begun: int
    ended: int
    attributes: dict[str, Value]
    at_engine: bool


def figures_of(question: "Question", answer: "Answer") -> dict[str, Value]:
    """Attributes without anybody's words."""
    said: dict[str, Value | None] = {
        conventions.PROVIDER: "tandem",
        conventions.REQUEST_MODEL: question.model,
        conventions.RESPONSE_MODEL: f"{answer.recipe}@{answer.recipe_version}",
        conventions.RESPONSE_ID: answer.trace_id,
        conventions.FINISH_REASONS: [answer.finish_reason],
        conventions.INPUT_TOKENS: answer.tokens_in,
        conventions.OUTPUT_TOKENS: answer.tokens_out,
        conventions.REQUEST_TEMPERATURE: question.sampling.temperature,
        conventions.REQUEST_MAX_TOKENS: question.sampling.max_tokens,
        "tandem.tenant": question.caller.tenant,
        "tandem.prompt_version": answer.prompt_version,
        "tandem.abstained": answer.abstained,
        "tandem.degraded": answer.degraded,
        "tandem.evidence": answer.evidence,
        "tandem.passages": len(answer.passages),
        "tandem.citations": len(answer.citations),
        "tandem.cached": answer.cached,
        "tandem.experiment": answer.experiment,
        "tandem.arm": answer.arm,
    }
    first = answer.timings.get("first_token")
    if first is not None:
        said[conventions.FIRST_CHUNK] = first / 1000
    return {name: value for name, value in said.items() if value is not None}


def content_of(question: "Question", answer: "Answer", redactor: Redactor | None) -> dict[str, Value]:
    """Question and answer, as messages in the conventions' form."""

    def message(role: str, text: str, **more: str) -> str:
        shown = redactor.redact(text) if redactor is not None else text
        parts = [{"type": "text", "content": shown}]
        return json.dumps([{"role": role, "parts": parts, **more}], ensure_ascii=False)

    return {
        conventions.INPUT_MESSAGES: message("user", question.text),
        conventions.OUTPUT_MESSAGES: message("assistant", answer.text, finish_reason=answer.finish_reason),
    }


def steps_of(answer: "Answer", now: int) -> Iterator[Step]:
    """The answer's steps, one after the other up to `now`: timings say how long each took, and in what order."""
    place = begun = now - _nanoseconds(answer.timings["total"])
    for name, took in answer.timings.items():
        if name in _MARKS:
            continue
        if name == _AT_ENGINE and "before_engine" in answer.timings:
            place = begun + _nanoseconds(answer.timings["before_engine"])
        ended = min(now, place + _nanoseconds(took))
        attributes: dict[str, Value] = {}
        if name == "retrieve":
            attributes = {conventions.OPERATION: "retrieval", "tandem.passages": len(answer.passages)}
        if name == _AT_ENGINE:
            attributes = {
                conventions.OPERATION: "chat",
                conventions.PROVIDER: "vllm",
                conventions.INPUT_TOKENS: answer.tokens_in,
                conventions.OUTPUT_TOKENS: answer.tokens_out,
            }
        yield Step(name, min(place, now), ended, attributes, name == _AT_ENGINE)
        place = ended


def _nanoseconds(milliseconds: float) -> int:
    return int(milliseconds * 1_000_000)
