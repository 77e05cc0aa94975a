"""Passages for tests, cut from one text."""

from tandem.vocabulary import Chunk, Passage, chunk_id, document_id


def passage(
    text: str, *, ordinal: int = 0, start: int = 0, similarity: float = 0.8, title: str = "Manual"
) -> Passage:
    document = document_id("default", "docs", "manual.md")
    chunk = Chunk(
        id=chunk_id(document, "v1", ordinal),
        tenant="default",
        corpus="docs",
        document_id=document,
        version="v1",
        ordinal=ordinal,
        text=text,
        start=start,
        end=start + len(text),
        title=title,
        uri="manual.md",
        page=2,
        section="Care > Cleaning",
    )
    return Passage(chunk, score=1.0, similarity=similarity)
