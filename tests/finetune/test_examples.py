"""The file of a training set: what is written comes back, and what is wrong is named by its line."""

from pathlib import Path

import pytest

from finetune.examples import Kind, TrainingExample, read_examples, write_examples
from tandem.errors import InvalidRequestError

EXAMPLE = TrainingExample(
    id="a",
    kind=Kind.GROUNDED,
    messages=({"role": "user", "content": "Wie groß ist der Tank?"},),
    answer="Neun Liter. [1]",
    question="Wie groß ist der Tank?",
    references=("neun Liter",),
    documents=("tank.md",),
    passages=("c1",),
)


def test_examples_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    write_examples(file, [EXAMPLE, EXAMPLE])
    assert list(read_examples(file)) == [EXAMPLE, EXAMPLE]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    write_examples(file, [EXAMPLE])
    file.write_bytes(file.read_bytes() + b'{"id": 3}\n')
    with pytest.raises(InvalidRequestError, match="line 2"):
        list(read_examples(file))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be read") as caught:
        list(read_examples(tmp_path / "none.jsonl"))
    assert "tandem finetune dataset" in (caught.value.hint or "")
