"""Counts tokens of the language model without asking the engine, and keeps its special ones out of texts."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import jinja2
from tokenizers import Tokenizer

from tandem.chat_template import ChatTemplate, read_chat_template
from tandem.special_tokens import breaker, split

_CHARS_PER_TOKEN = 3
"""Below the 3.5 to 4.5 of English text, so that an estimate never overfills the context."""
_PER_MESSAGE = 8
"""Tokens of a message's role and its ends, where no chat template says it."""
_REPLY = 8
"""Tokens that open the answer, and may open the prompt, where no chat template says it."""
_CACHED_TEXTS = 4_096
"""Texts that are remembered: passages come again and again."""
_TRIES = 8


class ModelTokens(Protocol):
    """What is known of a model's tokens."""

    @property
    def exact(self) -> bool:
        """Whether the model's own tokenizer and chat template count; else it is an estimate, on the safe side."""

    @property
    def reply(self) -> str:
        """What stands between the conversation and the model's answer, as far as it is known."""

    def count(self, text: str) -> int:
        """Tokens of a text, without those that mark its start or end."""

    def count_chat(self, messages: Sequence[Mapping[str, str]]) -> int:
        """Tokens of a whole prompt, as the engine makes it of the messages."""

    def plain(self, text: str) -> str:
        """The text with everything in it broken that the model would read as a special token or role."""


class OwnTokens:
    """By the tokenizer and the chat template in a model's folder."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None) -> None:
        self.exact = template is not None
        self._tokenizer = tokenizer
        self._template = template
        self.reply = template.reply() if template else ""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        added = tokenizer.get_added_tokens_decoder()
        # Some tokenizers add runs of white space and plain words too, which mean nothing else.
        special = {
            number: token.content
            for number, token in added.items()
            if token.special or not (token.content.isspace() or token.content[:1].isalnum())
        }
        unknown = json.loads(tokenizer.to_str())["model"].get("unk_token")
        self._special = frozenset(number for number, mark in special.items() if mark != unknown)
        roles = template.role_marks(list(special.values())) if template else ()
        self._break = breaker([*special.values(), *roles])
        self._read = lru_cache(_CACHED_TEXTS)(self._plain_with_count)
        self._counted = lru_cache(_CACHED_TEXTS)(self._count)

    def count(self, text: str) -> int:
        """As the protocol says."""
        return self._counted(text)

    def count_chat(self, messages: Sequence[Mapping[str, str]]) -> int:
        """As the protocol says; a prompt that the template refuses is estimated: the engine will say why."""
        if self._template is not None:
            try:
                return self._count(self._template.render(messages))
            except jinja2.TemplateError:
                pass
        return _sum(messages, self._count)

    def plain(self, text: str) -> str:
        """As the protocol says."""
        return self._read(text)

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _plain_with_count(self, text: str) -> str:
        text = self._break(text)
        # A tokenizer may fold letters before it looks for special tokens, so it has the last word.
        for _ in range(_TRIES):
            encoded = self._tokenizer.encode(text, add_special_tokens=False)
            places = [
                place
                for number, place in zip(encoded.ids, encoded.offsets, strict=True)
                if number in self._special
            ]
            if not places:
                return text
            for start, end in reversed(places):
                text = f"{text[:start]}{split(text[start:end])}{text[end:]}"
        for start, end in reversed(places):
            text = f"{text[:start]} {text[end:]}"
        return text


class EstimatedTokens:
    """By the length of the text: an engine at an address may serve a model that this machine has never seen."""

    exact = False
    reply = ""

    def __init__(self) -> None:
        self._break = breaker()

    def count(self, text: str) -> int:
        """As the protocol says."""
        return -(-len(text) // _CHARS_PER_TOKEN)

    def count_chat(self, messages: Sequence[Mapping[str, str]]) -> int:
        """As the protocol says."""
        return _sum(messages, self.count)

    def plain(self, text: str) -> str:
        """As the protocol says, for the special tokens of well-known models."""
        return self._break(text)


def load_tokens(model_dir: Path | None) -> ModelTokens:
    """By the model's own tokenizer, or an estimate where its folder is not at hand."""
    file = model_dir / "tokenizer.json" if model_dir else None
    if model_dir is None or file is None or not file.is_file():
        return EstimatedTokens()
    return OwnTokens(Tokenizer.from_file(str(file)), read_chat_template(model_dir))


def _sum(messages: Sequence[Mapping[str, Any]], count: Callable[[str], int]) -> int:
    return _REPLY + sum(_PER_MESSAGE + count(message["content"]) for message in messages)
