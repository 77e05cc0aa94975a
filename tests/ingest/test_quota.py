"""A tenant's corpora have a size; what is over it is refused before it is read."""

from pathlib import Path

import pytest
from ingest_parts import opened

from ingest import Ingestor, Upload, pipeline
from tandem.embedding import Embedder
from tandem.errors import QuotaError
from tandem.settings import IngestSettings, LimitSettings
from tandem.store.usage import TenantUsage
from tandem.vocabulary import Caller

ACME, OTHER = Caller("acme"), Caller("other")
_TEXT = "The moon shines over the quiet harbour, and the boats come home before the night. " * 5


def upload(name: str, text: str = _TEXT) -> Upload:
    return Upload(name, name, f"{name}: {text}".encode())


@pytest.fixture(autouse=True)
def _always_counted(monkeypatch) -> None:
    monkeypatch.setattr("ingest.quota._KNOWN_S", 0.0)


async def test_documents_over_the_number_are_refused_before_they_are_read(
    embedder: Embedder, store_url: str | None, tmp_path: Path, monkeypatch
) -> None:
    async with opened(embedder, tmp_path, store_url) as parts:
        limits = LimitSettings(documents=2, tenants={"other": {"documents": 3}})
        ingestor = Ingestor(parts.store, parts.live, IngestSettings(near_duplicates=1), limits=limits)
        for name in ("a.txt", "b.txt"):
            await ingestor.ingest(ACME, "docs", upload(name, name * 50))
        assert parts.store.usage("acme").documents == 2
        assert parts.store.usage("nobody") == TenantUsage(0, 0, 0)
        for n in range(3):
            await ingestor.ingest(OTHER, "docs", upload(f"{n}.txt", f"{n} " * 60))

        await ingestor.ingest(ACME, "docs", upload("a.txt", "Another text, of a known document."))
        monkeypatch.setattr(pipeline, "parse", lambda *given: pytest.fail("it was read"))
        with pytest.raises(QuotaError) as refused:
            await ingestor.ingest(ACME, "docs", upload("c.txt"))
        assert refused.value.param == "limits.documents"
        assert "2 documents; the limit is 2" in refused.value.message
        assert parts.store.usage("acme").documents == 2


async def test_text_over_the_size_is_refused_before_it_is_embedded(
    embedder: Embedder, store_url: str | None, tmp_path: Path
) -> None:
    async with opened(embedder, tmp_path, store_url) as parts:
        limits = LimitSettings(text_mb=0.001)
        ingestor = Ingestor(parts.store, parts.live, IngestSettings(), limits=limits)
        first = await ingestor.ingest(ACME, "docs", upload("a.txt"))
        assert parts.store.usage("acme").chunks == first.chunks
        with pytest.raises(QuotaError) as refused:
            await ingestor.ingest(ACME, "docs", upload("b.txt", _TEXT * 2))
        assert refused.value.param == "limits.text_mb"
        await ingestor.ingest(ACME, "docs", upload("a.txt", _TEXT * 2))
        assert parts.store.usage("acme").documents == 1
        await ingestor.remove.document(ACME, "docs", first.document_id)
        assert parts.store.usage("acme") == TenantUsage(0, 0, 0)
