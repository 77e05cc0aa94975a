"""Token counts of a model whose folder is filled later: in a cluster, servers start while the engine still fetches it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tandem.tokens import EstimatedTokens, ModelTokens, load_tokens


class LaterTokens:
    """An estimate until the folder holds the model's tokenizer, and by that from then on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = load_tokens(folder)

    @property
    def waits(self) -> bool:
        """Whether the tokenizer is not known yet."""
        return isinstance(self._known, EstimatedTokens)

    def look(self) -> None:
        """Take the tokenizer over if it is there now. Blocking: a large one takes a second to read."""
        if self.waits:
            self._known = load_tokens(self._folder)

    @property
    def exact(self) -> bool:
        """As the protocol says."""
        return self._known.exact

    @property
    def reply(self) -> str:
        """As the protocol says."""
        return self._known.reply

    def count(self, text: str) -> int:
        """As the protocol says."""
        return self._known.count(text)

    def count_chat(self, messages: Sequence[Mapping[str, str]]) -> int:
        """As the protocol says."""
        return self._known.count_chat(messages)

    def plain(self, text: str) -> str:
        """As the protocol says."""
        return self._known.plain(text)


def tokens_of(model_dir: Path | None, elsewhere: Path | None) -> ModelTokens:
    """Of the model in `model_dir`, or, where the engine is elsewhere, of the folder that `engine.tokenizer` names, which
    may still be empty; without either, an estimate.
    """
    if model_dir is not None or elsewhere is None:
        return load_tokens(model_dir)
    later = LaterTokens(elsewhere)
    return later if later.waits else load_tokens(elsewhere)
