"""The child process that parses one file after another. Started by `ingest.child` as a script.

It says once what confines it, then answers requests until its input ends. Each message, in and out, is its
length in 8 bytes and then its body: a line of JSON, and behind it the bytes of files.
"""

import faulthandler
import json
import os
import sys
import types
from pathlib import Path
from typing import Any, BinaryIO

_INGEST = Path(__file__).parent
_LENGTH = 8
_GRACE_S = 5.0


def _without_the_service() -> None:
    """Let `ingest.formats` be imported without `ingest/__init__.py`, which loads the whole service."""
    package = types.ModuleType("ingest")
    package.__path__ = [str(_INGEST)]
    sys.modules["ingest"] = package
    sys.path.append(str(_INGEST.parent))


def main() -> None:
    """Confine the process; then read what comes."""
    _without_the_service()
    # All of the service's own code is loaded before the folder that holds it is out of reach.
    from ingest.confinement import confine, limit_memory, resident_bytes
    from ingest.formats import Options, read
    from ingest.sniffing import MediaType

    memory = int(sys.argv[1])
    folder = Path(sys.argv[2])
    # A parser that prints would break the messages, so what it prints goes elsewhere.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    holds = confine(folder, [Path(one) for one in sys.argv[3:]])
    import kreuzberg  # noqa: F401  # the largest of the parsers counts as loaded, not as memory of a file

    limit_memory(memory)
    _send(answers, json.dumps({"holds": holds, "resident": resident_bytes()}).encode())
    while body := _receive(sys.stdin.buffer):
        line, _, content = body.partition(b"\n")
        del body
        request = json.loads(line)
        # Holds even where the parent is dead and the parser hangs outside of Python.
        faulthandler.dump_traceback_later(request["timeout_s"] + _GRACE_S, exit=True)
        answer, files = _answer(
            MediaType(request["media_type"]), content, Options(**request["options"]), read
        )
        answer["resident"] = resident_bytes()
        faulthandler.cancel_dump_traceback_later()
        head = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        _send(answers, head + b"\n" + b"".join(files))


def _answer(media_type: Any, content: bytes, options: Any, read: Any) -> tuple[dict[str, Any], list[bytes]]:
    try:
        reading = read(media_type, content, options)
    except Exception as error:  # noqa: BLE001  # a parser may raise anything over a foreign file
        return _fault(error), []
    if len(reading.text) > options.max_chars:
        return {"fault": "long", "detail": ""}, []
    attachments = [[name, len(inner)] for name, inner in reading.attachments]
    return {
        "text": reading.text,
        "title": reading.title,
        "pages": [[one.number, one.start, one.end] for one in reading.pages],
        "headings": [[one.level, one.title, one.start] for one in reading.headings],
        "blocks": [[one.kind, one.start, one.end] for one in reading.blocks],
        "attachments": attachments,
        "warnings": reading.warnings,
    }, [inner for _, inner in reading.attachments]


def _fault(error: Exception) -> dict[str, Any]:
    from ingest.formats.reading import UnreadableError

    detail = " ".join(str(error).split())[:200]
    if isinstance(error, UnreadableError):
        return {"fault": error.args[0], "detail": " ".join(map(str, error.args[1:]))[:200]}
    if isinstance(error, MemoryError):
        return {"fault": "memory", "detail": detail}
    locked = any(word in detail.lower() for word in ("password", "encrypt"))
    return {"fault": "locked" if locked else "broken", "detail": f"{type(error).__name__}: {detail}"}


def _receive(stream: BinaryIO) -> bytes:
    return stream.read(int.from_bytes(stream.read(_LENGTH), "big"))


def _send(stream: BinaryIO, body: bytes) -> None:
    stream.write(len(body).to_bytes(_LENGTH, "big") + body)
    stream.flush()


if __name__ == "__main__":
    main()
