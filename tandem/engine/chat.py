"""What a chat with the engine is made of: how to sample, and the pieces of the answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from openai.types.chat import ChatCompletionChunk


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop. The default takes the likeliest token."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 160
    seed: int | None = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of an answer, with the tokens so far where the engine says them.

    The last has neither text nor reasoning, and alone a finish reason.
    """

    text: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning: str = ""
    """What the model thinks before it answers, where the engine tells it apart (`--reasoning-parser`)."""


class MalformedAnswerError(Exception):
    """What the engine sent is not a chat stream."""


class CutShortError(Exception):
    """The stream ended before the engine said that the answer is finished."""


async def read_deltas(chunks: AsyncIterator[ChatCompletionChunk]) -> AsyncGenerator[ChatDelta, None]:
    """The stream's chunks as deltas: those without any are left out, finish reason and usage joined in one.

    The usage is kept up to date, so that one who stops reading early knows what has been spent.

    Raises `MalformedAnswerError` for a chunk that is none, `CutShortError` for a stream without an end.
    """
    reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    async for chunk in chunks:
        text, reasoning, reason_here = _choice(chunk)
        reason = reason or reason_here
        if chunk.usage is not None:
            prompt_tokens = _count(chunk.usage, "prompt_tokens")
            completion_tokens = _count(chunk.usage, "completion_tokens")
        if text or reasoning:
            yield ChatDelta(text, None, prompt_tokens, completion_tokens, reasoning)
    if reason is None:
        raise CutShortError("the stream ended in the middle of the answer")
    yield ChatDelta("", reason, prompt_tokens, completion_tokens)


def _choice(chunk: object) -> tuple[str, str, str | None]:
    """Text, reasoning and finish reason. The openai client builds chunks without checking them, so it is done here."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(chunk, ChatCompletionChunk) or not isinstance(choices, list):
        raise MalformedAnswerError("an event is not a chat completion chunk")
    if not choices:
        return "", "", None
    delta = getattr(choices[0], "delta", None)
    text = getattr(delta, "content", None) or ""
    # vLLM says `reasoning`; other servers, and vLLM before 0.12, `reasoning_content`.
    reasoning = getattr(delta, "reasoning", None) or getattr(delta, "reasoning_content", None) or ""
    reason = getattr(choices[0], "finish_reason", None)
    told = isinstance(text, str) and isinstance(reasoning, str) and isinstance(reason, str | None)
    if delta is None or not told:
        raise MalformedAnswerError("a choice is not a piece of text")
    return text, reasoning, reason


def _count(usage: object, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) else None
