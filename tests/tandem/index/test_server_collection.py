import pytest
from pydantic import ValidationError
from qdrant_client import models

from tandem.index.server_collection import create
from tandem.settings import IndexSettings


class FakeClient:
    """Notes what would be sent."""

    def __init__(self) -> None:
        self.made: dict[str, object] = {}

    async def create_collection(self, name: str, **wanted: object) -> None:
        self.made = {"name": name, **wanted}


async def made(**settings: object) -> dict[str, object]:
    client = FakeClient()
    chosen = IndexSettings.model_validate(settings)
    await create(client, chosen, dimension=8, embedder={"fingerprint": "f"})  # type: ignore[arg-type]
    return client.made


async def test_a_collection_is_kept_as_often_as_the_settings_say() -> None:
    sent = await made(server_shards=6, server_replicas=2, server_write_replicas=2)
    assert (sent["shard_number"], sent["replication_factor"], sent["write_consistency_factor"]) == (6, 2, 2)
    assert sent["metadata"] == {"fingerprint": "f"}


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [("scalar", models.ScalarQuantization), ("binary", models.BinaryQuantization), ("none", type(None))],
)
async def test_vectors_have_small_copies_in_memory(wanted: str, kind: type) -> None:
    sent = await made(server_quantization=wanted)
    assert isinstance(sent["vectors_config"]["dense"].quantization_config, kind)  # type: ignore[index]


def test_more_machines_cannot_be_waited_for_than_have_a_copy() -> None:
    with pytest.raises(ValidationError, match="is above server_replicas"):
        IndexSettings(server_replicas=1, server_write_replicas=2)
