"""What a chat with the engine is made of: how to sample, and the pieces of the answer."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop. The default takes the likeliest token."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 160
    seed: int | None = 0
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
    """What is added to the logits of tokens, by their numbers; in [-100, 100]."""


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


class WrongModelError(MalformedAnswerError):
    """Another model answers than the one that was asked."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the model {name[:200]!r} answers, which was not asked")
        self.name = name


class CutShortError(Exception):
    """The stream ended before the engine said that the answer is finished."""


async def read_deltas(
    events: AsyncIterator[object], names: Collection[str] = ()
) -> AsyncGenerator[ChatDelta, None]:
    """The stream's events as deltas: those without any are left out, finish reason and usage joined in one.

    The usage is kept up to date, so that one who stops reading early knows what has been spent. An answer is of the
    model that was asked, or of none: `names` are those by which it may be called, any where none are given.

    Raises `MalformedAnswerError` for an event that is no chunk, `WrongModelError` for one of another model, and
    `CutShortError` for a stream without an end.
    """
    reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    async for event in events:
        if not isinstance(event, dict):
            raise MalformedAnswerError("an event is not a chat completion chunk")
        told = event.get("model")
        if names and isinstance(told, str) and told not in names:
            raise WrongModelError(told)
        text, reasoning, reason_here = _choice(event.get("choices"))
        reason = reason or reason_here
        usage = event.get("usage")
        if usage is not None:
            prompt_tokens = _count(usage, "prompt_tokens")
            completion_tokens = _count(usage, "completion_tokens")
        if text or reasoning:
            yield ChatDelta(text, None, prompt_tokens, completion_tokens, reasoning)
    if reason is None:
        raise CutShortError("the stream ended in the middle of the answer")
    yield ChatDelta("", reason, prompt_tokens, completion_tokens)


def _choice(choices: object) -> tuple[str, str, str | None]:
    """Text, reasoning and finish reason of the first choice."""
    if not isinstance(choices, list):
        raise MalformedAnswerError("an event is not a chat completion chunk")
    if not choices:
        return "", "", None
    choice = choices[0]
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(delta, dict):
        raise MalformedAnswerError("a choice has no delta")
    text = delta.get("content") or ""
    # vLLM says `reasoning`; other servers, and vLLM before 0.12, `reasoning_content`.
    reasoning = delta.get("reasoning") or delta.get("reasoning_content") or ""
    reason = choice.get("finish_reason")
    if not (isinstance(text, str) and isinstance(reasoning, str) and isinstance(reason, str | None)):
        raise MalformedAnswerError("a choice is not a piece of text")
    return text, reasoning, reason


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else None
