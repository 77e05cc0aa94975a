"""The child process that parses one file after another. Started by `ingest.child` as a script.

It stands alone: it imports nothing of Tandem, so that it starts in a moment. Each message, in and out,
is its length in 8 bytes and then its body. A request's body is a line of JSON and then the file.
"""

import faulthandler
import html
import json
import os
import re
import resource
import sys
from typing import BinaryIO

_LENGTH = 8
_GRACE_S = 5.0
_HEAD = re.compile(r"<head\b.*?</head\s*>|<title\b.*?</title\s*>|<meta\b[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)


def main() -> None:
    """Answer requests until the input ends."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A parser that prints would break the messages, so what it prints goes elsewhere.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while body := _receive(sys.stdin.buffer):
        line, _, content = body.partition(b"\n")
        request = json.loads(line)
        # Holds even where the parent is dead and the parser hangs outside of Python.
        faulthandler.dump_traceback_later(request["timeout_s"] + _GRACE_S, exit=True)
        answer = _answer(request["media_type"], content, request["max_chars"])
        faulthandler.cancel_dump_traceback_later()
        _send(answers, json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def _answer(media_type: str, content: bytes, max_chars: int) -> dict[str, object]:
    import kreuzberg

    try:
        pages, title = _read_pdf(content) if media_type == "application/pdf" else _read_html(content)
    except kreuzberg.KreuzbergError as error:
        return {"fault": str(error)}
    if sum(len(page) for page in pages) > max_chars:
        return {"too_long": True}
    return {"pages": pages, "title": title}


def _read_pdf(content: bytes) -> tuple[list[str], str | None]:
    """The text of each page, in order; a page without text is an empty string."""
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False, disable_ocr=True, pages=kreuzberg.PageConfig(extract_pages=True)
    )
    result = kreuzberg.extract_bytes_sync(content, "application/pdf", config=config)
    return [page["content"] for page in result.pages or []], result.metadata.get("title")


def _read_html(content: bytes) -> tuple[list[str], str | None]:
    """The page as Markdown."""
    import kreuzberg

    page = content.decode()
    title = _TITLE.search(page)
    # kreuzberg would set what it knows from the head as a heading above the text.
    body = _HEAD.sub("", page)
    config = kreuzberg.ExtractionConfig(use_cache=False, disable_ocr=True, output_format="markdown")
    result = kreuzberg.extract_bytes_sync(body.encode(), "text/html", config=config)
    return [result.content], html.unescape(title[1]) if title else None


def _receive(stream: BinaryIO) -> bytes:
    return stream.read(int.from_bytes(stream.read(_LENGTH), "big"))


def _send(stream: BinaryIO, body: bytes) -> None:
    stream.write(len(body).to_bytes(_LENGTH, "big") + body)
    stream.flush()


if __name__ == "__main__":
    main()
