"""One run of vLLM under its guard, and the log that it writes."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tandem.engine import guard
from tandem.errors import StorageError

_GRACE_S = 8.0
_GUARD_OVERDUE_S = 30.0
_TAIL_LINES = 30
_TAIL_BYTES = 16_384


class EngineProcess:
    """A guard and the vLLM below it. Both end when this process ends, however it ends."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Self:
        """Start `command` with its output added to `log`. Raises `OSError` when no process can be made."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                # -I -S: the guard needs nothing but the standard library.
                *(sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(_GRACE_S)),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is for Tandem, which then stops the guard
            )
        return cls(process)

    @property
    def is_busy(self) -> bool:
        """Whether vLLM's HTTP process computes, or waits for a processor: what is stopped, or stuck, does neither.

        False where the system does not tell; then nobody knows.
        """
        below = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            threads = [
                stat
                for child in below.read_text().split()
                for stat in Path(f"/proc/{child}/task").glob("*/stat")
            ]
            # The name in the second field may hold spaces and brackets, so count from its end.
            return any(stat.read_bytes().rpartition(b")")[2].split()[0] == b"R" for stat in threads)
        except OSError:  # it has just ended
            return False

    async def wait(self) -> int:
        """vLLM's exit code, as a shell gives it: 128 and the signal's number if it was killed."""
        code = await self._process.wait()
        return 128 - code if code < 0 else code

    async def stop(self) -> None:
        """End vLLM and all its children; returns when they are gone. Safe to call twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _GUARD_OVERDUE_S)
        except TimeoutError:
            # vLLM is tied to the guard and gets SIGTERM by its death.
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def prepare_log(log: Path) -> None:
    """Make the log's folder, and put an earlier log aside as `engine.log.1`.

    Raises `StorageError` when the disk refuses.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        log.touch()
    except OSError as error:
        raise StorageError(
            f"Cannot write the log {log}: {error.strerror}",
            param="data_dir",
            hint="Free some space, or set data_dir to a folder that can be written to.",
        ) from error


def last_lines(log: Path) -> str:
    """The last lines of the log, or nothing if it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
