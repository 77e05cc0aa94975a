"""Judges whether two documents say the same.

Candidates come from MinHash (A. Broder, "On the resemblance and containment of documents", 1997) in bands
that the store looks up; whether they are near duplicates is then decided on the texts themselves.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem.store import DocumentRecord, Original, Store
from tandem.vocabulary import Document, Marks

_PERMUTATIONS = 128
_ROWS = 8
"""Values in a band: two texts of similarity 0.9 share one of the 16 bands with probability 0.9999."""

_SHINGLE = 3
_MIX = 0x9E3779B97F4A7C15
"""An odd number without a pattern, that of Fibonacci hashing (D. Knuth, TAOCP 6.4)."""

_WORD = re.compile(r"\w+")
_FIGURE = re.compile(r"\S*\d\S*")
_AROUND_FIGURES = ".,;:!?()[]{}<>|*_'\"`"


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what a document's duplicates are known.

    Documents under other marks are found by other questions, so they are never duplicates.
    """

    document: Document
    text_hash: str
    bands: tuple[str, ...]
    least: float
    """Least Jaccard similarity of a near duplicate; 0 where only the same text counts."""

    @classmethod
    def of(cls, document: Document, least: float) -> "Likeness":
        """Blocking; takes milliseconds for a long text."""
        return cls(document, _text_hash(document), _bands_of(document) if least else (), least)

    def is_like(self, record: DocumentRecord) -> bool:
        """Whether a document with its text says the same under the same marks. Blocking."""
        other = record.as_document()
        if marks_key(other.marks) != marks_key(self.document.marks):
            return False
        if not outlives(self.document.marks.expires_at, other.marks.expires_at):
            return False
        return _text_hash(other) == self.text_hash or (
            self.least > 0 and are_near(self.document.text, other.text, self.least)
        )


def are_near(text: str, other: str, least: float) -> bool:
    """Whether the Jaccard similarity of the texts' three-word shingles is at least `least`.

    Texts whose figures differ are never near: two invoices that differ in an amount alone are two.
    """
    if _figures(text) != _figures(other):
        return False
    one, two = _shingles(_words(text)), _shingles(_words(other))
    union = len(one | two)
    return union > 0 and len(one & two) >= least * union


def find_original(
    store: Store, likeness: Likeness, groups: Sequence[str], besides: str | None = None
) -> Original | None:
    """The document of the corpus that says the same and is searched, but not `besides`. Blocking.

    It has the same access `groups`: else some caller could see one of the two, and would find neither.
    """
    document = likeness.document
    exact = store.same_text(document, likeness.text_hash, besides, groups)
    if exact is not None or not likeness.bands:
        return exact
    candidates = store.near_texts(document, likeness.bands, besides, groups)
    return next((one for one, text in candidates if are_near(document.text, text, likeness.least)), None)


def _text_hash(document: Document) -> str:
    """Equal for documents that say the same words under the same marks, whatever their white space."""
    digest = hashlib.sha256(" ".join(document.text.split()).casefold().encode("utf-8", "replace"))
    digest.update(marks_key(document.marks).encode())
    return digest.hexdigest()


def _bands_of(document: Document) -> tuple[str, ...]:
    """Hashes of the bands of the text's MinHash; none for a text that is too short for it."""
    from datasketch import MinHash

    hashes = _shingle_hashes(_words(document.text))
    if not hashes:
        return ()
    sketch = MinHash(num_perm=_PERMUTATIONS, scheme="affine32", hashfunc=int)
    sketch.update_batch(hashes)
    marks = marks_key(document.marks).encode()
    return tuple(
        hashlib.sha256(sketch.hashvalues[start : start + _ROWS].tobytes() + marks).hexdigest()[:32]
        for start in range(0, _PERMUTATIONS, _ROWS)
    )


def _figures(text: str) -> list[str]:
    """In their order, for two that changed places say something else; with signs and units that touch them."""
    return [found.strip(_AROUND_FIGURES) for found in _FIGURE.findall(text)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _shingle_hashes(words: Sequence[str]) -> list[int]:
    """A number of 32 bits for each shingle. Collisions do no harm: they only add candidates."""
    import numpy as np

    codes = np.fromiter(
        (zlib.crc32(word.encode("utf-8", "replace")) for word in words), np.uint64, len(words)
    )
    many = max(0, len(words) - _SHINGLE + 1)
    mixed = np.zeros(many, np.uint64)
    for start in range(_SHINGLE):
        mixed = (mixed ^ codes[start : start + many]) * np.uint64(_MIX)
        mixed ^= mixed >> np.uint64(29)
    hashes: list[int] = np.unique(mixed >> np.uint64(32)).tolist()
    return hashes


def _shingles(words: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(*(words[start:] for start in range(_SHINGLE)), strict=False))


def outlives(expires_at: datetime | None, other: datetime | None) -> bool:
    """Whether what expires at the first moment can stand for what expires at the second; `None` is never."""
    return expires_at is None or (other is not None and expires_at >= other)


def marks_key(marks: Marks) -> str:
    """Equal for marks by which the same questions find a document. When it expires is not one of them."""
    return json.dumps([sorted(marks.tags), sorted(marks.metadata.items())])
