"""Tokens that are trained on: exactly those that serving makes."""

import json
import shutil
from pathlib import Path

import pytest
from tiny_base import tiny_example
from transformers import AutoTokenizer

from finetune.examples import Kind, TrainingExample
from finetune.training import BaseModel
from finetune.training.encoding import ExampleEncoder, fitting
from tandem.errors import InvalidRequestError, ModelSourceError
from tandem.tokens import load_tokens


def _example(answer: str, *contents: str) -> TrainingExample:
    roles = ("user",) if len(contents) == 1 else ("system", "user", "assistant", "user")
    messages = tuple({"role": role, "content": text} for role, text in zip(roles, contents, strict=True))
    return TrainingExample("e", Kind.GROUNDED, messages, answer, "?", (), ())


EXAMPLES = [
    _example("Neun Liter. [1]", "Wie groß ist der Tank?"),
    _example("I don't know.", "Be brief.", "One?\n\n[1] 1 + 1", "Two [1]", "And   spaces  \n?"),
    _example("  leads with spaces", "x"),
    _example("\nleads with a line", "x"),
    _example("多少升？🚰", "x"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.answer.strip())
def test_the_tokens_are_those_of_the_whole_chat_and_the_prompt_is_its_prefix(
    tiny: BaseModel, example: TrainingExample
) -> None:
    """vLLM makes the prompt by the tokenizer's apply_chat_template, with the generation prompt."""
    tokenizer = AutoTokenizer.from_pretrained(tiny.folder)
    encoded = ExampleEncoder(tiny.folder).encode(example)
    messages = [dict(message) for message in example.messages]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert list(encoded.ids[: encoded.prompt_tokens]) == prompt
    chat = [*messages, {"role": "assistant", "content": example.answer}]
    whole = tokenizer.apply_chat_template(chat, tokenize=False)
    assert tokenizer.decode(encoded.ids) == whole.removesuffix("\n")
    assert encoded.ids[-1] == tokenizer.eos_token_id
    if not example.answer[0].isspace():  # else the prompt's last token reaches over its end
        assert list(encoded.ids) == tokenizer.encode(whole, add_special_tokens=False)[: len(encoded.ids)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.answer.strip())
def test_the_prompt_is_as_long_as_serving_counts_it(tiny: BaseModel, example: TrainingExample) -> None:
    encoded = ExampleEncoder(tiny.folder).encode(example)
    assert encoded.prompt_tokens == load_tokens(tiny.folder).count_chat(example.messages)


def test_examples_that_are_too_long_are_left_out_and_counted(tiny: BaseModel) -> None:
    encoder = ExampleEncoder(tiny.folder)
    examples = [tiny_example(number) for number in range(12)]
    lengths = sorted(len(encoder.encode(example).ids) for example in examples)
    kept, left_out = fitting(encoder, examples, lengths[5])
    assert left_out == sum(length > lengths[5] for length in lengths)
    assert len(kept) == 12 - left_out
    with pytest.raises(InvalidRequestError, match=f"shortest has {lengths[0]}"):
        fitting(encoder, examples, lengths[0] - 1)


def test_a_base_without_a_chat_template_is_refused(tiny: BaseModel, tmp_path: Path) -> None:
    base = shutil.copytree(tiny.folder, tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    with pytest.raises(ModelSourceError, match="no chat template"):
        ExampleEncoder(base)
    (base / "tokenizer.json").unlink()
    with pytest.raises(ModelSourceError, match=r"no tokenizer\.json"):
        ExampleEncoder(base)


def test_the_end_of_a_turn_is_the_templates_own_where_a_model_has_several(
    tiny: BaseModel, tmp_path: Path
) -> None:
    base = shutil.copytree(tiny.folder, tmp_path / "base")
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 2]}))
    settings = json.loads((base / "tokenizer_config.json").read_text())
    (base / "tokenizer_config.json").write_text(json.dumps(settings | {"eos_token": "<|endoftext|>"}))
    assert ExampleEncoder(base).encode(EXAMPLES[0]).ids[-1] == 2


def test_messages_that_the_template_refuses_are_named(tiny: BaseModel, tmp_path: Path) -> None:
    base = shutil.copytree(tiny.folder, tmp_path / "base")
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}hello"
    (base / "chat_template.jinja").write_text(strict)
    with pytest.raises(InvalidRequestError, match="e3: no system role"):
        ExampleEncoder(base).encode(tiny_example(3))
