"""Chunks with every mark by which a search can be narrowed, and which of them each scope is to find."""

from dataclasses import replace
from datetime import UTC, datetime

from index_chunks import VECTORS, chunk

from tandem.index import Index
from tandem.vocabulary import Chunk, Marks, Range, Scope, Where, chunk_id

WORD = "pump"
PAST = datetime(2001, 9, 9, tzinfo=UTC)
OTHER_DOCUMENT = "0a7b1a4e-6a0d-5c3e-9d07-7d1f1d2c3b4a"


def _chunks() -> list[Chunk]:
    old = replace(chunk(f"old {WORD}", 0), marks=Marks(("x",), {"year": 2020, "open": True}))
    new = replace(chunk(f"new {WORD}", 1), marks=Marks(("x", "y"), {"year": 2024.5, "lang": "de"}))
    secret = replace(chunk(f"secret {WORD}", 2, corpus="notes"), groups=("board", "audit"))
    over = replace(chunk(f"over {WORD}", 3), marks=Marks(expires_at=PAST))
    second = replace(
        chunk(f"second {WORD}", 0, version="v2"),
        id=chunk_id(OTHER_DOCUMENT, "v2", 0),
        document_id=OTHER_DOCUMENT,
    )
    return [old, new, secret, over, second, chunk(f"theirs {WORD}", 0, tenant="other")]


MARKED = _chunks()
ALL = {"old", "new", "secret", "second"}


def _where(key: str, *wanted: str | bool | float) -> Where:
    return Where(metadata=((key, wanted),))


SCOPES: dict[str, tuple[Scope, set[str]]] = {
    "tenant": (Scope("acme"), ALL),
    "another tenant": (Scope("other"), {"theirs"}),
    "no tenant": (Scope("nobody"), set()),
    "one corpus": (Scope("acme", ("docs",)), {"old", "new", "second"}),
    "a corpus named twice": (Scope("acme", ("docs", "notes", "docs")), ALL),
    "no corpus": (Scope("acme", ()), set()),
    "a tag": (Scope("acme", where=Where(("x",))), {"old", "new"}),
    "two tags": (Scope("acme", where=Where(("x", "y"))), {"new"}),
    "a range, open above": (Scope("acme", where=Where(metadata=(("year", Range(2021, None)),))), {"new"}),
    "a range, open below": (Scope("acme", where=Where(metadata=(("year", Range(None, 2020)),))), {"old"}),
    "a number": (Scope("acme", where=_where("year", 2020)), {"old"}),
    "numbers": (Scope("acme", where=_where("year", 2020, 2024.5)), {"old", "new"}),
    "a text of several": (Scope("acme", where=_where("lang", "de", "fr")), {"new"}),
    "a truth": (Scope("acme", where=_where("open", True)), {"old"}),
    "an untruth": (Scope("acme", where=_where("open", False)), set()),
    "texts, truths and numbers": (Scope("acme", where=_where("open", "yes", True, 3)), {"old"}),
    "no group": (Scope("acme", groups=()), {"old", "new", "second"}),
    "another group": (Scope("acme", groups=("sales",)), {"old", "new", "second"}),
    "its group": (Scope("acme", groups=("sales", "board")), ALL),
}


async def write(index: Index) -> None:
    """All of them, with vectors at right angles or the same."""
    await index.upsert(MARKED, VECTORS[[0, 1, 2, 3, 0, 0]])
