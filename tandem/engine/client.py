"""The typed client of the engine: chat, adapters, tokens, health."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import httpx
import openai
import structlog
from openai._types import RequestOptions

from tandem.breaker import Breaker
from tandem.engine.chat import (
    ChatDelta,
    CutShortError,
    MalformedAnswerError,
    Sampling,
    WrongModelError,
    read_deltas,
)
from tandem.engine.chat_stream import ChatStreams
from tandem.engine.faults import FAULTS, broke_off, explain, is_engines, is_transient, refuses_field
from tandem.engine.likelihood import Expected, expected_of
from tandem.engine.pulse import Pulse
from tandem.engine.trace_headers import trace_headers
from tandem.errors import EngineUnavailableError, TandemError
from tandem.settings import EngineSettings

T = TypeVar("T")
log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 4.0
_TRIES_S = 0.5
"""From then on no further try begins: who asks is told within a second what there is instead of an answer."""
_HEALTH = 10
"""How many times longer than a connection the health may take: a busy engine is slow to say so."""
_PROBE = [{"role": "user", "content": "Say yes."}]

_CONNECTIONS = httpx.Limits(max_connections=1_000, max_keepalive_connections=100, keepalive_expiry=2.0)
"""An idle one is given up well before vLLM does it, after 5 s, lest a question is just on its way."""


class EngineClient:
    """Asks the vLLM at `address`, such as `http://127.0.0.1:8001`. One client serves many tasks at once."""

    def __init__(self, address: str, settings: EngineSettings) -> None:
        self.breaker = Breaker(settings.breaker_failures, settings.breaker_retry_s)
        """While it is not closed, no chat is begun; a task of this client tries whether the engine is back."""
        self._probing: asyncio.Task[None] | None = None
        self._names = frozenset((settings.served_name,))
        """By which the engine may call its base model."""
        self._settings = settings
        self._salted = settings.cache_salt
        self._address = address.rstrip("/")
        # The client insists on a key, and would send one that it finds in the environment.
        key = settings.api_key or "none"
        timeout = httpx.Timeout(settings.token_timeout_s, connect=settings.connect_timeout_s)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._streams = ChatStreams(self._address, settings)
        # The engine is never behind the proxy that the environment may name.
        trusted = httpx.create_ssl_context(trust_env=False)
        http = httpx.AsyncClient(
            trust_env=False, verify=trusted, timeout=timeout, limits=_CONNECTIONS, follow_redirects=True
        )
        longest = settings.first_token_timeout_s
        looking = httpx.AsyncClient(trust_env=False, verify=trusted, timeout=longest, headers=self._headers)
        self.pulse = Pulse(looking, httpx.URL(f"{self._address}/health"), settings, self._hangs)
        """Finds out whether the engine hangs, while questions wait for it."""
        self._openai = openai.AsyncOpenAI(
            base_url=f"{self._address}/v1",
            api_key=key,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )

    async def chat(
        self,
        messages: Sequence[dict[str, str]],
        model: str,
        sampling: Sampling,
        response_format: Mapping[str, Any] | None = None,
        *,
        cache_salt: str | None = None,
        affinity: str | None = None,  # as EngineRouter takes it; one engine has no choice
        retries: int | None = None,
    ) -> AsyncGenerator[ChatDelta, None]:
        """Stream the answer of `model` (the base model's name or an adapter's) to `messages`.

        `response_format` is OpenAI's: vLLM lets the model write nothing but what it allows. What vLLM computed of
        a prompt's beginning it uses again for the same `cache_salt` only.

        Closing the generator, or cancelling the task that reads it, aborts the request at the engine.
        A try that has produced no text is made again up to `retries` times (those of the settings by default) where that may help, for half a second.

        Raises, before the first delta, `EngineUnavailableError` (with `retry_after`) when the engine is out
        of reach, busy or too slow, or has been so for the last questions, `InvalidRequestError` for a request that it refuses, such as one over
        its context, `NotFoundError` for an unknown model, and `EngineFailedError` for an answer that cannot
        be read; after it, `EngineFailedError` for every fault.
        """
        self._check_breaker()
        tried = self._tried(messages, model, sampling, response_format, cache_salt, retries)
        try:
            async with aclosing(tried) as deltas:
                async for delta in deltas:
                    yield delta
        except TandemError as error:
            self._failed(error)
            raise
        self.breaker.succeeded()

    async def expected(
        self, prompts: Sequence[str], model: str, *, cache_salt: str | None = None
    ) -> list[list[Expected]]:
        """How likely `model` found each token of each prompt but its first. It is asked once.

        Raises as `chat` before the first delta.
        """
        self._check_breaker()
        body: dict[str, Any] = {
            "model": model,
            "prompt": list(prompts),
            "max_tokens": 1,
            "temperature": 0.0,
            "prompt_logprobs": 0,
        }
        if cache_salt is not None and self._salted:
            body["cache_salt"] = cache_salt
        try:
            answer = await _told(
                self._openai.post(
                    "/completions", cast_to=object, body=body, options={"headers": trace_headers.get()}
                )
            )
            try:
                return expected_of(answer, len(prompts))
            except MalformedAnswerError as fault:
                raise explain(fault) from fault
        except TandemError as error:
            self._failed(error)
            raise

    def _check_breaker(self) -> None:
        if not self.breaker.is_closed:
            raise EngineUnavailableError(
                "The engine has failed several times in a row and is left alone for a moment",
                hint="It is asked again by itself. See logs/engine.log in the data folder.",
                retry_after=self.breaker.retry_after,
                reason="breaker_open",
            )

    async def _tried(
        self,
        messages: Sequence[dict[str, str]],
        model: str,
        sampling: Sampling,
        response_format: Mapping[str, Any] | None,
        cache_salt: str | None,
        retries: int | None = None,
    ) -> AsyncGenerator[ChatDelta, None]:
        tries = 0
        most = self._settings.retries if retries is None else retries
        last_at = asyncio.get_running_loop().time() + _TRIES_S
        while True:
            begun = False
            salt = cache_salt if self._salted else None
            try:
                started = self._begun(messages, model, sampling, response_format, salt)
                async with aclosing(started) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
            except FAULTS as fault:
                if begun:
                    raise broke_off(fault) from fault
                if isinstance(fault, WrongModelError) and await self._is_base(model, fault.name):
                    continue
                if salt is not None and refuses_field(fault, "cache_salt"):
                    log.warning("the engine takes no cache_salt, so tenants share its prefix cache")
                    self._salted = False
                    continue
                tries += 1
                late = asyncio.get_running_loop().time() > last_at
                if tries > most or late or not is_transient(fault):
                    raise explain(fault) from fault
            else:
                return
            await asyncio.sleep(_pause_s(tries))

    async def _begun(
        self,
        messages: Sequence[dict[str, str]],
        model: str,
        sampling: Sampling,
        response_format: Mapping[str, Any] | None,
        salt: str | None,
    ) -> AsyncGenerator[ChatDelta, None]:
        """One try, whose first delta is not waited for longer than the settings say, or than the engine lives."""
        async with aclosing(self._stream(messages, model, sampling, response_format, salt)) as deltas:
            try:
                async with self.pulse.watched():
                    first = await anext(deltas, None)
            except TimeoutError:
                raise httpx.ReadTimeout("no token came in time") from None
            if first is None:
                raise CutShortError("the stream ended before the answer began")
            self.pulse.heard += 1
            yield first
            async for delta in deltas:
                self.pulse.heard += 1
                yield delta

    def _failed(self, error: TandemError) -> None:
        if is_engines(error):
            self.breaker.failed()
            self._try_again()

    def _hangs(self) -> None:
        """Nobody else shall wait for an engine that gives no sign of life."""
        self.breaker.open()
        self._try_again()

    def _try_again(self) -> None:
        if not self.breaker.is_closed and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self._probe(), name="engine breaker")

    async def _probe(self) -> None:
        """Ask for one token now and then, until the engine gives one. No question has to wait for that."""
        model, one = self._settings.served_name, Sampling(max_tokens=1)
        while not self.breaker.is_closed:
            await asyncio.sleep(self._settings.breaker_retry_s)
            if not self.breaker.admits():
                continue
            try:
                async with aclosing(self._tried(_PROBE, model, one, None, None)) as deltas:
                    async for _ in deltas:
                        pass
            except TandemError as error:
                if is_engines(error):
                    self.breaker.failed()
                    continue
            self.breaker.begun()  # also by a refusal, for it is an answer

    async def _is_base(self, model: str, name: str) -> bool:
        """Whether `name` is another one of the base model that was asked; where it is, that is remembered."""
        if model != self._settings.served_name or name in self._names:
            return False
        bases = {str(card.get("id")) for card in await self._cards({}) if not card.get("parent")}
        self._names |= bases if model in bases else frozenset()
        return name in self._names

    async def _stream(
        self,
        messages: Sequence[dict[str, str]],
        model: str,
        sampling: Sampling,
        response_format: Mapping[str, Any] | None,
        salt: str | None,
    ) -> AsyncGenerator[ChatDelta, None]:
        body: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed,
            "stream": True,
            # The second is vLLM's own: the usage in every chunk, so that an answer cut short is counted too.
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.logit_bias:
            body["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias}
        if response_format:
            body["response_format"] = dict(response_format)
        if salt is not None:
            body["cache_salt"] = salt
        events = self._streams.events(body, {**self._headers, **trace_headers.get()})
        names = self._names if model == self._settings.served_name else (model,)
        async with aclosing(events), aclosing(read_deltas(events, names)) as deltas:
            async for delta in deltas:
                yield delta

    async def adapters(self) -> dict[str, str]:
        """The adapters that can be asked now, without the base model: the folder of each, by its name."""
        # As for the health: one that hangs does not keep the others' adapters waiting.
        brief = RequestOptions(timeout=_HEALTH * self._settings.connect_timeout_s)
        # vLLM names the parent of an adapter; a base model has none.
        return {
            str(card.get("id")): str(card.get("root") or "")
            for card in await self._cards(brief)
            if card.get("parent")
        }

    async def _cards(self, options: RequestOptions) -> list[Mapping[str, object]]:
        """What the engine says of each model. Not by the client's own `models`, which loads a second's worth of code."""
        page = await _told(self._openai.get(f"{self._address}/v1/models", cast_to=object, options=options))
        cards = page.get("data") if isinstance(page, dict) else None
        if not isinstance(cards, list) or not all(isinstance(card, dict) for card in cards):
            fault = MalformedAnswerError("/v1/models gave no list of models")
            raise explain(fault) from fault
        return cards

    async def load_adapter(self, name: str, path: Path) -> None:
        """Load the LoRA adapter in the folder `path`, as the engine's machine sees it, under `name`.

        Raises `InvalidRequestError` when the name is taken, `NotFoundError` when there is no such folder, and
        `EngineUnavailableError` for weights that vLLM does not take; it says that with a status of 500.
        """
        body = {"lora_name": name, "lora_path": str(path.absolute())}
        await _told(self._openai.post("/load_lora_adapter", cast_to=str, body=body))

    async def unload_adapter(self, name: str) -> None:
        """Let go of an adapter. Raises `NotFoundError` when none has this name."""
        await _told(self._openai.post("/unload_lora_adapter", cast_to=str, body={"lora_name": name}))

    async def count_tokens(self, text: str, model: str) -> int:
        """Tokens of `text` for `model`, without those that mark its start or end."""
        body = {"model": model, "prompt": text, "add_special_tokens": False}
        answer = await _told(self._openai.post(f"{self._address}/tokenize", cast_to=object, body=body))
        count = answer.get("count") if isinstance(answer, dict) else None
        if not isinstance(count, int):
            fault = MalformedAnswerError("/tokenize gave no count")
            raise explain(fault) from fault
        return count

    async def healthy(self) -> bool:
        """Whether the engine is up and says so, within ten times the time for a connection."""
        # Not `with_options`: a second client looks for httpx2, and fails where another thread is importing it.
        brief = RequestOptions(timeout=_HEALTH * self._settings.connect_timeout_s)
        try:
            await self._openai.get(f"{self._address}/health", cast_to=type(None), options=brief)
        except FAULTS:
            return False
        return True

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self.pulse.close()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait((self._probing,))
        await self._streams.close()
        await self._openai.close()


async def _told(call: Awaitable[T]) -> T:
    """The call's result, with its faults explained."""
    try:
        return await call
    except FAULTS as fault:
        raise explain(fault) from fault


def _pause_s(tries: int) -> float:
    """0.1 s, 0.2 s, 0.4 s ... and up to a quarter more, so that many clients do not return at once."""
    pause = min(_FIRST_PAUSE_S * 2.0 ** (tries - 1), _LONGEST_PAUSE_S)
    return pause * random.uniform(1.0, 1.25)  # noqa: S311  # no secret
