"""`tandem eval sets split`."""

import json
from pathlib import Path

import pytest

from eval.sets.reading import read_cases
from finetune.dataset.questions import read_questions
from tandem.cli.eval_sets_splitting import split_file
from tandem.errors import ConflictError, InvalidRequestError


def questions(folder: Path, documents: int) -> Path:
    """Four questions to each document."""
    file = folder / "asked.jsonl"
    lines = [
        {"question": f"What is {n} of {m}?", "answers": [f"{n}{m}"], "doc_ids": [f"{m}.md"]}
        for m in range(documents)
        for n in range(4)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_no_document_is_on_both_sides_and_nothing_is_lost(tmp_path: Path) -> None:
    file = questions(tmp_path, 10)
    split_file(file, 0.3, 0, None, force=False, as_json=False)
    train, held = (read_cases(tmp_path / f"asked.{part}.jsonl") for part in ("train", "held"))
    assert not {one.documents for one in train} & {one.documents for one in held}
    assert sorted(one.id for one in [*train, *held]) == sorted(one.id for one in read_cases(file))
    assert len(held) == 12
    # The training set is made of the very file.
    assert [one.answers for one in read_questions(tmp_path / "asked.train.jsonl")] == [
        one.references for one in train
    ]


def test_the_seed_parts_and_files_that_are_there_stay(tmp_path: Path) -> None:
    file = questions(tmp_path, 10)
    for seed, folder in ((0, "a"), (0, "b"), (1, "c")):
        split_file(file, 0.3, seed, tmp_path / folder, force=False, as_json=True)
    held = {folder: (tmp_path / folder / "asked.held.jsonl").read_text() for folder in "abc"}
    assert held["a"] == held["b"]
    assert held["a"] != held["c"]
    with pytest.raises(ConflictError, match="is there already"):
        split_file(file, 0.5, 1, tmp_path / "a", force=False, as_json=False)
    assert (tmp_path / "a" / "asked.held.jsonl").read_text() == held["a"]
    split_file(file, 0.3, 1, tmp_path / "a", force=True, as_json=False)
    assert (tmp_path / "a" / "asked.held.jsonl").read_text() == held["c"]


def test_questions_to_one_document_cannot_be_parted(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="hang together"):
        split_file(questions(tmp_path, 1), 0.3, 0, None, force=False, as_json=False)
    assert not (tmp_path / "asked.train.jsonl").exists()
