"""From a source to a folder in the data folder: made once, checked at every start."""

import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from tandem.errors import InvalidRequestError, ModelSourceError
from tandem.models.disk import one_at_a_time, put_in_place, storage_errors
from tandem.models.folder import check_folder
from tandem.models.gguf_file import convert_gguf
from tandem.models.hub import download_snapshot
from tandem.models.manifest import Origin, find_damage, read_manifest, sha256_of, write_manifest
from tandem.models.sources import FolderSource, HubSource, PackageSource, resolve_source

Report = Callable[[str], None]
_LINK = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


def prepare_model(source: str, data_dir: Path, report: Report, *, verify: bool = False) -> Path:
    """The folder of safetensors, tokenizer and chat template of `source`; `report` hears of every step.

    A local folder is used where it stands. Anything else goes to `data_dir/models/`, and a folder made
    earlier is returned at once if its files have the listed sizes; `verify` compares every hash as well.
    A damaged or half-made folder is made again. Safe with several processes; blocks for minutes at most
    when something must be made. Raises `ModelSourceError` and `StorageError`; neither leaves a half.
    """
    resolved = resolve_source(source)
    match resolved:
        case FolderSource(path):
            check_folder(path)
            report(f"Model: the folder {path}")
            return path
        case PackageSource():
            gguf = resolved.gguf()
            if gguf is None:
                return _folder_in_package(resolved, report)
        case HubSource():
            gguf = None
    models = data_dir.resolve() / "models"
    goal = models / resolved.slug
    with storage_errors(models):
        models.mkdir(parents=True, exist_ok=True)
        lock = models / f".{resolved.slug}.lock"
        with one_at_a_time(
            lock, lambda: report(f"Model: waiting for another process that makes {goal.name}")
        ):
            if not _is_whole(goal, source, gguf, report, verify=verify):
                _make(resolved, source, gguf, goal, report)
    return goal


def link_model(folder: Path, data_dir: Path, name: str) -> Path:
    """Let `name` in the folder of models mean this model, in one step; returns the link.

    Raises `InvalidRequestError` for what is no name of a link, or is another model.
    """
    link = data_dir.resolve() / "models" / name
    if not _LINK.fullmatch(name) or (link.exists() and not link.is_symlink()):
        raise InvalidRequestError(
            f"{name!r} cannot be a link to a model",
            param="link",
            hint="Letters, digits and hyphens, and no model's.",
        )
    with storage_errors(link.parent):
        link.parent.mkdir(parents=True, exist_ok=True)
        # Not the process's number: in two containers of one volume it is the same.
        fresh = link.with_name(f".{name}.{secrets.token_hex(4)}")
        fresh.symlink_to(os.path.relpath(folder, link.parent))
        fresh.replace(link)
    return link


def _folder_in_package(package: PackageSource, report: Report) -> Path:
    folder = package.folder_with("config.json")
    if folder is None:
        raise ModelSourceError(
            f"The package {package.name} {package.version} carries no model",
            hint="It needs a GGUF file, or a folder with config.json and safetensors.",
        )
    check_folder(folder)
    report(f"Model: {folder} of the package {package.name}")
    return folder


def _is_whole(goal: Path, source: str, gguf: Path | None, report: Report, *, verify: bool) -> bool:
    """Whether `goal` is what its list says, and was made from this source as it is now."""
    if not goal.exists():
        return False
    manifest = read_manifest(goal)
    if manifest is None:
        report(f"Model: {goal} is half made, making it again")
        return False
    origin = manifest.origin
    changed = origin.source != source or (
        gguf is not None
        and (gguf.stat().st_size != origin.size or (verify and sha256_of(gguf) != origin.sha256))
    )
    if changed:
        report(f"Model: {source} is not what {goal} was made from, making it again")
        return False
    damage = find_damage(goal, manifest, verify=verify)
    if damage is not None:
        report(f"Model: {goal} is damaged ({damage}), making it again")
        return False
    report(f"Model: {goal} is ready" + (", every hash agrees" if verify else ""))
    return True


def _make(
    resolved: PackageSource | HubSource, source: str, gguf: Path | None, goal: Path, report: Report
) -> None:
    """Make the folder beside `goal`, then give it its name in one step."""
    made = goal.with_name(f".{goal.name}.making")
    # A download that broke off goes on where it stopped; a conversion starts over.
    resumes = isinstance(resolved, HubSource)
    if not resumes:
        shutil.rmtree(made, ignore_errors=True)
    made.mkdir(exist_ok=True)
    try:
        origin = _fill(resolved, source, gguf, made, report)
        check_folder(made)
        report("Model: hashing what was written")
        write_manifest(made, origin)
    except BaseException:  # also Ctrl-C: a half must not fill the disk
        if not resumes:
            shutil.rmtree(made, ignore_errors=True)
        raise
    put_in_place(made, goal)
    report(f"Model: {goal} is ready")


def _fill(
    resolved: PackageSource | HubSource, source: str, gguf: Path | None, made: Path, report: Report
) -> Origin:
    if isinstance(resolved, HubSource):
        commit = download_snapshot(resolved, made, report)
        shutil.rmtree(made / ".cache", ignore_errors=True)
        return Origin(source, commit, 0)
    assert gguf is not None  # noqa: S101  # a package without one was answered before
    return _convert(gguf, source, made, report)


def _convert(gguf: Path, source: str, made: Path, report: Report) -> Origin:
    report(f"Model: hashing {gguf.name}")
    origin = Origin(source, sha256_of(gguf), gguf.stat().st_size)
    report(f"Model: unpacking {gguf.name} to bf16 safetensors, which takes about a minute")
    convert_gguf(gguf, made)
    return origin
