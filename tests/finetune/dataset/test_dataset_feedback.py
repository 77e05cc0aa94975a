"""Votes: only good answers are learnt from, and the others are counted."""

import json
from pathlib import Path

import pytest
from votes import ACME, STRANGER, TRACE, answered

from finetune.dataset.feedback import accepted_feedback, read_feedback
from tandem.errors import InvalidRequestError
from tandem.store import Store, Vote

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


def test_accepted_feedback_teaches_and_a_correction_stands_in_place_of_its_answer(store: Store) -> None:
    answered(store)
    votes = [
        store.vote(Vote("t1", "acme", "ann", "up")),
        store.vote(Vote("t1", "acme", "bob", "down", correction="At eight [1].")),
        store.vote(Vote("t1", "acme", "cy", "down", correction=ABSTENTION)),
    ]
    store.vote(Vote("t1", "acme", "mallory", "up", correction="Never."))
    for one in votes:
        store.review_feedback(ACME, one.id, "accepted")
    questions, dropped = accepted_feedback(store, ACME, ABSTENTION)
    assert [one.answers for one in questions] == [("At seven.",), ("At eight.",)]
    assert {one.question for one in questions} == {TRACE.question}
    assert {one.documents for one in questions} == {("d1",)}
    assert dropped == {"no answer was given": 1}
    with pytest.raises(InvalidRequestError, match="none was accepted"):
        accepted_feedback(store, STRANGER, ABSTENTION)
