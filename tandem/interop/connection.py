"""The way to a Tandem: a server at an address, or an application in this process."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

import httpx

from tandem.errors import InvalidRequestError, UnavailableError
from tandem.remote_errors import error_of

T = TypeVar("T")

_DONE = "data: [DONE]"


class Connection:
    """Posts JSON and reads answers. All methods raise the server's own error, or `UnavailableError`.

    An application of this process lives on the event loop on which the connection is made; a call that blocks
    must come from another thread. Its streams come whole.
    """

    def __init__(
        self, url: str | None = None, *, app: Any = None, key: str | None = None, timeout_s: float = 120.0
    ) -> None:
        """To the server at `url`, or to the ASGI application `app`, whose lifespan has begun.

        `key` is sent with each request; without one, an application of this process is asked as its owner.
        """
        if (url is None) == (app is None):
            raise InvalidRequestError("Name the url of a server, or an app", param="url")
        self._url = url or "http://127.0.0.1"
        self._app = app
        self._timeout = timeout_s
        if key is None and app is not None:
            key = app.state.services.principals.local_key
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._loop = asyncio.get_running_loop() if app is not None else None

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of the response."""
        if self._loop is not None:
            return self._wait(self.apost(path, body))
        with self._faults_told(), self._client() as http:
            return _checked(http.post(path, json=body))

    async def apost(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of the response."""
        with self._faults_told():
            async with self._async_client() as http:
                return _checked(await http.post(path, json=body))

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """The events of the response, as they come."""
        if self._loop is not None:
            yield from self._wait(self._whole(path, body))
            return
        with (
            self._faults_told(),
            self._client() as http,
            http.stream("POST", path, json=body) as response,
        ):
            if not response.is_success:
                raise error_of(response.read())
            for line in response.iter_lines():
                if line == _DONE:
                    return
                if line:
                    yield _event(line)
        raise self._broke_off()

    async def astream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """The events of the response, as they come."""
        with self._faults_told():
            async with self._async_client() as http, http.stream("POST", path, json=body) as response:
                if not response.is_success:
                    raise error_of(await response.aread())
                async for line in response.aiter_lines():
                    if line == _DONE:
                        return
                    if line:
                        yield _event(line)
        raise self._broke_off()

    async def _whole(self, path: str, body: Mapping[str, Any]) -> list[Any]:
        async with aclosing(self.astream(path, body)) as events:
            return [event async for event in events]

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        loop = self._loop
        if loop is None or _running() is loop:
            work.close()
            raise InvalidRequestError(
                "A call that blocks cannot be made on the event loop of the application",
                hint="Await the method whose name begins with `a`, or call from another thread.",
            )
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, timeout=self._timeout, trust_env=False, headers=self._headers)

    def _async_client(self) -> httpx.AsyncClient:
        # A new one for each call: frameworks call from loops that come and go.
        transport = httpx.ASGITransport(self._app) if self._app is not None else None
        return httpx.AsyncClient(
            base_url=self._url,
            timeout=self._timeout,
            trust_env=False,
            transport=transport,
            headers=self._headers,
        )

    def _faults_told(self) -> "_FaultsTold":
        return _FaultsTold(self._url)

    def _broke_off(self) -> UnavailableError:
        return UnavailableError(
            f"The Tandem at {self._url} broke off in the middle of the answer", hint="Ask again."
        )


class _FaultsTold:
    """A block in which a server that is out of reach is an `UnavailableError`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.TransportError):
            raise UnavailableError(
                f"The Tandem at {self._url} is out of reach: {error}", hint="Start it with `tandem up`."
            ) from error


def _checked(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    raise error_of(response.content)


def _event(line: str) -> Any:
    text = line.removeprefix("data: ")
    event = json.loads(text)
    if "error" in event:
        raise error_of(text.encode())
    return event


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
