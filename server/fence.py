"""Draws the mark at which the passages of a prompt end."""

import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

_KEY = "fence.key"
_KEY_BYTES = 32
_MARK_DIGITS = 8


class Fence:
    """Marks that only the holder of the key can foretell.

    The same prompt has the same mark, so the same question gets the same answer at temperature 0. A document
    that quotes a mark which it has seen is another text, and so gets another one.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mark(self, question: str, texts: Sequence[str]) -> str:
        """Eight hex digits: HMAC-SHA-256 over question and texts, drawn again while a text has them."""
        attempt = 0
        while True:
            code = hmac.new(self._key, attempt.to_bytes(4), "sha256")
            for text in (question, *texts):
                content = text.encode("utf-8", "replace")
                code.update(len(content).to_bytes(8) + content)
            mark = code.hexdigest()[:_MARK_DIGITS]
            if not any(mark in text for text in texts):
                return mark
            attempt += 1


def open_fence(folder: Path) -> Fence:
    """The fence whose key lies in `folder`, drawn at the first start. Blocking."""
    return Fence(drawn_key(folder / _KEY))


def drawn_key(path: Path) -> bytes:
    """The secret in a file, drawn where there is none yet; readable by its owner alone. Blocking."""
    if not path.exists():
        path.parent.mkdir(
            parents=True, exist_ok=True
        )  # where store and index are elsewhere, nobody has made it
        drawn = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(drawn, path)  # whole or not at all, and the first of two starts wins
        except FileExistsError:
            pass
        finally:
            drawn.unlink()
    return path.read_bytes()
