"""`adapter.json`: all that is known of a version, beside its weights, so that the folder explains itself."""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tandem.adapters.naming import MOST_AUTHOR, MOST_NOTE
from tandem.adapters.version import AdapterFacts, AdapterVersion
from tandem.errors import InvalidRequestError

CARD, FACTS = "card.md", "adapter.json"
MOST_BYTES = 16 * 1024 * 1024
_FORMAT = "tandem-adapter/1"


class FileEntry(BaseModel):
    """One file of the version."""

    model_config = ConfigDict(extra="forbid")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0, lt=2**50)


class VersionFile(BaseModel):
    """What `adapter.json` says. `files` are all but itself."""

    model_config = ConfigDict(extra="forbid")
    format: str
    name: str
    number: int = Field(ge=1)
    facts: AdapterFacts
    rank: int
    author: str = Field(max_length=MOST_AUTHOR)
    note: str = Field(max_length=MOST_NOTE)
    created_at: str
    unserved: tuple[str, ...]
    files: dict[str, FileEntry]


def write_version_file(folder: Path, version: AdapterVersion) -> None:
    """Write what is known of a version, with the files that it has so far, into its folder."""
    content = {
        "format": _FORMAT,
        "name": version.name,
        "number": version.number,
        "facts": asdict(version.facts),
        "rank": version.rank,
        "author": version.author,
        "note": version.note,
        "created_at": version.created_at.isoformat(),
        "unserved": version.unserved,
        "files": {
            name: {"sha256": digest, "size": version.sizes[name]} for name, digest in version.files.items()
        },
    }
    (folder / FACTS).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_version_file(content: bytes) -> VersionFile:
    """What `write_version_file` wrote. Raises `InvalidRequestError` for anything else."""
    try:
        found = VersionFile.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequestError(
            f"{FACTS} cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint="Is it a file of `tandem adapters export`?",
        ) from error
    if found.format != _FORMAT:
        raise InvalidRequestError(
            f"{FACTS} is of the format {found.format[:40]!r}, and this Tandem reads {_FORMAT!r}",
            hint="Use the version of Tandem that wrote it, or a newer one.",
        )
    return found
