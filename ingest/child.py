"""Parses hostile files where they can do no harm: in a confined child process with limits.

A child is kept and used again, as its start costs more than most files. One that hangs, crashes, takes
too much memory or has grown fat is ended; the file is refused and the next one gets a new child.
"""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from ingest.extract import Extract, checked
from ingest.faults import refusal
from ingest.formats.reading import Options
from tandem.errors import TandemError, UnavailableError, UnreadableDocumentError
from tandem.settings import IngestSettings

_WORKER = Path(__file__).with_name("worker.py")
_LENGTH = 8
_MIB = 1024 * 1024
_BYTES_PER_CHAR = 16
_SLACK_BYTES = 4 * _MIB
"""More than an answer needs, so that a longer one can only be a fault."""

_START_TIMEOUT_S = 60.0
_MOST_FILES = 500
_PASSED_ON = ("LD_LIBRARY_PATH", "PYTHONHOME", "TESSDATA_PREFIX")
"""All that a child gets of the environment: where its libraries and tesseract's data are."""

_TESSERACT_DATA = "/usr/share/tesseract-ocr/*/tessdata"


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    folder: Path
    holds: tuple[str, ...] = ()
    loaded_bytes: int = 0
    """Memory when it had read nothing yet."""
    resident_bytes: int = 0
    files: int = 0
    late: threading.Event = field(default_factory=threading.Event)


class ParserChildren:
    """Children that wait for files. Any thread may call; each call has a child of its own."""

    def __init__(self, settings: IngestSettings) -> None:
        self._timeout_s = settings.parse_timeout_s
        self._max_chars = settings.max_text_chars
        self._memory_bytes = settings.parse_memory_mb * _MIB
        self._ocr = settings.ocr
        self._languages = settings.ocr_languages
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()

    @property
    def max_chars(self) -> int:
        """Longest text accepted from one file."""
        return self._max_chars

    def extract(self, media_type: str, content: bytes, name: str) -> Extract:
        """Parse one file; blocking. Texts come as UTF-8.

        Raises `UnreadableDocumentError` if the parser fails, hangs or dies, `TooLargeError` for too much
        text, `UnavailableError` if no child can be started. All name the file as `name`.
        """
        child = self._take()
        answer: tuple[dict[str, Any], bytes] | None = None
        timer = threading.Timer(self._timeout_s, _kill_late, (child,))
        timer.start()
        try:
            answer = self._exchange(child, media_type, content)
        finally:
            timer.cancel()
            if answer is None or child.late.is_set() or self._is_spent(child, answer[0]):
                _end(child)
            else:
                self._idle.put(child)
        if answer is None:
            raise self._died(name, child.late.is_set())
        return self._extract_of(*answer, name)

    def holds(self) -> tuple[str, ...]:
        """What confines the children on this system, in the words of `ingest.confinement`."""
        child = self._take()
        self._idle.put(child)
        return child.holds

    def close(self) -> None:
        """End the children that wait; one that works ends by itself."""
        with contextlib.suppress(queue.Empty):
            while True:
                _end(self._idle.get_nowait())

    def _take(self) -> _Child:
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child.process.poll() is None:
                    return child
                _end(child)
        return self._start()

    def _start(self) -> _Child:
        try:
            folder, process = self._spawned()
        except OSError as error:
            raise _not_started(str(error)) from error
        child = _Child(process, folder)
        # A child that nobody ended ends with this process, and its folder goes then.
        weakref.finalize(child, shutil.rmtree, folder, ignore_errors=True)
        timer = threading.Timer(_START_TIMEOUT_S, _kill_late, (child,))
        timer.start()
        hello = _received(process, _SLACK_BYTES)
        timer.cancel()
        if hello is None:
            _end(child)
            raise _not_started("it ended, or took too long")
        child.holds = tuple(hello[0]["holds"])
        child.loaded_bytes = child.resident_bytes = hello[0]["resident"]
        return child

    def _spawned(self) -> tuple[Path, subprocess.Popen[bytes]]:
        folder = Path(tempfile.mkdtemp(prefix="tandem-parser-"))
        # A session of its own: Ctrl-C is for the parent, which then closes the child's input.
        # -P: the folder of the script holds modules with plain names and must not be searched.
        process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER), str(self._memory_bytes), str(folder), *_readable()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(folder),
            cwd=folder,
            start_new_session=True,
        )
        return folder, process

    def _exchange(
        self, child: _Child, media_type: str, content: bytes
    ) -> tuple[dict[str, Any], bytes] | None:
        """The child's answer and the bytes of attached files, or `None` if it died over the file."""
        options = Options(ocr=self._ocr, languages=self._languages, max_chars=self._max_chars)
        request = {"media_type": media_type, "timeout_s": self._timeout_s, "options": asdict(options)}
        head = json.dumps(request).encode() + b"\n"
        stdin, _ = _pipes(child.process)
        try:
            stdin.write((len(head) + len(content)).to_bytes(_LENGTH, "big") + head)
            stdin.write(content)
            stdin.flush()
        except OSError:
            return None
        # What is attached was within the file, so it cannot be larger.
        return _received(child.process, self._max_chars * _BYTES_PER_CHAR + len(content) + _SLACK_BYTES)

    def _is_spent(self, child: _Child, answer: dict[str, Any]) -> bool:
        """Whether a new child is better than this one: it holds on to memory, or has seen much."""
        child.files += 1
        child.resident_bytes = answer["resident"]
        kept = child.resident_bytes - child.loaded_bytes
        return kept > self._memory_bytes / 2 or child.files >= _MOST_FILES or answer.get("fault") == "memory"

    def _extract_of(self, answer: dict[str, Any], files: bytes, name: str) -> Extract:
        if "fault" in answer:
            raise refusal(answer["fault"], name, self._max_chars)
        try:
            return checked(answer, files)
        except (KeyError, TypeError, ValueError) as error:
            raise self._died(name, late=False) from error

    def _died(self, name: str, late: bool) -> TandemError:
        if late:
            return UnreadableDocumentError(
                f"{name} could not be read within {self._timeout_s:g} s",
                param="file",
                hint="Split the file, or raise ingest.parse_timeout_s.",
            )
        return refusal("died", name, self._max_chars)


def _not_started(reason: str) -> UnavailableError:
    return UnavailableError(
        f"The parser cannot be started: {reason}",
        hint="It needs a folder for temporary files and about 100 MiB of memory; `tandem doctor` checks more.",
        retry_after=10,
    )


def _readable() -> Sequence[str]:
    """Tesseract's data, wherever it is; what else is needed the child knows."""
    named = os.environ.get("TESSDATA_PREFIX")
    return [named] if named else []


def _environment(folder: Path) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if "TESSDATA_PREFIX" not in environment:
        found = sorted(Path("/").glob(_TESSERACT_DATA.lstrip("/")))
        if found:
            environment["TESSDATA_PREFIX"] = str(found[-1])
    threads = dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT"), "2")
    return {
        **environment,
        **threads,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PATH": os.defpath,
        # Each thread would get an arena of 64 MiB of addresses.
        "MALLOC_ARENA_MAX": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _received(process: subprocess.Popen[bytes], most: int) -> tuple[dict[str, Any], bytes] | None:
    """A message: its line of JSON, and the bytes behind it. `None` if there is none, or it is no message."""
    _, stdout = _pipes(process)
    length = int.from_bytes(stdout.read(_LENGTH), "big")
    if not 0 < length <= most:
        return None
    body = stdout.read(length)
    if len(body) < length:
        return None
    line, _, files = body.partition(b"\n")
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return (answer, files) if isinstance(answer, dict) else None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a child without pipes")
    return process.stdin, process.stdout


def _kill_late(child: _Child) -> None:
    child.late.set()
    child.process.kill()


def _end(child: _Child) -> None:
    child.process.kill()
    with contextlib.suppress(OSError):
        child.process.communicate()
    shutil.rmtree(child.folder, ignore_errors=True)
