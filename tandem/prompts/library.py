"""The prompts that come with Tandem."""

from functools import cached_property
from pathlib import Path

from tandem.errors import NotFoundError
from tandem.prompts.rendering import Message, prompt_hash, render

_BUNDLED = Path(__file__).parent


class PromptLibrary:
    """The prompts of one folder of `NAME.jinja` files, read once."""

    def __init__(self, folder: Path = _BUNDLED) -> None:
        self._folder = folder

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {path.stem: path.read_text("utf-8") for path in sorted(self._folder.glob("*.jinja"))}

    def names(self) -> list[str]:
        """All prompts of the folder, sorted."""
        return list(self._texts)

    def text(self, name: str) -> str:
        """The template's text. Raises `NotFoundError` for an unknown name."""
        if name not in self._texts:
            raise NotFoundError(
                f"There is no prompt {name!r}", param="prompt", hint=f"Known: {', '.join(self.names())}."
            )
        return self._texts[name]

    def version(self, name: str) -> str:
        """First 12 hex digits of the text's hash."""
        return prompt_hash(self.text(name))[:12]

    def render(self, name: str, **variables: object) -> list[Message]:
        """The messages of prompt `name`. Raises `NotFoundError`, `InvalidPromptError`."""
        return render(self.text(name), **variables)
