"""`tandem prompts`: versions of prompts, saved, compared, tagged, restored, and as files."""

import sys
from pathlib import Path
from typing import Any

from rich.markup import escape

from tandem.cli.opened import author, opened_store
from tandem.cli.output import print_json, stdout
from tandem.errors import InvalidRequestError
from tandem.prompts import check_name, check_prompt, diff
from tandem.prompts.files import PromptFile, read_prompts, write_prompts
from tandem.settings import Settings
from tandem.store import PromptVersion


def list_prompts(settings: Settings, *, as_json: bool) -> None:
    """Print the newest version of every prompt."""
    with opened_store(settings) as store:
        _print(store.prompts(), as_json=as_json)


def print_history(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print the versions of a prompt, newest first. Raises `NotFoundError`."""
    with opened_store(settings) as store:
        _print(store.prompt_history(name), as_json=as_json)


def show_prompt(settings: Settings, label: str, *, as_json: bool) -> None:
    """Print the text of `NAME` or `NAME@VERSION`. Raises `NotFoundError`."""
    with opened_store(settings) as store:
        found = store.prompt(*_parts(label))
    if as_json:
        print_json(_as_json(found) | {"text": found.text})
    else:
        sys.stdout.write(found.text)


def save_prompt(settings: Settings, name: str, file: Path | None, note: str) -> None:
    """Save the text of a file, or of stdin. Raises `InvalidPromptError`."""
    check_name(name)
    try:
        text = file.read_text("utf-8") if file else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="file") from error
    text = check_prompt(text)
    with opened_store(settings) as store:
        saved, made = store.save_prompt(name, text, author(), note)
    stdout.print(f"{'saved' if made else 'unchanged'}  {saved.label}  {saved.hash[:12]}")


def print_diff(settings: Settings, name: str, before: str | None, after: str | None) -> None:
    """Print what has changed, by default with the newest version. Raises `NotFoundError`."""
    with opened_store(settings) as store:
        new = store.prompt(name, after)
        old = store.prompt(name, before or str(max(1, new.number - 1)))
    changes = diff(old.text, new.text, old.label, new.label)
    if changes:
        print(changes)


def tag_prompt(settings: Settings, name: str, tag: str, version: str | None, *, remove: bool) -> None:
    """Move a tag, or take it away. Raises `NotFoundError`, `InvalidRequestError`."""
    with opened_store(settings) as store:
        if remove:
            store.untag_prompt(name, tag, author())
            stdout.print(f"untagged  {escape(name)}  {escape(tag)}")
            return
        tagged = store.tag_prompt(name, tag, version, author())
    stdout.print(f"tagged  {tagged.label}  {tag}")


def restore_prompt(settings: Settings, label: str, note: str) -> None:
    """Let an old text be the newest version. Raises `NotFoundError`."""
    name, version = _parts(label)
    if version is None:
        raise InvalidRequestError("Name the version to restore", hint="tandem prompts restore NAME@VERSION")
    with opened_store(settings) as store:
        restored = store.restore_prompt(name, version, author(), note)
    stdout.print(f"restored  {restored.label}  {restored.hash[:12]}")


def export_prompts(settings: Settings, folder: Path, labels: list[str]) -> None:
    """Write prompts as files, all by default. Raises `NotFoundError`, `StorageError`."""
    with opened_store(settings) as store:
        found = [store.prompt(*_parts(label)) for label in labels] if labels else store.prompts()
    write_prompts(folder, [PromptFile(one.name, one.text, one.author, one.note) for one in found])
    for one in found:
        stdout.print(f"written  {one.label}  {one.hash[:12]}")


def import_prompts(settings: Settings, folder: Path) -> None:
    """Save every prompt of a folder; nothing, if one of them is refused. Raises `InvalidPromptError`."""
    found = read_prompts(folder)
    with opened_store(settings) as store:
        for one in found:
            note = one.note if one.author else "Imported"
            saved, made = store.save_prompt(one.name, one.text, one.author or author(), note)
            stdout.print(f"{'saved' if made else 'unchanged'}  {saved.label}  {saved.hash[:12]}")


def _parts(label: str) -> tuple[str, str | None]:
    name, at, version = label.partition("@")
    return name, version if at else None


def _print(versions: list[PromptVersion], *, as_json: bool) -> None:
    if as_json:
        print_json([_as_json(one) for one in versions])
        return
    for one in versions:
        tags = " ".join(f"[{tag}]" for tag in one.tags)
        what = "  ".join(part for part in (one.author, one.note, tags) if part)
        stdout.print(f"{one.label:<20}  {one.hash[:12]}  {one.created_at:%Y-%m-%d %H:%M}  {escape(what)}")


def _as_json(version: PromptVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "number": version.number,
        "hash": version.hash,
        "author": version.author,
        "note": version.note,
        "created_at": version.created_at.isoformat(),
        "tags": list(version.tags),
    }
