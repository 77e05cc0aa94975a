"""Prompts as files, for git: `NAME.jinja` with the text, and `NAME.json` with who wrote it and why."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.errors import InvalidPromptError, NotFoundError, StorageError
from tandem.prompts.checking import check_name, check_prompt
from tandem.prompts.rendering import prompt_hash

_TEXT, _SIDE = ".jinja", ".json"


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as it stands in a folder; author and note only where they are of this very text."""

    name: str
    text: str
    author: str | None = None
    note: str = ""


def write_prompts(folder: Path, prompts: Sequence[PromptFile]) -> None:
    """Write them into the folder, over what is there. Raises `StorageError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for prompt in prompts:
            side = {"author": prompt.author, "note": prompt.note, "hash": prompt_hash(prompt.text)}
            (folder / f"{prompt.name}{_TEXT}").write_bytes(prompt.text.encode())
            text = json.dumps(side, ensure_ascii=False, indent=2) + "\n"
            (folder / f"{prompt.name}{_SIDE}").write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}") from error


def read_prompts(folder: Path) -> list[PromptFile]:
    """All prompts of the folder, checked, by name.

    Raises `NotFoundError` for a folder without any, and what `check_prompt` raises, with the file's name.
    """
    found = list(_read(folder))
    if not found:
        raise NotFoundError(f"{folder} holds no prompt", hint="A prompt is a file NAME.jinja.")
    return found


def _read(folder: Path) -> Iterator[PromptFile]:
    for file in sorted(folder.glob(f"*{_TEXT}")):
        check_name(file.stem)
        try:
            text = check_prompt(file.read_bytes().decode())
        except UnicodeDecodeError as error:
            raise InvalidPromptError(f"{file.name} is not UTF-8") from error
        except OSError as error:
            raise StorageError(f"{file} cannot be read: {error.strerror}") from error
        except InvalidPromptError as error:
            raise InvalidPromptError(
                f"{file.name}: {error.message}", hint=error.hint, param=error.param
            ) from error
        side = _side(file.with_suffix(_SIDE))
        if side.get("hash") == prompt_hash(text):
            yield PromptFile(file.stem, text, str(side.get("author")), str(side.get("note", "")))
        else:
            yield PromptFile(file.stem, text)


def _side(file: Path) -> dict[str, Any]:
    try:
        side = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidPromptError(f"{file.name} cannot be read: {error}", hint="Remove it.") from error
    return side if isinstance(side, dict) else {}
