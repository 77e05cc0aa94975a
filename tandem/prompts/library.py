"""Reads prompt templates and renders them into chat messages."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tandem.errors import NotFoundError

Message = dict[str, str]
"""`{"role": ..., "content": ...}`, as the engine takes it."""

_BUNDLED = Path(__file__).parent


class PromptLibrary:
    """The prompts of one folder of `NAME.jinja` files."""

    def __init__(self, folder: Path = _BUNDLED) -> None:
        self._folder = folder
        # Sandboxed: a prompt is text that people edit, and must not reach Python.
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    def names(self) -> list[str]:
        """All prompts of the folder, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.jinja"))

    def version(self, name: str) -> str:
        """First 12 hex digits of the SHA-256 of the template's text: another text is another version."""
        try:
            text = (self._folder / f"{name}.jinja").read_bytes()
        except FileNotFoundError as error:
            raise _unknown(name, self.names()) from error
        return sha256(text).hexdigest()[:12]

    def render(self, name: str, **variables: Any) -> list[Message]:
        """The messages of prompt `name`, in the order of the template.

        Raises `NotFoundError` for an unknown name.
        """
        messages: list[Message] = []

        def message(role: str, caller: Callable[[], str]) -> str:
            messages.append({"role": role, "content": caller().strip()})
            return ""

        try:
            template = self._environment.get_template(f"{name}.jinja")
        except TemplateNotFound as error:
            raise _unknown(name, self.names()) from error
        template.render(message=message, **variables)
        return messages


def _unknown(name: str, known: list[str]) -> NotFoundError:
    return NotFoundError(f"There is no prompt {name!r}", param="prompt", hint=f"Known: {', '.join(known)}.")
