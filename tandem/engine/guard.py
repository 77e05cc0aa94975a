"""Runs one command, and ends it with all its descendants when its owner is gone.

    python guard.py OWNER_PID GRACE_S COMMAND...

The owner holds the other end of standard input. Its end of file, be it by a stop, a crash or `kill -9`,
ends the command: SIGTERM to its process group, and SIGKILL to what is left after GRACE_S seconds. When
the command ends by itself, what it leaves behind is ended too. The exit code is the command's, or 128 and
the number of the signal that killed it. Standard library only: it must start at once and stay small.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_TICK_S = 0.5
_AFTER_EXIT_S = 2.0
_AFTER_KILL_S = 10.0


class Family:
    """The command and every process that comes from it."""

    def __init__(self, command: list[str]) -> None:
        prctl = _prctl()
        if prctl is not None:
            # A grandchild whose parent is gone comes to the guard and not to init, so none is lost.
            prctl(_PR_SET_CHILD_SUBREAPER, 1)
        guard = os.getpid()

        def tie_to_guard() -> None:
            # So that the command ends even when the guard itself is killed.
            if prctl is not None:
                prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
                if os.getppid() != guard:
                    os._exit(1)

        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=tie_to_guard
        )
        self.exit_code: int | None = None

    def reap(self) -> None:
        """Take note of every process that has ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._child.pid:
                    code = os.waitstatus_to_exitcode(status)
                    self.exit_code = 128 - code if code < 0 else code
                    self._child.returncode = self.exit_code

    def end(self, grace_s: float) -> None:
        """SIGTERM, a wait of at most `grace_s` seconds, and SIGKILL until nobody is left."""
        self._signal_group(signal.SIGTERM)
        if not self._gone_within(grace_s, lambda: None):
            self._gone_within(_AFTER_KILL_S, self._kill)
        self.reap()

    def _gone_within(self, seconds: float, act: Callable[[], None]) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            self.reap()
            if not self._alive():
                return True
            if time.monotonic() > deadline:
                return False
            act()
            time.sleep(0.05)

    def _kill(self) -> None:
        # Again and again, for as long as members are found: a parent may fork while it is being killed.
        self._signal_group(signal.SIGKILL)
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _alive(self) -> bool:
        return bool(descendants(os.getpid())) if _LINUX else self._signal_group(0)

    def _signal_group(self, number: int) -> bool:
        try:
            os.killpg(self._child.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def descendants(root: int) -> list[int]:
    """Living processes below `root`, by /proc; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in the second field may hold spaces and brackets, so count from its end.
            state, parent, *_ = stat.read_bytes().rpartition(b")")[2].split()
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(stat.parent.name))
    found, ahead = [], [root]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def main(arguments: list[str]) -> int:
    """Guard the command until it or its owner ends; its exit code."""
    owner, grace_s, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    woken = _wake_on_signals()
    try:
        family = Family(command)
    except OSError as error:
        sys.stderr.write(f"Cannot run {command[0]}: {error.strerror}\n")
        return 127
    wanted = True
    while wanted and family.exit_code is None:
        readable, _, _ = select.select([sys.stdin.fileno(), woken], [], [], _TICK_S)
        if woken in readable:
            wanted = set(os.read(woken, 4096)) <= {signal.SIGCHLD}
        # The second sign of an owner's end is for a fork of it that still holds the pipe.
        wanted = wanted and os.getppid() == owner and not _at_end(sys.stdin.fileno(), readable)
        family.reap()
    family.end(grace_s if family.exit_code is None else _AFTER_EXIT_S)
    return family.exit_code or 0


def _at_end(pipe: int, readable: list[int]) -> bool:
    return pipe in readable and not os.read(pipe, 4096)


def _wake_on_signals() -> int:
    """A descriptor that gets a byte, the signal's number, for each signal that concerns the guard."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reader


def _prctl() -> Callable[[int, int], int] | None:
    if not _LINUX:
        return None
    call = ctypes.CDLL(None, use_errno=True).prctl
    return lambda option, value: int(call(option, value, 0, 0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
