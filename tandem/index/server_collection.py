"""How a collection is made on a Qdrant server: its vectors, its parts, how often each is kept."""

from collections.abc import Mapping
from typing import Any

from qdrant_client import AsyncQdrantClient, models

from tandem.index.points import BM25, DENSE, KEYWORDS, NUMBERS
from tandem.settings import IndexSettings

_QUANTILE = 0.99
"""The share of a vector's numbers that scalar quantization spans; the few beyond are cut to its ends."""


async def create(
    client: AsyncQdrantClient, settings: IndexSettings, *, dimension: int, embedder: Mapping[str, Any]
) -> None:
    """Make the collection. `embedder` is noted in it, so that no other one's vectors are ever written there."""
    await client.create_collection(
        settings.collection,
        vectors_config={
            DENSE: models.VectorParams(
                size=dimension,
                distance=models.Distance.COSINE,
                on_disk=settings.server_vectors_on_disk,
                quantization_config=_quantization(settings),
            )
        },
        sparse_vectors_config={BM25: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        shard_number=settings.server_shards,
        replication_factor=settings.server_replicas,
        write_consistency_factor=settings.server_write_replicas,
        on_disk_payload=True,
        metadata=dict(embedder),
    )


async def index_payload(client: AsyncQdrantClient, settings: IndexSettings) -> None:
    """Indexes on the payload keys that searches filter by; those that are there stay."""
    name = settings.collection
    there = (await client.get_collection(name)).payload_schema
    for key in ("tenant", *KEYWORDS, *(f"metadata.{each}" for each in settings.metadata_keys)):
        if key not in there:
            # What a tenant has lies together, so that a search of one reads no other's.
            schema = models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=key == "tenant"
            )
            await client.create_payload_index(name, key, schema)
    for key in NUMBERS:
        if key not in there:
            await client.create_payload_index(name, key, models.PayloadSchemaType.FLOAT)


def _quantization(settings: IndexSettings) -> models.ScalarQuantization | models.BinaryQuantization | None:
    """Small copies of the vectors that stay in memory; the vectors themselves decide among the best."""
    match settings.server_quantization:
        case "scalar":
            kind = models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=_QUANTILE, always_ram=True
            )
            return models.ScalarQuantization(scalar=kind)
        case "binary":
            return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
        case _:
            return None
