"""What went wrong at the engine: whether another try may help, and how to say it to a user."""

import json
from collections.abc import Mapping
from http import HTTPStatus

import httpx
import openai

from tandem.engine.chat import CutShortError, MalformedAnswerError, WrongModelError
from tandem.errors import (
    EngineBrokeOffError,
    EngineFailedError,
    EngineUnavailableError,
    InvalidRequestError,
    NotFoundError,
    TandemError,
)

# What httpx and json raise while a stream is read comes as it is.
FAULTS = (
    openai.APIError,
    httpx.HTTPError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    RecursionError,
    MalformedAnswerError,
    CutShortError,
)
"""All that a call of the engine can raise."""

_RETRY_AFTER_S = 5
_LONGEST_MESSAGE = 500
_KEY = "engine.api_key"
_MODEL = "model"
_SEE_LOG = "See logs/engine.log in the data folder, and run `tandem doctor`."


def is_transient(fault: Exception) -> bool:
    """Whether the same call may succeed at once: the engine was out of reach or busy, or broke off.

    A timeout is not: the wait was long already, and another try would add to the engine's load.
    """
    if isinstance(fault, openai.APITimeoutError | httpx.TimeoutException):
        return False
    if isinstance(fault, openai.APIConnectionError | httpx.HTTPError | CutShortError):
        return True
    status = _status(fault)
    return status is not None and (status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500)


def refuses_field(fault: Exception, name: str) -> bool:
    """Whether the engine says that it does not know a field of the request."""
    if _status(fault) not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return False
    body = fault.body if isinstance(fault, openai.APIError) else None
    return name in f"{fault} {body}"


def explain(fault: Exception) -> TandemError:
    """The fault of a call that has produced nothing yet, as an error for the user."""
    status = _status(fault)
    if isinstance(fault, httpx.ConnectTimeout):
        return _unavailable("The engine is out of reach", fault)
    if isinstance(fault, openai.APITimeoutError | httpx.TimeoutException):
        return _unavailable("The engine did not answer in time", fault, "hung")
    if isinstance(fault, openai.APIConnectionError | httpx.HTTPError):
        return _unavailable("The engine is out of reach", fault)
    if isinstance(fault, CutShortError):
        return _unavailable("The engine broke off before its answer began", fault)
    if status is None:
        about = _MODEL if isinstance(fault, WrongModelError) else None
        return EngineFailedError(
            f"The engine's answer cannot be read: {_said(fault)}", param=about, hint=_SEE_LOG
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        busy = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
        return _unavailable(
            f"The engine cannot answer now (status {status}): {_said(fault)}",
            fault,
            "overloaded" if busy else "down",
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return EngineFailedError(
            f"The engine refuses the key: {_said(fault)}",
            param=_KEY,
            hint="Set engine.api_key to the key of the engine at engine.address.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(
            f"The engine does not know this: {_said(fault)}",
            hint="Check engine.served_name, engine.adapters and engine.address.",
        )
    return InvalidRequestError(f"The engine refuses the request: {_said(fault)}")


def broke_off(fault: Exception) -> EngineFailedError:
    """The fault of a call that had produced a part of its answer already: `EngineBrokeOffError` where the engine was
    lost, and not where it is silent or cannot be understood.
    """
    kind = EngineBrokeOffError if is_transient(fault) else EngineFailedError
    return kind(f"The engine broke off in the middle of the answer: {_said(fault)}", hint=_SEE_LOG)


def is_engines(error: TandemError) -> bool:
    """Whether the engine is to blame, and not the request: what its breaker counts."""
    return isinstance(error, EngineUnavailableError) or (
        isinstance(error, EngineFailedError) and error.param != _KEY
    )


def is_wrong_model(error: TandemError) -> bool:
    """Whether another model answered than the one that was asked."""
    return isinstance(error, EngineFailedError) and error.param == _MODEL


def _unavailable(message: str, fault: Exception, reason: str = "down") -> EngineUnavailableError:
    return EngineUnavailableError(message, hint=_SEE_LOG, retry_after=_retry_after(fault), reason=reason)


def _status(fault: Exception) -> int | None:
    """HTTP status of the response, or the code of an error event inside a stream."""
    if isinstance(fault, openai.APIStatusError):
        return fault.status_code
    code = _fields(fault).get("code")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    if isinstance(code, int):
        return code
    return HTTPStatus.INTERNAL_SERVER_ERROR if type(fault) is openai.APIError else None


def _fields(fault: Exception) -> Mapping[str, object]:
    body = fault.body if isinstance(fault, openai.APIError) else None
    return body if isinstance(body, dict) else {}


def _said(fault: Exception) -> str:
    """The engine's own words where it has some."""
    message = _fields(fault).get("message")
    text = message if isinstance(message, str) else str(fault) or type(fault).__name__
    return text[:_LONGEST_MESSAGE]


def _retry_after(fault: Exception) -> int:
    header = fault.response.headers.get("retry-after", "") if isinstance(fault, openai.APIStatusError) else ""
    return int(header) if header.isdecimal() else _RETRY_AFTER_S
