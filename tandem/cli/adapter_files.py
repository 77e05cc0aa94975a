"""`tandem adapters register`, `export`, `import`, `merge` and `push`: adapters as folders, files and models."""

import json
from pathlib import Path
from typing import Any

from rich.markup import escape

from tandem.adapters import AdapterFacts, AdapterVersion
from tandem.adapters.base import base_hash
from tandem.adapters.bundle import export_adapter, import_adapter, read_bundle_facts
from tandem.adapters.merging import merge_adapter
from tandem.adapters.pushing import push_adapter
from tandem.adapters.taking import TRAINING
from tandem.cli.adapters import adapter_as_json, opened_registry
from tandem.cli.opened import author
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import InvalidRequestError, ModelSourceError
from tandem.models import prepare_model
from tandem.models.naming import name_of
from tandem.settings import Settings

_MOST_BYTES = 16 * 1024 * 1024


def register_adapter(
    settings: Settings, folder: Path, name: str, note: str, base: str | None, *, as_json: bool
) -> None:
    """Register a folder. Its base model is made ready first, so that hash and shapes can be compared.

    Raises `InvalidRequestError` for what is no adapter, or of another base, `ModelSourceError`, `StorageError`.
    """
    said = _training(folder)
    source = base or str(said.get("base") or settings.engine.model)
    model = prepare_model(source, settings.data_dir, progress)
    facts = _facts(said, name_of(source, model), base_hash(model))
    with opened_registry(settings) as (registry, _):
        version = registry.register(folder, name=name, facts=facts, author=author(), note=note, base=model)
    _tell("registered", version, as_json=as_json)


def export_to_file(settings: Settings, label: str, file: Path) -> None:
    """Write a version as one file. Raises `NotFoundError`, `ConflictError`, `StorageError`."""
    with opened_registry(settings) as (registry, _):
        version = registry.get(label)
        export_adapter(registry, version, file)
    stdout.print(f"written  {version.ref}  {escape(str(file))}  {file.stat().st_size} bytes")


def import_file(settings: Settings, file: Path, name: str | None, *, as_json: bool) -> None:
    """Register a file. One of another base is kept, but cannot be served with this engine's model.

    Raises `InvalidRequestError` for a torn or foreign file, `StorageError`.
    """
    wanted = read_bundle_facts(file).facts
    model = _own_base(settings)
    fits = model is not None and base_hash(model) == wanted.base_hash
    with opened_registry(settings) as (registry, _):
        version = import_adapter(registry, file, author=author(), name=name, base=model if fits else None)
    if not fits:
        why = "is of another base model than engine.model" if model else "has a base model that is not here"
        progress(f"{version.ref} {why}: it is kept, and refused at serving. Its base: {version.facts.base}")
    _tell("imported", version, as_json=as_json)


def merge_into_model(settings: Settings, label: str, out: Path, base: str | None) -> None:
    """Write a merged model. Raises as `merge_adapter`."""
    with opened_registry(settings) as (registry, _):
        version = registry.get(label)
        model = prepare_model(base or settings.engine.model, settings.data_dir, progress)
        merge_adapter(registry, version, model, out, progress)
    stdout.print(f"merged  {version.ref}  {escape(str(out))}")
    progress(f"Serve it with TANDEM_ENGINE__MODEL={out}")


def push_to_hub(settings: Settings, label: str, to: str, *, private: bool) -> None:
    """Put a version on a hub. Raises as `push_adapter`."""
    with opened_registry(settings) as (registry, _):
        version = registry.get(label)
        address = push_adapter(registry, version, to, progress, private=private)
    stdout.print(f"pushed  {version.ref}  {escape(address)}")


def _training(folder: Path) -> dict[str, Any]:
    """What the training has noted; empty where it was not Tandem's."""
    file = folder / TRAINING
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise InvalidRequestError(f"{file} is too long", param="folder")
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="folder") from error
    if not isinstance(content, dict):
        raise InvalidRequestError(f"{file} is not a JSON object", param="folder")
    return content


def _facts(said: dict[str, Any], named: str, digest: str) -> AdapterFacts:
    """`base_hash` as the training noted it, so that a base that has changed since is told from it.

    Its time is that of all trainings that led there, one from the weights of another.
    """
    parameters, metrics = said.get("parameters") or {}, said.get("metrics") or {}
    seconds, before = said.get("seconds") or 0, said.get("seconds_before") or 0
    if (
        not isinstance(parameters, dict)
        or not isinstance(metrics, dict)
        or not isinstance(seconds, int | float)
        or not isinstance(before, int | float)
    ):
        raise InvalidRequestError(f"{TRAINING} does not say parameters, metrics and seconds", param="folder")
    return AdapterFacts(
        base=named,
        base_hash=str(said.get("base_hash") or digest),
        data_hash=str(said.get("data_hash") or ""),
        parameters=parameters,
        metrics=metrics,
        seconds=float(seconds) + float(before),
    )


def _own_base(settings: Settings) -> Path | None:
    """The model of this engine; none where it is at an address, or cannot be had now."""
    if settings.engine.address:
        return None
    try:
        return prepare_model(settings.engine.model, settings.data_dir, progress)
    except ModelSourceError as error:
        progress(error.message)
        return None


def _tell(what: str, version: AdapterVersion, *, as_json: bool) -> None:
    if not version.served_unmerged:
        progress(
            f"vLLM does not serve {version.ref} as an adapter: {', '.join(version.unserved)}. "
            f"Merge it: tandem adapters merge {version.ref} --out FOLDER"
        )
    if as_json:
        print_json(adapter_as_json(version))
    else:
        stdout.print(f"{what}  {version.ref}  rank {version.rank}  {version.size} bytes")
