"""Why a judge gave no reply, in words that can be counted."""

from typing import Literal

import httpx
import openai

Kind = Literal[
    "out of reach", "busy", "too slow", "refuses", "not of the form", "cut short", "budget used up", "down"
]

PASSING: frozenset[Kind] = frozenset({"out of reach", "busy"})
"""Another try may help at once. A wait that was too long already is none of them."""
ABSENT: frozenset[Kind] = PASSING | {"too slow"}
"""So many of these in a row, and the judge counts as down."""
OF_THE_JUDGE: frozenset[Kind] = frozenset({"not of the form", "cut short"})
"""It answered, and its answer was paid for, but cannot be read: asked the same again, it says the same."""

_LONGEST = 300


class JudgeError(Exception):
    """The judge gave no reply that can be read. `final`: asking it anything else is in vain, too."""

    def __init__(
        self, kind: Kind, message: str, *, retry_after: float | None = None, final: bool = False
    ) -> None:
        super().__init__(f"judge {kind}: {message}"[:_LONGEST])
        self.kind = kind
        self.retry_after = retry_after
        self.final = final


def explain(error: BaseException) -> JudgeError | None:
    """The fault of a call through instructor, which wraps what it meets; `None` for what is no fault of a judge."""
    from instructor.core import IncompleteOutputException, InstructorRetryException
    from pydantic import ValidationError

    if isinstance(error, InstructorRetryException):
        return explain(error.__cause__) if error.__cause__ else JudgeError("not of the form", str(error))
    if isinstance(error, IncompleteOutputException):
        return JudgeError("cut short", "its reply is longer than judge.answer_tokens")
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return JudgeError("not of the form", f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip())
    if isinstance(error.__cause__ or error, httpx.ConnectTimeout):
        return JudgeError("out of reach", "no connection in time")
    if isinstance(error, TimeoutError | openai.APITimeoutError | httpx.TimeoutException):
        return JudgeError("too slow", "no reply within judge.timeout_s")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    if isinstance(error, openai.APIConnectionError | httpx.HTTPError):
        return JudgeError("out of reach", str(error.__cause__ or error))
    if isinstance(error, openai.OpenAIError | ValueError):
        return JudgeError("not of the form", str(error))
    return None


def _of_status(error: openai.APIStatusError) -> JudgeError:
    status, said = error.status_code, error.message
    if status == 429 or status >= 500:
        return JudgeError("busy", f"status {status}: {said}", retry_after=_seconds(error.response))
    # A wrong key, or a model that is not there, is so for every question.
    return JudgeError("refuses", f"status {status}: {said}", final=status in (401, 403, 404))


def _seconds(response: httpx.Response) -> float | None:
    try:
        return float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
