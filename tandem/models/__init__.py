"""Models: where they come from, and how one becomes a folder that vLLM, transformers and peft read."""

from tandem.models.materialise import link_model, prepare_model
from tandem.models.sources import FolderSource, HubSource, ModelSource, PackageSource, resolve_source

__all__ = [
    "FolderSource",
    "HubSource",
    "ModelSource",
    "PackageSource",
    "link_model",
    "prepare_model",
    "resolve_source",
]
