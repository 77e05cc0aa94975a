"""What a model has replied, kept as it comes: an interrupted generation asks and pays for nothing twice."""

import json
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tandem.errors import StorageError


class KeptReplies:
    """An open file: a line for each reply, under the hash of what was asked."""

    def __init__(self, path: Path) -> None:
        """Raises `StorageError` where it cannot be written."""
        self._replies: dict[str, str] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text("utf-8").split("\n") if path.exists() else []
            for line in lines[:-1]:  # the last is empty, or half of one
                self._replies |= json.loads(line)
            path.write_text("".join(line + "\n" for line in lines[:-1]), "utf-8")
            self._file = path.open("a", encoding="utf-8")
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(f"{path} cannot be used: {error}", hint="Remove it.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def get(self, *asked: Any) -> str | None:
        """The reply to what was asked, which JSON can say."""
        return self._replies.get(_key(asked))

    def keep(self, reply: str, *asked: Any) -> None:
        """Write it down at once."""
        one = {_key(asked): reply}
        self._replies |= one
        self._file.write(json.dumps(one) + "\n")
        self._file.flush()


def _key(asked: tuple[Any, ...]) -> str:
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
