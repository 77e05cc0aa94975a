"""The events of one chat as they come over the connection.

The openai client builds a model of every chunk, and closes the connection after each answer, so that the next
question waits until another is open. What it raises is raised here too: its faults are explained in one place.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import httpx
import openai

from tandem.engine.chat import MalformedAnswerError

_DONE = b"[DONE]"
_LONGEST_EVENT = 1024 * 1024
"""Bytes. A token's event has some hundred; one without an end must not fill the memory."""
_LINGER_S = 0.1
"""So long the end of an answer is waited for, after its last event."""


async def chat_events(
    http: httpx.AsyncClient, url: httpx.URL, body: Mapping[str, Any], headers: Mapping[str, str]
) -> AsyncGenerator[Any, None]:
    """What each event of the stream says, read as JSON, up to the one that says that it is done.

    Closing it early closes the connection, and by that vLLM knows that nobody listens. Raises
    `openai.APIStatusError` for a refusal, `openai.APIError` for one inside the stream, `MalformedAnswerError` for
    what is no JSON, or is too long, and what httpx raises.
    """
    async with http.stream("POST", url, json=body, headers=headers) as response:
        if not response.is_success:
            raise await _refusal(response)
        pieces = response.aiter_bytes()
        async with aclosing(data_of_events(pieces)) as events:
            async for data in events:
                if data.startswith(_DONE):
                    break
                event = _read(data)
                if isinstance(event, dict) and event.get("error"):
                    raise _fault(event["error"], response.request)
                yield event
        # Only a connection whose answer was read to its end may serve the next one.
        with suppress(TimeoutError, httpx.HTTPError):
            async with asyncio.timeout(_LINGER_S):
                async for _ in pieces:
                    pass


async def data_of_events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of server-sent events, of a stream that is cut anywhere; all but `data` is left out.

    Raises `MalformedAnswerError` for one that is too long.
    """
    rest, data = b"", list[bytes]()
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) + sum(map(len, data)) > _LONGEST_EVENT:
            raise MalformedAnswerError(f"an event is longer than {_LONGEST_EVENT:,} bytes")
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line.removeprefix(b"data:").removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data.clear()


def _read(data: bytes) -> Any:
    if len(data) > _LONGEST_EVENT:
        raise MalformedAnswerError(f"an event is longer than {_LONGEST_EVENT:,} bytes")
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:  # also of numbers and nestings without an end
        raise MalformedAnswerError(f"an event is no JSON: {error}") from error


async def _refusal(response: httpx.Response) -> openai.APIStatusError:
    await response.aread()
    try:
        body = response.json()
        said = f"Error code: {response.status_code} - {body}"
    except ValueError:
        body, said = None, response.text or f"Error code: {response.status_code}"
    return openai.APIStatusError(
        said, response=response, body=body.get("error", body) if isinstance(body, dict) else body
    )


def _fault(error: object, request: httpx.Request) -> openai.APIError:
    message = error.get("message") if isinstance(error, dict) else None
    return openai.APIError(str(message or "An error occurred during streaming"), request, body=error)
