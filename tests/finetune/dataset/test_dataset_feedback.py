"""Votes: only good answers are learnt from, and the others are counted."""

import json
from pathlib import Path

import pytest

from finetune.dataset.feedback import read_feedback
from tandem.errors import InvalidRequestError

ABSTENTION = "I don't know."


def votes(folder: Path, *rows: dict[str, object]) -> Path:
    file = folder / "votes.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def vote(verdict: str = "up", **other: object) -> dict[str, object]:
    row = {"question": "When?", "answer": "At seven. [1] Not later. [2, 3]", "documents": ["a.md"]}
    return row | {"verdict": verdict} | other


def test_a_good_answer_becomes_a_reference_without_its_marks(tmp_path: Path) -> None:
    (one,), dropped = read_feedback(votes(tmp_path, vote()), ABSTENTION)
    assert (one.question, one.answers, one.documents) == ("When?", ("At seven. Not later.",), ("a.md",))
    assert not dropped


def test_other_votes_are_counted_by_why_they_teach_nothing(tmp_path: Path) -> None:
    file = votes(
        tmp_path,
        vote(),
        vote("down"),
        vote("down"),
        vote(answer="I don’t know.".replace("’", "'")),
        vote(documents=[]),
    )
    found, dropped = read_feedback(file, ABSTENTION)
    assert len(found) == 1
    assert dropped == {"voted down": 2, "no answer was given": 1, "cites no document": 1}


def test_feedback_without_a_good_answer_is_refused_with_the_counts(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="2 voted down"):
        read_feedback(votes(tmp_path, vote("down"), vote("down")), ABSTENTION)


def test_an_unknown_verdict_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="line 2: verdict"):
        read_feedback(votes(tmp_path, vote(), vote("fine")), ABSTENTION)
