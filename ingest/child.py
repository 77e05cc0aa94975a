"""Parses hostile files where they can do no harm: in a child process with limits.

A child is kept and used again, as its start costs more than most files. One that hangs, crashes or takes
too much memory is killed; the file is refused and the next one gets a new child.
"""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tandem.errors import TooLargeError, UnreadableDocumentError

_WORKER = Path(__file__).with_name("worker.py")
_LENGTH = 8
_MEMORY_BYTES = 4 * 1024**3
_BYTES_PER_CHAR = 8
"""More than JSON needs for a character, so that a longer answer can only be a fault."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What a parser found: text per page (one for HTML), and the title that the file itself gives."""

    pages: list[str]
    title: str | None


class ParserChildren:
    """Children that wait for files. Any thread may call; each call has a child of its own."""

    def __init__(self, timeout_s: float, max_chars: int, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._timeout_s = timeout_s
        self._max_chars = max_chars
        self._memory_bytes = memory_bytes
        self._idle: queue.LifoQueue[subprocess.Popen[bytes]] = queue.LifoQueue()

    def extract(self, media_type: str, content: bytes, name: str) -> Extract:
        """Parse one PDF or (UTF-8) HTML file; blocking.

        Raises `UnreadableDocumentError` if the parser fails, hangs or dies, `TooLargeError` for too
        much text. Both name the file as `name`.
        """
        child = self._take()
        answer: dict[str, Any] | None = None
        late = threading.Event()
        timer = threading.Timer(self._timeout_s, _kill_late, (child, late))
        timer.start()
        try:
            answer = self._exchange(child, media_type, content)
        finally:
            timer.cancel()
            if answer is None:
                _end(child)
            else:
                self._idle.put(child)
        if answer is None:
            raise self._died(name, late.is_set())
        return self._extract_of(answer, name)

    def close(self) -> None:
        """End the children that wait; one that works ends by itself."""
        with contextlib.suppress(queue.Empty):
            while True:
                _end(self._idle.get_nowait())

    def _take(self) -> subprocess.Popen[bytes]:
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child.poll() is None:
                    return child
                _end(child)
        # A session of its own: Ctrl-C is for the parent, which then closes the child's input.
        # -P: the folder of the script holds modules with plain names and must not be searched.
        return subprocess.Popen(
            [sys.executable, "-P", str(_WORKER), str(self._memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _exchange(
        self, child: subprocess.Popen[bytes], media_type: str, content: bytes
    ) -> dict[str, Any] | None:
        """The child's answer, or `None` if it died over the file."""
        request = {"media_type": media_type, "timeout_s": self._timeout_s, "max_chars": self._max_chars}
        body = json.dumps(request).encode() + b"\n" + content
        stdin, stdout = _pipes(child)
        try:
            stdin.write(len(body).to_bytes(_LENGTH, "big"))
            stdin.write(body)
            stdin.flush()
        except OSError:
            return None
        length = int.from_bytes(stdout.read(_LENGTH), "big")
        if not 0 < length <= self._max_chars * _BYTES_PER_CHAR + 4096:
            return None
        reply = stdout.read(length)
        if len(reply) < length:
            return None
        answer: dict[str, Any] = json.loads(reply)
        return answer

    def _extract_of(self, answer: dict[str, Any], name: str) -> Extract:
        if "too_long" in answer:
            raise TooLargeError(
                f"{name} holds more than {self._max_chars} characters of text",
                param="file",
                hint="Split the file, or raise ingest.max_text_chars.",
            )
        if "fault" in answer:
            raise _refused(name, answer["fault"])
        return Extract(answer["pages"], answer["title"])

    def _died(self, name: str, late: bool) -> UnreadableDocumentError:
        if late:
            return UnreadableDocumentError(
                f"{name} could not be read within {self._timeout_s:g} s",
                param="file",
                hint="Split the file, or raise ingest.parse_timeout_s.",
            )
        return UnreadableDocumentError(
            f"{name} made the parser stop: the file is broken, or needs too much memory",
            param="file",
            hint="Open it in its own program and export it again.",
        )


def _refused(name: str, fault: str) -> UnreadableDocumentError:
    if "password" in fault.lower() or "encrypt" in fault.lower():
        return UnreadableDocumentError(
            f"{name} is protected by a password", param="file", hint="Save it without a password first."
        )
    return UnreadableDocumentError(
        f"{name} is broken: its parser cannot read it",
        param="file",
        hint="Open it in its own program and export it again.",
    )


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("a child without pipes")
    return child.stdin, child.stdout


def _kill_late(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    child.kill()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    with contextlib.suppress(OSError):
        child.communicate()
