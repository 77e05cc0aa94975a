"""Keeps the engine running: starts vLLM, waits for its health, starts it again when it dies, stops it."""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from tandem.engine.adapters import check_adapters
from tandem.engine.fleet import Fleet
from tandem.engine.launch import engine_address, engine_command, engine_environment, has_cuda
from tandem.engine.process import EngineProcess, last_lines, prepare_log
from tandem.engine.replica import READY_POLL_S, STARTING_POLL_S, Replica
from tandem.engine.state import EngineState
from tandem.errors import ConflictError, EngineUnavailableError, SettingsError
from tandem.settings import EngineSettings
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_HUNG_S = 60.0
_LONGEST_BACKOFF_S = 30.0


@dataclass(frozen=True, slots=True)
class _Ending:
    """Why a run of vLLM is over, and whether it ever was healthy."""

    reason: str
    was_healthy: bool


class Engine:
    """The engine of one server: a vLLM of its own, or, with `settings.address`, replicas that are only watched."""

    def __init__(self, settings: EngineSettings, model_dir: Path | None, data_dir: Path) -> None:
        self.address = engine_address(settings)
        self.state = EngineState.STARTING
        self.starts = 0
        """Times that it became ready. What was loaded while it ran is gone after the next."""
        self.failure: str | None = None
        """Once `FAILED`: the reason, and below it the last lines of the log."""
        self._settings = settings
        self._model_dir = model_dir
        self._log = data_dir / "logs" / "engine.log"
        elsewhere = settings.address is not None
        self._own = None if elsewhere else Replica(self.address, settings)
        self._fleet = Fleet(settings, self._gather) if elsewhere else None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start, and watch in a task; returns before the engine is ready.

        Raises `SettingsError` when vLLM's interpreter or an adapter is missing, `ConflictError` when the
        port is in use, and `StorageError` when no log can be written.
        """
        if self._fleet is None:
            await in_thread(self._prepare)
            self._task = asyncio.create_task(self._keep_running(), name="engine")
        else:
            self._task = asyncio.create_task(self._fleet.run(), name="engine")

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """All that there are now, whatever they are doing."""
        if self._own is not None:
            return (self._own,)
        return self._fleet.replicas if self._fleet is not None else ()

    async def wait_ready(self) -> None:
        """Return once the engine serves.

        Raises `EngineUnavailableError` when it has failed or was stopped, or when the one at
        `settings.address` does not answer within `settings.start_timeout_s`.
        """
        limit = None if self._settings.address is None else self._settings.start_timeout_s
        try:
            async with asyncio.timeout(limit):
                while self.state in (EngineState.STARTING, EngineState.RESTARTING):
                    await self._changed.wait()
        except TimeoutError:
            raise EngineUnavailableError(
                f"No healthy engine at {self.address} within {limit:g} s",
                param="engine.address",
                hint="Start that vLLM, or correct engine.address.",
            ) from None
        if self.state is not EngineState.READY:
            raise EngineUnavailableError(
                f"The engine is {self.state.value}" + (f": {self.failure}" if self.failure else ""),
                hint=f"The whole log is {self._log}. `tandem doctor` looks for the common causes.",
            )

    async def stop(self) -> None:
        """Stop vLLM, and return when it and all its children are gone; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._set(EngineState.STOPPED)
        if self._fleet is not None:
            await self._fleet.close()
        if self._own is not None:
            await self._own.close()

    def _prepare(self) -> None:
        python = self._settings.python
        if not os.access(python, os.X_OK):
            raise SettingsError(
                f"vLLM's interpreter {python} is missing",
                param="engine.python",
                hint="Run `make setup`, or set engine.python or engine.address.",
            )
        if self._model_dir is None:
            raise SettingsError("There is no model for the engine", param="engine.model")
        check_adapters(self._settings)
        check_port(self._settings.port)
        prepare_log(self._log)

    async def _keep_running(self) -> None:
        """Run vLLM again and again, until it fails too often in a row."""
        assert self._model_dir is not None  # noqa: S101  # of _prepare
        command = engine_command(self._settings, self._model_dir, cuda=await in_thread(has_cuda))
        failures = 0
        while True:
            ending = await self._run(command)
            failures = 1 if ending.was_healthy else failures + 1
            if failures > self._settings.max_restarts:
                log.error("engine failed", reason=ending.reason, runs=failures)
                self.failure = f"{ending.reason}\n{await in_thread(last_lines, self._log)}".strip()
                self._set(EngineState.FAILED)
                return
            pause = backoff_s(failures)
            log.warning("engine restarts", reason=ending.reason, after_s=pause)
            self._set(EngineState.RESTARTING)
            await asyncio.sleep(pause)

    async def _run(self, command: list[str]) -> _Ending:
        try:
            await in_thread(check_port, self._settings.port)
            environment = engine_environment(self._settings, os.environ)
            process = await EngineProcess.start(command, environment, self._log)
        except (ConflictError, OSError) as error:
            return _Ending(str(error), was_healthy=False)
        if self._own is not None:
            self._own.client.pulse.is_busy = lambda: process.is_busy
        exited = asyncio.create_task(process.wait())
        try:
            return await self._watch(exited)
        finally:
            await process.stop()
            await exited

    async def _watch(self, exited: asyncio.Task[int]) -> _Ending:
        """Poll the health until the process ends, or is given up."""
        assert self._own is not None  # noqa: S101  # whoever watches a process has started it
        clock = asyncio.get_running_loop().time
        begun = clock()
        healthy_at: float | None = None
        while not exited.done():
            if await self._own.client.healthy():
                healthy_at = clock()
                self._set(EngineState.READY)
            elif healthy_at is None and clock() - begun > self._settings.start_timeout_s:
                return _Ending(f"vLLM was not healthy after {self._settings.start_timeout_s:g} s", False)
            elif healthy_at is not None and clock() - healthy_at > _HUNG_S:
                return _Ending(f"vLLM gave no sign of health for {_HUNG_S:g} s", True)
            await asyncio.wait([exited], timeout=STARTING_POLL_S if healthy_at is None else READY_POLL_S)
        return _Ending(_how_it_ended(exited.result()), healthy_at is not None)

    def _gather(self) -> None:
        """The engine is ready while any replica is."""
        if any(one.is_ready for one in self.replicas):
            self._set(EngineState.READY)
        elif self.state is EngineState.READY:
            self._set(EngineState.RESTARTING)

    def _set(self, state: EngineState) -> None:
        if self._own is not None:
            self._own.become(state)
        if state is not self.state:
            self.state = state
            self.starts += state is EngineState.READY
            self._changed.set()
            self._changed = asyncio.Event()


def backoff_s(failures: int) -> float:
    """Seconds to wait after the n-th failure in a row: 1, 2, 4, 8, 16, 30, 30 ..."""
    return min(2.0 ** (failures - 1), _LONGEST_BACKOFF_S)


def check_port(port: int) -> None:
    """Raises `ConflictError` when something listens on `port` of 127.0.0.1 already."""
    with socket.socket() as probe:
        # A closed connection that the system still remembers is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConflictError(
                f"Cannot start the engine on port {port}: {error.strerror}",
                param="engine.port",
                hint="Stop the program that has it, or set engine.port to another.",
            ) from error


def _how_it_ended(code: int) -> str:
    if code > 128:
        return f"vLLM was killed by signal {code - 128}"
    return f"vLLM ended with exit code {code}"
