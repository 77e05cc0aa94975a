"""Writes a training set as a folder: whole, or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tandem.errors import ConflictError, StorageError

TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, which is called `out` when the block ends well and is gone when it does not.

    Raises `ConflictError` where `out` is there already, `StorageError` where it cannot be written.
    """
    check_free(out)
    making = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        making.mkdir(parents=True)
        yield making
        check_free(out)
        making.rename(out)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}", param="out") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def check_free(out: Path) -> None:
    """Raises `ConflictError` where there is something already."""
    if out.exists():
        raise ConflictError(
            f"{out} is there already", param="out", hint="Name another folder: a training set never changes."
        )


def hash_of(*files: Path) -> str:
    """SHA-256, in hex, over the files one after another."""
    digest = sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
