"""Asks the replica that suits a question best, and the next where that fails before its first token."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog

from tandem.breaker import BreakerState
from tandem.engine.affinity import in_order, weight
from tandem.engine.chat import ChatDelta, Sampling
from tandem.engine.faults import is_engines, is_wrong_model
from tandem.engine.likelihood import Expected
from tandem.engine.replica import Replica
from tandem.engine.supervisor import Engine
from tandem.errors import EngineUnavailableError, NotFoundError, TandemError
from tandem.settings import EngineSettings

log = structlog.get_logger(__name__)

_PATIENCE = 1.5
"""Of the time for a first token, after which no other replica is tried: one may hang, not one after the other."""


class EngineRouter:
    """The one client of all replicas. For one event loop."""

    def __init__(
        self,
        engine: Engine,
        settings: EngineSettings,
        has: Callable[[Replica, str], bool] = lambda replica, model: True,
        passed_on: Callable[[str], None] = lambda why: None,
    ) -> None:
        """`has` tells whether a replica is known to have a model; `passed_on` hears why one was not the first choice:
        `busy`, `failed` or `lacking`.
        """
        self._engine = engine
        self._settings = settings
        self._has = has
        self._passed_on = passed_on

    @property
    def breaker_state(self) -> BreakerState:
        """`CLOSED` where any ready replica is asked; else the best there is."""
        replicas = [one for one in self._engine.replicas if one.is_ready] or self._engine.replicas
        states = {one.client.breaker.state for one in replicas}
        for state in (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN):
            if state in states:
                return state
        return BreakerState.CLOSED

    async def chat(
        self,
        messages: Sequence[dict[str, str]],
        model: str,
        sampling: Sampling,
        response_format: Mapping[str, Any] | None = None,
        *,
        cache_salt: str | None = None,
        affinity: str | None = None,
    ) -> AsyncGenerator[ChatDelta, None]:
        """Stream an answer as `EngineClient.chat` does, of a replica that is known to have `model`.

        Chats of the same `affinity` meet at the same replica, so that they find their prompts' beginning computed.
        Raises as `EngineClient.chat`, what the last replica said; `NotFoundError` where no ready one has the model.
        """
        clock = asyncio.get_running_loop().time
        last_at = clock() + _PATIENCE * self._settings.first_token_timeout_s
        waiting = self._candidates(affinity, model)
        while True:
            replica = waiting.pop(0)
            begun = False
            replica.asked += 1
            try:
                asked = replica.client.chat(
                    messages,
                    model,
                    sampling,
                    response_format,
                    cache_salt=cache_salt,
                    retries=0 if waiting else None,
                )
                async with aclosing(asked) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
            except TandemError as error:
                self._learn(replica, model, error)
                elsewhere = is_engines(error) or isinstance(error, NotFoundError)
                if begun or not waiting or not elsewhere or clock() > last_at:
                    raise
                log.warning("another replica is asked", failed=replica.address, error=error.message)
                self._passed_on("failed")
            else:
                return
            finally:
                replica.asked -= 1

    async def expected(
        self, prompts: Sequence[str], model: str, *, cache_salt: str | None = None
    ) -> list[list[Expected]]:
        """How likely tokens are, as `EngineClient.expected` says, of the replica with the least to do. No other is tried."""
        replica = self._candidates(None, model)[0]
        replica.asked += 1
        try:
            return await replica.client.expected(prompts, model, cache_salt=cache_salt)
        except TandemError as error:
            self._learn(replica, model, error)
            raise
        finally:
            replica.asked -= 1

    def _candidates(self, affinity: str | None, model: str) -> list[Replica]:
        """Those that can be asked for the model, the best first; where all are left alone, one of them says so."""
        ready = [one for one in self._engine.replicas if one.is_ready]
        if not ready:
            raise EngineUnavailableError("No replica of the engine is ready", retry_after=5)
        having = [one for one in ready if self._has(one, model)]
        if not having:
            raise NotFoundError(f"No replica of the engine has {model}", param="model")
        closed = [one for one in having if one.client.breaker.is_closed] or having[:1]
        order = in_order(affinity, closed, self._settings.load_factor)
        if affinity is not None and len(ready) > 1:
            self._count(affinity, ready, having, order[0])
        return order

    def _count(
        self, affinity: str, ready: Sequence[Replica], having: Sequence[Replica], chosen: Replica
    ) -> None:
        first = max(ready, key=lambda one: weight(affinity, one.address))
        if first is chosen:
            return
        if first not in having:
            self._passed_on("lacking")
        else:
            self._passed_on("busy" if first.client.breaker.is_closed else "failed")

    def _learn(self, replica: Replica, model: str, error: TandemError) -> None:
        """What a failed chat says about the adapters there; the reconciler loads anew what is missing."""
        if isinstance(error, NotFoundError):
            replica.lose(model)
        elif is_wrong_model(error):
            log.error("a replica answered with another model", address=replica.address, model=model)
            replica.lose(model)
            replica.doubted.add(model)
