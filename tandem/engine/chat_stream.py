"""The events of one chat as they come over the connection.

The openai client builds a model of every chunk, and closes the connection after each answer, so that the next
question waits until another is open. aiohttp takes a third of the time that httpx, beneath that client, takes for a
request. What goes wrong is raised as that client would, so that the engine's faults are explained in one place.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import aiohttp
import httpx
import openai

from tandem.engine.chat import MalformedAnswerError
from tandem.engine.own_time import punctual_timeout
from tandem.settings import EngineSettings

_DONE = b"[DONE]"
_LONGEST_EVENT = 1024 * 1024
"""Bytes. A token's event has some hundred; one without an end must not fill the memory."""
_LINGER_S = 0.1
"""So long the end of an answer is waited for, after its last event."""
_CONNECTIONS = 1_000
_KEPT_S = 2.0
"""An idle connection is given up well before vLLM does it, after 5 s, lest a question is just on its way."""
_JSON = {"Content-Type": "application/json"}


class ChatStreams:
    """Chats with the engine at `address`, each on a connection that is kept for the next. Of one event loop."""

    def __init__(self, address: str, settings: EngineSettings) -> None:
        self._url = f"{address}/v1/chat/completions"
        self._connect_s = settings.connect_timeout_s
        self._timeout = aiohttp.ClientTimeout(total=None, sock_read=settings.token_timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def events(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncGenerator[Any, None]:
        """What each event of the stream says, read as JSON, up to the one that says that it is done.

        Closing it early closes the connection, and by that vLLM knows that nobody listens. Raises
        `openai.APIStatusError` for a refusal, `openai.APIError` for one inside the stream, `MalformedAnswerError` for
        what is no JSON, or is too long, and `httpx.HTTPError` for what the connection came to.
        """
        request = self._opened().post(self._url, data=json.dumps(body).encode(), headers={**_JSON, **headers})
        with _faults_of_httpx():
            async with request as response:
                try:
                    if not response.ok:
                        raise await _refusal(response)
                    pieces = response.content.iter_any()
                    async with aclosing(data_of_events(pieces)) as events:
                        async for data in events:
                            if data.startswith(_DONE):
                                break
                            event = _read(data)
                            if isinstance(event, dict) and event.get("error"):
                                raise _fault(event["error"], self._url)
                            yield event
                    # Only a connection whose answer was read to its end may serve the next one.
                    with suppress(TimeoutError, aiohttp.ClientError):
                        async with asyncio.timeout(_LINGER_S):
                            async for _ in pieces:
                                pass
                finally:
                    if not response.content.at_eof():
                        response.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # As the client of everything else trusts: the engine is never behind the proxy that the environment may name.
            trusted = httpx.create_ssl_context(trust_env=False) if self._url.startswith("https:") else True
            self._session = aiohttp.ClientSession(
                connector=_Connector(
                    self._connect_s, limit=_CONNECTIONS, keepalive_timeout=_KEPT_S, ssl=trusted
                ),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        if self._session is not None:
            await self._session.close()


class _Connector(aiohttp.TCPConnector):
    """Gives up a connection that is not there in time, unless it is this process that was late."""

    def __init__(self, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = seconds

    async def connect(self, *request: Any, **options: Any) -> aiohttp.connector.Connection:
        """As aiohttp has it. Raises `TimeoutError`."""
        async with punctual_timeout(self._seconds):
            return await super().connect(*request, **options)


@contextmanager
def _faults_of_httpx() -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as fault:
        raise httpx.ConnectTimeout(str(fault)) from fault
    except (aiohttp.ServerTimeoutError, aiohttp.SocketTimeoutError) as fault:
        raise httpx.ReadTimeout(str(fault)) from fault
    except aiohttp.ClientConnectorError as fault:
        raise httpx.ConnectError(str(fault)) from fault
    except aiohttp.ClientError as fault:
        raise httpx.RemoteProtocolError(str(fault) or type(fault).__name__) from fault
    except OSError as fault:  # of the connection, while the request was written
        raise httpx.WriteError(str(fault)) from fault


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


async def _refusal(response: aiohttp.ClientResponse) -> openai.APIStatusError:
    text = await response.text(errors="replace")
    try:
        body = json.loads(text)
        said = f"Error code: {response.status} - {body}"
    except (ValueError, RecursionError):
        body, said = None, text or f"Error code: {response.status}"
    known = httpx.Response(
        response.status,
        headers=list(response.headers.items()),
        request=httpx.Request("POST", str(response.url)),
    )
    return openai.APIStatusError(
        said, response=known, body=body.get("error", body) if isinstance(body, dict) else body
    )


def _fault(error: object, url: str) -> openai.APIError:
    message = error.get("message") if isinstance(error, dict) else None
    request = httpx.Request("POST", url)
    return openai.APIError(str(message or "An error occurred during streaming"), request, body=error)
