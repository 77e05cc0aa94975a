"""What a chat response says: OpenAI's shapes, and Tandem's additions under the key `tandem`."""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel

from server.answering import Answer, TextDelta
from server.answering.degrade import DegradedReason
from server.api.retrieve import PassageBody, passage_body


class CitationBody(BaseModel):
    """One numbered mark of the answer and its place in a document; `start` and `end` count code points."""

    n: int
    document_id: str
    corpus: str
    title: str
    uri: str
    page: int | None
    section: str | None
    start: int
    end: int
    quote: str
    score: float


class TandemBody(BaseModel):
    """How the answer came about."""

    citations: list[CitationBody]
    recipe: str
    recipe_version: str
    prompt_version: str
    trace_id: str
    timings: dict[str, float]
    """Milliseconds per step."""
    abstained: bool
    degraded: bool = False
    """Whether the text is of the passages alone, because the engine did not write."""
    degraded_reason: DegradedReason | None = None
    evidence: float | None
    """Probability that the passages hold the answer; null where the recipe looks for none."""
    cached: Literal["exact", "similar"] | None = None
    """Set where the answer was kept from the same question, or from a similar one."""
    passages: list[PassageBody] | None = None
    """What was found, best first, where the request asks for it."""


class Usage(BaseModel):
    """Tokens of the engine; zeros where it was not asked."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionMessage(BaseModel):
    """The answer's text, and apart from it what the model thought before."""

    role: str = "assistant"
    content: str | None
    refusal: str | None = None
    """Stands in place of the content where JSON was asked for and Tandem abstains."""
    reasoning_content: str | None = None


class Choice(BaseModel):
    """The one choice there is."""

    index: int = 0
    message: CompletionMessage
    finish_reason: str


class ChatCompletion(BaseModel):
    """Body of a response that is not streamed."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    tandem: TandemBody


def tandem_body(answer: Answer, *, passages: bool = False) -> TandemBody:
    """Tandem's additions for one answer."""
    return TandemBody(
        citations=[CitationBody(**asdict(citation)) for citation in answer.citations],
        recipe=answer.recipe,
        recipe_version=answer.recipe_version,
        prompt_version=answer.prompt_version,
        trace_id=answer.trace_id,
        timings=answer.timings,
        abstained=answer.abstained,
        degraded=answer.degraded,
        degraded_reason=answer.degraded_reason,
        evidence=None if answer.evidence is None else round(answer.evidence, 4),
        cached=answer.cached,
        passages=_passages_of(answer) if passages else None,
    )


def _passages_of(answer: Answer) -> list[PassageBody]:
    seen = answer.prompted
    return [
        passage_body(passage, in_prompt=None if seen is None else passage.chunk.id in seen)
        for passage in answer.passages
    ]


def usage(answer: Answer) -> Usage:
    """Tokens of one answer."""
    return Usage(
        prompt_tokens=answer.tokens_in,
        completion_tokens=answer.tokens_out,
        total_tokens=answer.tokens_in + answer.tokens_out,
    )


def completion(
    answer: Answer, completion_id: str, created: int, model: str, *, passages: bool = False
) -> ChatCompletion:
    """The whole response for one answer."""
    return ChatCompletion(
        id=completion_id,
        created=created,
        model=model,
        choices=[Choice(message=_message(answer), finish_reason=answer.finish_reason)],
        usage=usage(answer),
        tandem=tandem_body(answer, passages=passages),
    )


def _message(answer: Answer) -> CompletionMessage:
    return CompletionMessage(
        content=None if answer.refusal else answer.text,
        refusal=answer.text if answer.refusal else None,
        reasoning_content=answer.reasoning or None,
    )


class ChunkWriter:
    """Makes the events of one stream."""

    def __init__(self, completion_id: str, created: int, model: str, *, passages: bool = False) -> None:
        self._passages = passages
        self._head = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }

    def role(self) -> dict[str, Any]:
        """The first event."""
        return self._with_delta({"role": "assistant", "content": ""})

    def text(self, delta: TextDelta) -> dict[str, Any]:
        """An event with the next piece of text."""
        return self._with_delta({"refusal" if delta.refusal else "content": delta.text})

    def reasoning(self, text: str) -> dict[str, Any]:
        """An event with the next piece of reasoning, as OpenAI-compatible servers send it."""
        return self._with_delta({"reasoning_content": text})

    def end(self, answer: Answer, *, include_usage: bool) -> list[dict[str, Any]]:
        """The last events; the very last carries `tandem`."""
        finish = self._with_delta({}, answer.finish_reason)
        told = {"tandem": tandem_body(answer, passages=self._passages).model_dump()}
        if not include_usage:
            return [finish | told]
        last = {
            "choices": [],
            "usage": usage(answer).model_dump(),
            **told,
        }
        return [finish, self._head | last]

    def _with_delta(self, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        return self._head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
