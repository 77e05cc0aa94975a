"""Names of adapters and of their versions, and which facts can be kept."""

import json
import re
from typing import Any

from tandem.abstention import abstaining_of
from tandem.adapters.version import AdapterFacts
from tandem.errors import InvalidRequestError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
MOST_AUTHOR, MOST_NOTE = 128, 10_000
"""Characters."""
_MOST_BASE = 500
_MOST_CHARS = 1_000_000


def check_adapter_name(name: str) -> None:
    """Raises `InvalidRequestError` for a name that could not be a folder's, or not be told from a version."""
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name!r} cannot be the name of an adapter",
            param="name",
            hint="Up to 64 of a-z, 0-9, - and _, beginning with a letter or digit.",
        )


def split_ref(ref: str) -> tuple[str, str | None]:
    """Name and version of `NAME@NUMBER`, `NAME@TAG` or `NAME`."""
    name, at, version = ref.partition("@")
    return name, version if at else None


def check_facts(facts: AdapterFacts) -> None:
    """Raises `InvalidRequestError` for facts that are no hashes, no JSON, or not finite."""
    for key, digest in (("base_hash", facts.base_hash), ("data_hash", facts.data_hash)):
        if not _HASH.fullmatch(digest) and (key == "base_hash" or digest):
            raise InvalidRequestError(f"{key} is {digest[:80]!r}, which is no SHA-256 in hex", param=key)
    if not 0 < len(facts.base) <= _MOST_BASE:
        raise InvalidRequestError("The source of the base model is not said", param="base")
    if not 0 <= facts.seconds < float("inf"):
        raise InvalidRequestError(f"seconds is {facts.seconds}", param="seconds")
    for key, values in (("parameters", facts.parameters), ("metrics", facts.metrics)):
        _check_json(key, values)
    abstaining_of(facts.metrics)


def check_words(author: str, note: str) -> None:
    """Raises `InvalidRequestError` for an author or a note that is too long, or no text."""
    for key, words, most in (("author", author, MOST_AUTHOR), ("note", note, MOST_NOTE)):
        try:
            words.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequestError(f"{key} holds characters that are no text", param=key) from error
        if len(words) > most or "\0" in words:
            raise InvalidRequestError(f"{key} has more than {most:,} characters, or NUL", param=key)


def _check_json(key: str, values: dict[str, Any]) -> None:
    try:
        text = json.dumps(values, allow_nan=False, ensure_ascii=False)
        text.encode()  # lone halves of a character are no text
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"{key} cannot be kept: {error}",
            param=key,
            hint="JSON with finite numbers is. A loss that is no number means that the training has diverged.",
        ) from error
    if len(text) > _MOST_CHARS or "\\u0000" in text:
        raise InvalidRequestError(f"{key} is too long, or holds characters that are no text", param=key)
