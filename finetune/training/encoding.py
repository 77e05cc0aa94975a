"""Examples as tokens: exactly those that the engine makes of the same messages, then the answer's and its end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from tokenizers import Tokenizer

from finetune.examples import TrainingExample
from tandem.chat_template import ChatTemplate, read_chat_template
from tandem.errors import InvalidRequestError, ModelSourceError


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """Tokens of a prompt, its answer and the end of the turn."""

    id: str
    ids: tuple[int, ...]
    prompt_tokens: int

    @property
    def answer_tokens(self) -> int:
        """Tokens that are learned, the end of the turn among them."""
        return len(self.ids) - self.prompt_tokens


class ExampleEncoder:
    """By the tokenizer and the chat template in a model's folder. Raises `ModelSourceError` where one is missing."""

    def __init__(self, base: Path) -> None:
        file, template = base / "tokenizer.json", read_chat_template(base)
        if not file.is_file() or template is None:
            missing = "chat template" if file.is_file() else "tokenizer.json"
            raise ModelSourceError(
                f"{base} has no {missing}", hint="Train a model that was tuned for chat: an instruct model."
            )
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._template = template
        self._end = self._end_of_turn(base)

    def encode(self, example: TrainingExample) -> EncodedExample:
        """One example. Raises `InvalidRequestError` where the template refuses its messages."""
        try:
            prompt = self._template.render(example.messages)
        except jinja2.TemplateError as error:
            raise InvalidRequestError(
                f"The chat template refuses example {example.id}: {error}",
                hint="Make the set again with a prompt that this base model takes.",
            ) from error
        before, whole = self._ids(prompt), self._ids(prompt + example.answer)
        # The engine goes on after the prompt's own tokens, so none may reach over its end.
        if whole[: len(before)] != before:
            whole = before + self._ids(example.answer)
        return EncodedExample(example.id, (*whole, self._end), len(before))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _end_of_turn(self, base: Path) -> int:
        """The token at which the engine stops: what the template writes after an answer, if it is one of those."""
        stops = _stop_ids(base, self._tokenizer, self._template)
        if not stops:
            raise ModelSourceError(
                f"{base} names no token that ends an answer",
                hint="Name it as eos_token_id in generation_config.json.",
            )
        question = {"role": "user", "content": "?"}
        try:
            opening = self._template.render([question]) + "!"
            chat = self._template.render([question, {"role": "assistant", "content": "!"}])
        except jinja2.TemplateError:
            return stops[0]
        after = self._ids(chat.removeprefix(opening)) if chat.startswith(opening) else []
        return after[0] if after and after[0] in stops else stops[0]


def fitting(
    encoder: ExampleEncoder, examples: Sequence[TrainingExample], max_length: int
) -> tuple[list[EncodedExample], int]:
    """Examples of at most `max_length` tokens, and how many are longer. Raises where all are."""
    encoded = [encoder.encode(example) for example in examples]
    kept = [example for example in encoded if len(example.ids) <= max_length]
    if encoded and not kept:
        shortest = min(len(example.ids) for example in encoded)
        raise InvalidRequestError(
            f"Every example has more than {max_length} tokens; the shortest has {shortest}",
            param="max_length",
            hint="Raise --max-length, or make a set with fewer or shorter passages.",
        )
    return kept, len(encoded) - len(kept)


def _stop_ids(base: Path, tokenizer: Tokenizer, template: ChatTemplate) -> list[int]:
    """As vLLM takes them: the tokenizer's `eos_token`, and those of generation_config.json."""
    found = []
    if (own := tokenizer.token_to_id(template.names.get("eos_token", ""))) is not None:
        found.append(own)
    for name in ("generation_config.json", "config.json"):
        file = base / name
        listed = json.loads(file.read_text("utf-8")).get("eos_token_id") if file.is_file() else None
        found += listed if isinstance(listed, list) else [] if listed is None else [listed]
    return found
