"""From a base and an adapter to one model that needs neither peft nor LoRA to be served."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tandem.adapters.base import base_hash
from tandem.adapters.registry import AdapterRegistry
from tandem.adapters.version import AdapterVersion
from tandem.adapters.version_file import CARD
from tandem.errors import ConflictError, InvalidRequestError, SettingsError
from tandem.extras import hint_for
from tandem.models.disk import put_in_place, require_space, storage_errors
from tandem.models.folder import check_folder

_BESIDE = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
    "chat_template.jinja", "preprocessor_config.json", "processor_config.json",
)  # fmt: skip
"""What a model folder holds beside weights and configuration; copied as it is."""


def merge_adapter(
    registry: AdapterRegistry,
    version: AdapterVersion,
    base: Path,
    out: Path,
    report: Callable[[str], None],
) -> None:
    """Write the model that is `base` with the adapter added to its weights into the new folder `out`.

    In the number kind of the base; memory is that of the base and its largest layer. The folder is there whole
    or not at all. Raises `InvalidRequestError` for another base, `ConflictError` where `out` is there,
    `StorageError` where the disk refuses, `SettingsError` without peft.
    """
    out = out.resolve()
    if out.exists():
        raise ConflictError(f"{out} is there already", hint="Name another folder.", param="out")
    require_base(version, base)
    adapter = registry.verify(version)
    making = out.with_name(f".{out.name}.making")
    with storage_errors(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        try:
            require_space(making, sum(file.stat().st_size for file in base.glob("*.safetensors")))
            report(f"Adding {version.ref} to the weights of {version.facts.base}")
            _merge(base, adapter, making)
            for name in _BESIDE:
                if (base / name).is_file():
                    shutil.copyfile(base / name, making / name)
            shutil.copyfile(adapter / CARD, making / "README.md")
            check_folder(making)
            put_in_place(making, out)
        finally:
            shutil.rmtree(making, ignore_errors=True)


def require_base(version: AdapterVersion, base: Path) -> None:
    """Raises `InvalidRequestError` where the model in `base` is not the one of the adapter."""
    there = base_hash(base)
    if there != version.facts.base_hash:
        raise InvalidRequestError(
            f"{version.ref} is of another base model: of {version.facts.base} with the hash "
            f"{version.facts.base_hash[:12]}, and {base} has {there[:12]}",
            hint="Name its own base; with any other it would answer nonsense.",
            param="base",
        )


def _merge(base: Path, adapter: Path, goal: Path) -> None:
    try:
        from peft import PeftModel
    except ModuleNotFoundError as error:
        raise SettingsError("Merging needs peft", hint=hint_for("finetune")) from error
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype="auto", use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True)
    merged.save_pretrained(goal)
    _forget_adapter(goal)


def _forget_adapter(goal: Path) -> None:
    """Where the base stood on this machine is nobody's business."""
    config = json.loads((goal / "config.json").read_text(encoding="utf-8"))
    if config.pop("_name_or_path", None) is not None:
        (goal / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
