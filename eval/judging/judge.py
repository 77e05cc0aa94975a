"""A judge: asked a few things at a time, never twice the same, within its budget, and left alone when it is down."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from eval.judging.faults import ABSENT, OF_THE_JUDGE, PASSING, JudgeError, explain
from eval.judging.identity import Identity, digest_of, prompts_digest
from eval.judging.structured import client_of, structured_llm
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.settings import JudgeSettings, Settings
from tandem.store.judge_replies import JudgeReplies
from tandem.threads import in_thread

if TYPE_CHECKING:
    from ragas.llms.base import InstructorBaseRagasLLM

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

_FILE = Path("eval") / "judge" / "cache.sqlite3"
_FAULT = "!"
"""Before a kept fault; a kept reply is JSON, and no JSON begins with it."""
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


@dataclass
class Usage:
    """What a judge was asked so far by this process."""

    calls: int = 0
    """Replies that were paid for, with those that could not be read."""
    saved: int = 0
    """Asked for again, and not paid for again."""
    tokens_in: int = 0
    tokens_out: int = 0
    failed: int = 0
    """Asked, without a reply that can be read in the end."""


class Judge:
    """One model behind one address. Serves many tasks of one event loop; `close` it at the end."""

    def __init__(
        self,
        address: str,
        model: str | None,
        api_key: str | None,
        settings: JudgeSettings,
        kept: JudgeReplies,
    ) -> None:
        self.settings = settings
        self.usage = Usage()
        self._address, self._model = address.rstrip("/"), model
        self._kept = kept
        self._client = client_of(self._address, api_key, settings)
        self._llms: dict[int, InstructorBaseRagasLLM] = {}
        self._places = asyncio.Semaphore(settings.at_once)
        self._running: dict[str, asyncio.Task[str]] = {}
        self._known: asyncio.Task[Identity] | None = None
        self._absent = 0
        self._down: str | None = None

    @property
    def down(self) -> str | None:
        """Why it is asked no more, once it is so."""
        return self._down

    async def identity(self) -> Identity:
        """Who it is, by what its server says. Raises `JudgeError`, `InvalidRequestError` for a model not named."""
        if self._known is None or (self._known.done() and self._known.exception()):
            if self._down is not None:
                raise JudgeError("down", f"not asked any more after: {self._down}", final=True)
            self._known = asyncio.create_task(self._identify())
        return await asyncio.shield(self._known)

    async def ask(self, prompt: str, form: type[T], nth: int = 0, occasion: str = "") -> T:
        """Its reply to the prompt, of the form; kept for good once it is there.

        `nth` counts askings of one prompt that each want a reply of their own; at temperature 0 they are one.
        Of another `occasion` it is asked anew, such as to see whether it says the same. Raises `JudgeError`.
        """
        identity = await self.identity()
        nth = nth if self.settings.temperature else 0
        key = self._key(identity, prompt, form, nth, occasion)
        kept = self._kept.get(key)
        if kept is None and key in self._running:
            self.usage.saved += 1
            kept = await asyncio.shield(self._running[key])
        elif kept is None:
            task = asyncio.create_task(self._pay(key, identity.model, prompt, form, nth))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
            kept = await asyncio.shield(task)
        else:
            self.usage.saved += 1
        return _read(kept, form)

    async def close(self) -> None:
        """End what is still asked, and close connection and file."""
        for task in (*self._running.values(), *([self._known] if self._known else [])):
            task.cancel()
        await self._client.close()
        self._kept.close()

    async def _identify(self) -> Identity:
        cards = {card.id: card for card in await self._models()}
        if self._model is None and len(cards) != 1:
            raise InvalidRequestError(
                f"The judge at {self._address} has {len(cards)} models: {', '.join(sorted(cards)[:10])}",
                param="judge.model",
                hint="Name one with --model, or in judge.model.",
            )
        model = self._model or next(iter(cards))
        card = cards[model].model_dump() if model in cards else {}
        told = {name: str(card[name]) for name in ("root", "parent", "owned_by") if card.get(name)}
        return Identity(
            model=model,
            address=_without_secret(self._address),
            served=told,
            temperature=self.settings.temperature,
            prompts=prompts_digest(),
        )

    async def _models(self) -> list[Any]:
        """The models of the server; none of one that does not tell."""

        async def listed() -> list[Any]:
            return list((await self._client.models.list()).data)

        try:
            return await self._patiently(listed)
        except JudgeError as fault:
            if fault.kind in ("refuses", "not of the form") and self._model is not None:
                return []
            raise

    def _key(self, identity: Identity, prompt: str, form: type[BaseModel], nth: int, occasion: str) -> str:
        return digest_of(
            {
                "judge": identity.model_dump(exclude={"prompts"}),
                "sampling": [self.settings.structure, self.settings.answer_tokens, self.settings.seed + nth],
                "schema": form.model_json_schema(),
                "prompt": prompt,
                "occasion": occasion,
            }
        )

    async def _pay(self, key: str, model: str, prompt: str, form: type[BaseModel], nth: int) -> str:
        """The reply as JSON, or what makes it unreadable, kept before it is handed out."""
        llm = self._llms.get(nth)
        if llm is None:  # Ragas takes seconds to import
            seed = self.settings.seed + nth
            llm = await in_thread(structured_llm, self._client, model, self.settings, seed, self._count)
            self._llms[nth] = llm

        async def asked() -> str:
            reply: BaseModel = await llm.agenerate(prompt, form)
            return reply.model_dump_json()

        async with self._places:
            try:
                self._refuse_in_vain()
                reply = await self._patiently(asked)
            except JudgeError as fault:
                self.usage.failed += 1
                if fault.kind not in OF_THE_JUDGE:
                    raise
                reply = f"{_FAULT}{fault.kind}{_FAULT}{str(fault).partition(': ')[2]}"
            self._kept.keep(key, reply)
        return reply

    async def _patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """The call's result; tried again where that may help. Raises `JudgeError`."""
        tries = 0
        while True:
            try:
                async with asyncio.timeout(self.settings.timeout_s):
                    result = await call()
            except Exception as error:  # instructor wraps whatever it meets
                fault = explain(error)
                if fault is None:
                    raise
                tries += 1
                if fault.kind not in PASSING or tries > self.settings.retries:
                    self._take_note(fault)
                    raise fault from error
                await asyncio.sleep(_pause_s(fault, tries))
            else:
                self._absent = 0
                return result

    def _take_note(self, fault: JudgeError) -> None:
        self._absent = self._absent + 1 if fault.kind in ABSENT else 0
        if fault.final or self._absent >= self.settings.gives_up_after:
            self._down = self._down or str(fault)

    def _refuse_in_vain(self) -> None:
        """Raise where another question would be asked for nothing, or for more than is to be spent."""
        if self._down is not None:
            raise JudgeError("down", f"not asked any more after: {self._down}", final=True)
        calls, tokens = self.settings.budget_calls, self.settings.budget_tokens
        if calls is not None and self.usage.calls >= calls:
            raise JudgeError("budget used up", f"judge.budget_calls is {calls}")
        if tokens is not None and self.usage.tokens_in + self.usage.tokens_out >= tokens:
            raise JudgeError("budget used up", f"judge.budget_tokens is {tokens}")

    def _count(self, response: Any) -> None:
        self.usage.calls += 1
        if response.usage is not None:
            self.usage.tokens_in += response.usage.prompt_tokens
            self.usage.tokens_out += response.usage.completion_tokens


def _without_secret(address: str) -> str:
    """A password may stand in an address; who the judge is is kept, and shown."""
    return str(httpx.URL(address).copy_with(userinfo=b""))


def _read(kept: str, form: type[T]) -> T:
    if kept.startswith(_FAULT):
        _, kind, message = kept.split(_FAULT, 2)
        raise JudgeError("cut short" if kind == "cut short" else "not of the form", message)
    try:
        return form.model_validate_json(kept)
    except ValidationError as error:
        raise JudgeError("not of the form", f"kept reply: {error}") from error


def _pause_s(fault: JudgeError, tries: int) -> float:
    """What the judge asks for, or 0.5 s, 1 s, 2 s ...; up to a quarter more, so that not all return at once."""
    wanted = fault.retry_after if fault.retry_after is not None else _PAUSE_S * 2.0 ** (tries - 1)
    return min(wanted, _LONGEST_PAUSE_S) * random.uniform(1.0, 1.25)  # noqa: S311  # no secret


def open_judge(settings: Settings, *, address: str | None = None, model: str | None = None) -> Judge:
    """The judge of the settings, or the one that is named in their place; its replies are kept in the data folder.

    Without an address it is Tandem's own engine. Raises `StorageError`. To be called inside an event loop.
    """
    judge, engine = settings.judge, settings.engine
    kept = JudgeReplies(settings.data_dir / _FILE)
    where = address or judge.address
    if where is not None:
        return Judge(where, model or judge.model, judge.api_key, judge, kept)
    own = engine.address or f"http://127.0.0.1:{engine.port}"
    named = model or judge.model or engine.served_name
    return Judge(f"{own.rstrip('/')}/v1", named, engine.api_key, judge, kept)


async def present(judge: Judge) -> Identity:
    """Who it is. Raises `UnavailableError`, in a user's words, where it is not there."""
    try:
        return await judge.identity()
    except JudgeError as fault:
        raise UnavailableError(
            f"The judge cannot be asked: {fault}",
            hint="Check judge.address, judge.model and judge.api_key; without an address, `tandem up` must run.",
        ) from fault
