"""Eval sets as files of JSON lines, which read back as the same set."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from eval.case import EvalCase
from eval.sets.hashing import case_fields
from tandem.errors import StorageError


def as_lines(cases: Iterable[EvalCase]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(case_fields(case), ensure_ascii=False) + "\n" for case in cases)


def write_whole(file: Path, text: str) -> None:
    """Let the file hold the text, whole or as before, also where the process is killed or the power goes.

    Raises `StorageError`.
    """
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)
