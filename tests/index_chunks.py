"""Chunks that the tests of the index write."""

import numpy as np

from tandem.settings import IndexSettings
from tandem.vocabulary import Chunk, chunk_id, document_id

SETTINGS = IndexSettings()
TEXTS = ("the filter of the pump", "a bridge of stone", "Zorbium is a metal", "the moon over the lake")
VECTORS = np.eye(4, dtype=np.float32)


def chunk(text: str, ordinal: int, tenant: str = "acme", corpus: str = "docs", version: str = "v1") -> Chunk:
    document = document_id(tenant, corpus, "a.md")
    return Chunk(
        chunk_id(document, version, ordinal), tenant, corpus, document, version, ordinal, text, 0, len(text), "A", "a.md"
    )  # fmt: skip
