"""What a model expected of each token of a prompt, as vLLM says it."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from tandem.engine.chat import MalformedAnswerError

Expected = tuple[int, float]
"""A token's number, and the natural logarithm of its probability after all before it."""


def expected_of(answer: object, prompts: int) -> list[list[Expected]]:
    """What was expected of each prompt's tokens, but for the first, which follows nothing.

    `answer` is the body of `/v1/completions` for that many prompts with `prompt_logprobs` of 0.
    Raises `MalformedAnswerError` for one that does not say it.
    """
    try:
        choices: Any = sorted(answer["choices"], key=lambda choice: choice["index"])  # type: ignore[index]
        expected = [[_token(each) for each in choice["prompt_logprobs"][1:]] for choice in choices]
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise MalformedAnswerError("/v1/completions gave no likelihood of the prompt") from error
    if len(expected) != prompts:
        raise MalformedAnswerError(f"/v1/completions gave {len(expected)} likelihoods of {prompts} prompts")
    return expected


def likelihoods_of_ending(first: Sequence[Expected], second: Sequence[Expected]) -> list[tuple[float, float]]:
    """The log likelihoods, in nats, of each token of the longest run in which both prompts end: in the first, in the
    second.
    """
    together = []
    for (token, one), (other_token, other) in zip(reversed(first), reversed(second), strict=False):
        if token != other_token:
            break
        together.append((one, other))
    return together[::-1]


def _token(said: Any) -> Expected:
    ((number, facts),) = said.items()  # more than the token itself was not asked for
    likelihood = float(facts["logprob"])
    if not isfinite(likelihood):
        raise ValueError("a likelihood that is no number")
    return int(number), likelihood
